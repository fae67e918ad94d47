"""Where a dictionary of features lies: specs, read without loading anything."""

from pathlib import Path

from circuitcheck.models.spec import BUNDLED

_BUNDLED = Path(__file__).parent / "bundled"


def dictionary_folder(spec: str) -> Path:
    """The folder that a spec means: a path, or `organism/NAME` for a dictionary that comes with a bundled model."""
    path = Path(spec).expanduser()
    model, _, name = spec.partition("/")
    if path.is_dir() or model not in BUNDLED:
        return path
    return _BUNDLED / model / "dictionaries" / name


def bundled_dictionaries(model: str) -> tuple[str, ...]:
    """Their specs."""
    folder = _BUNDLED / model / "dictionaries"
    return tuple(sorted(f"{model}/{each.name}" for each in folder.iterdir() if each.is_dir())) if folder.is_dir() else ()
