"""Models of folders that no test changes, loaded once for all tests of a process, whatever sessions they are in."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from circuitcheck.engine.torch.loaded import pool
from circuitcheck.engine.torch.loaded.model import LoadedModel, load
from circuitcheck.engine.torch.loading.checkpoints import files_state
from circuitcheck.errors import ModelChanged
from circuitcheck.models import ModelSpec

_held: dict[tuple[object, ...], LoadedModel] = {}


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
