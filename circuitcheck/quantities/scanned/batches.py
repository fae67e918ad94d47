"""sae-dashboard's folders of `batch-N.json`."""

import json
import re
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from circuitcheck.errors import BadRecord
from circuitcheck.files import expanded, write_whole
from circuitcheck.prompts.readable import check_readable
from circuitcheck.quantities.scanned.record import FeatureRecord
from circuitcheck.text import first_line, repeated, shown

_LARGEST = 1 << 27  # bytes of a file of some hundred features
_NAME = re.compile(r"batch-(\d+)\.json")


def write_batch(folder: Path, number: int, records: Sequence[FeatureRecord]) -> Path:
    """The file of features of one dictionary. Raises OSError."""
    first = records[0]
    batch = {
        "model_id": first.model,
        "layer": first.layer,
        "sae_set": first.dictionary,
        "sae_id_suffix": None,
        "features": [record.to_batch() for record in records],
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"batch-{number}.json"
    write_whole(path, json.dumps(batch, allow_nan=False, ensure_ascii=False) + "\n")
    return path


def read_batches(folder: str | PathLike[str]) -> tuple[FeatureRecord, ...]:
    """The features in a folder of sae-dashboard's `batch-N.json`, which `scan.write_batches(folder)` also writes, in the
    order of their numbers. Neuronpedia's JSON of one feature is read by `cc.FeatureRecord.from_neuronpedia`.

    Raises BadRecord, which names the file, for a folder without such files, for what is not of that format, and for a
    feature that is there twice.
    """
    if not isinstance(folder, str | PathLike):
        raise BadRecord(f"read_batches() got {shown(folder)}; expected a folder with files such as batch-0.json.")
    path = expanded(folder)
    files = sorted((int(name[1]), each) for each in _listed(path) if (name := _NAME.fullmatch(each.name)))
    if not files:
        raise BadRecord(f"{path} holds no batch-N.json; expected a folder that sae-dashboard or scan.write_batches wrote.")
    found = sorted((record for _, file in files for record in _records(file)), key=lambda record: record.number)
    twice = repeated(f"feature {record.number} of {record.dictionary}" for record in found)
    if twice:
        raise BadRecord(f"{path}: {twice[0]} is there more than once.")
    return tuple(found)


def _listed(path: Path) -> list[Path]:
    try:
        return list(path.iterdir())
    except (OSError, ValueError) as error:
        raise BadRecord(f"{path} cannot be read as a folder ({first_line(error)}).") from error


def _records(file: Path) -> Iterator[FeatureRecord]:
    batch = _object(file)
    features = batch.get("features")
    if not isinstance(features, list) or not all(isinstance(each, dict) for each in features):
        raise BadRecord(f"{file.name}: features is {shown(features)}; expected a list of objects.")
    for feature in features:
        try:
            yield FeatureRecord.from_batch(batch, feature)
        except BadRecord as error:
            raise BadRecord(f"{file.name}: {error}") from error


def _object(file: Path) -> dict[str, Any]:
    check_readable(file, "a batch-N.json of sae-dashboard", most=_LARGEST)
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise BadRecord(f"{file.name} is not JSON that can be read ({first_line(error)}).") from error
    if not isinstance(found, dict):
        raise BadRecord(f"{file.name} holds {shown(found)}; expected an object with features.")
    return found
