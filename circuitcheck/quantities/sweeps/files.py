"""Grids as files: JSON, with a digest of all that it holds, so that what was edited is not believed."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from circuitcheck.digest import digest
from circuitcheck.errors import BadRecord, BadSweep
from circuitcheck.files import read_record, write_whole
from circuitcheck.packed import pack, unpack
from circuitcheck.quantities.sweeps.axis import Axis
from circuitcheck.quantities.sweeps.cells import GridCells, Origin

FORMAT = "circuitcheck grid 1"
_ARRAYS = ("value", "low", "high", "nothing", "p", "rate")


def write_cells(grid: GridCells, path: Path) -> None:
    """Raises BadSweep for another suffix than .json, OSError."""
    if path.suffix != ".json":
        raise BadSweep(
            f"{path} does not end in .json: a grid is written as JSON. grid.save_picture('map.svg') writes a picture."
        )
    held = _held(grid)
    write_whole(path, json.dumps(held | {"digest": digest(held)}, indent=1, ensure_ascii=False) + "\n")


def read_cells(path: Path) -> dict[str, Any]:
    """The fields of a grid that `write_cells` wrote. Raises BadSweep for what is none, or was changed since."""
    found = read_record(path)
    if found is None or found.get("format") != FORMAT:
        raise BadSweep(f"{path} is no grid; expected a file that grid.save(...) wrote.")
    try:
        if digest({key: value for key, value in found.items() if key != "digest"}) != found.get("digest"):
            raise BadSweep(f"{path} was changed since it was written: its digest is another. Make the sweep again.")
        return _fields(found)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        if isinstance(error, BadSweep) and not isinstance(error, BadRecord):
            raise
        raise BadSweep(f"{path} is no whole grid ({error}); expected a file that grid.save(...) wrote.") from error


def _held(grid: GridCells) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "axes": [{"name": axis.name, "words": list(axis.words)} for axis in grid.axes],
        "origin": asdict(grid.origin) | {"models": list(grid.origin.models)},
        "arrays": {name: pack(getattr(grid, name).ravel()) for name in _ARRAYS},
        "state": [str(each) for each in grid.state.ravel()],
        "labels": list(grid.labels),
        "parts": [list(each) for each in grid.parts],
        "method": grid.method,
        "notes": list(grid.notes),
        "looked_at": grid.cells,
    }


def _fields(found: dict[str, Any]) -> dict[str, Any]:
    axes = tuple(Axis(each["name"], tuple(each["words"]), tuple(each["words"])) for each in found["axes"])
    shape = tuple(map(len, axes))
    arrays = {name: unpack(found["arrays"][name]).reshape(shape) for name in _ARRAYS}
    origin = found["origin"]
    return arrays | {
        "axes": axes,
        "origin": Origin(**origin | {"models": tuple(origin["models"])}),
        "state": np.array(found["state"], dtype=str).reshape(shape),
        "labels": tuple(found["labels"]),
        "parts": tuple(tuple(each) for each in found["parts"]),
        "method": found["method"],
        "notes": tuple(found["notes"]),
        "looked_at": int(found["looked_at"]),
    }
