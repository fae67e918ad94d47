"""Where a dictionary of features lies: specs, read without loading anything."""

import os
from pathlib import Path

from circuitcheck.files import expanded
from circuitcheck.models.spec import BUNDLED

_BUNDLED = Path(__file__).parent / "bundled"


def dictionary_folder(spec: str) -> Path:
    """The folder that a spec means: a path, or `organism/NAME` for a dictionary that comes with a bundled model."""
    path = expanded(spec)
    model, _, name = spec.partition("/")
    if os.path.isdir(path) or model not in BUNDLED:
        return path
    return _BUNDLED / model / "dictionaries" / name


def bundled_dictionaries(model: str) -> tuple[str, ...]:
    """Their specs."""
    folder = _BUNDLED / model / "dictionaries"
    return tuple(sorted(f"{model}/{each.name}" for each in folder.iterdir() if each.is_dir())) if folder.is_dir() else ()
