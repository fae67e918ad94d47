"""The names that TransformerLens has for models: words in one file, read without importing TransformerLens, which takes
seconds."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from runpy import run_path
from typing import Any


def aliases() -> Mapping[str, Sequence[str]]:
    """The short names of each hub id that has any."""
    found: Mapping[str, Sequence[str]] = _table()["MODEL_ALIASES"]
    return found


def hub_ids() -> Sequence[str]:
    """Those of all models that TransformerLens names."""
    found: Sequence[str] = _table()["OFFICIAL_MODEL_NAMES"]
    return found


@cache
def _table() -> dict[str, Any]:
    package = find_spec("transformer_lens")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("transformer_lens is not installed", name="transformer_lens")
    return run_path(str(Path(package.origin).with_name("supported_models.py")))
