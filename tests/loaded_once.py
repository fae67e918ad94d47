"""What no test changes, read once for all tests of a process: models of folders, and which packages are installed."""

import importlib.metadata
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib.metadata import Distribution
from pathlib import Path

import pytest

from circuitcheck.engine.torch.loaded import pool
from circuitcheck.engine.torch.loaded.model import LoadedModel, load
from circuitcheck.engine.torch.loading.checkpoints import files_state
from circuitcheck.errors import ModelChanged
from circuitcheck.models import ModelSpec

_held: dict[tuple[object, ...], LoadedModel] = {}
_installed: dict[tuple[str, ...], list[Distribution]] = {}


@contextmanager
def models_loaded_once() -> Iterator[None]:
    """A new session finds what others loaded from the same files, if not a byte of it has changed since."""
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(pool, "load", _load_once)
        yield


def _load_once(spec: ModelSpec, *where: object) -> LoadedModel:
    if spec.kind != "folder":
        return load(spec, *where)
    key = (spec, Path(spec.source).resolve(), files_state(spec), *where)
    try:
        _held[key].verify()
    except (KeyError, ModelChanged):
        _held[key] = load(spec, *where)
    return _held[key]


@contextmanager
def packages_read_once() -> Iterator[None]:
    """Each pytest run asks all installed packages for plugins: a tenth of a short run."""
    find = importlib.metadata.distributions

    def found(**how: object) -> list[Distribution]:
        path = tuple(sys.path)
        if how:
            return list(find(**how))  # type: ignore[arg-type]
        if path not in _installed:
            _installed[path] = list(find())
        return _installed[path]

    once = cached_property(Distribution.entry_points.fget)  # type: ignore[attr-defined]
    once.__set_name__(Distribution, "entry_points")
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(importlib.metadata, "distributions", found)
        patches.setattr(Distribution, "entry_points", once)
        yield
