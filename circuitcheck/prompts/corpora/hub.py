"""Documents of a dataset on the hub, or in a folder that `datasets` reads."""

import hashlib
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import Any

from circuitcheck.errors import BadRecord
from circuitcheck.network import without_waiting


class HubDocuments:
    """The first documents of a split, streamed and then held."""

    def __init__(self, texts: list[str]) -> None:
        self._texts = texts

    @classmethod
    def open(cls, name: str, *, field: str, split: str, at_most: int) -> "tuple[HubDocuments, str]":
        """Raises BadRecord where the dataset cannot be had; code from a dataset is never run."""
        if not name.strip():
            raise BadRecord("'hub:' names no dataset; expected 'hub:owner/name'.")
        try:
            from datasets import load_dataset
        except ImportError as error:
            raise BadRecord(f"the dataset {name} needs the package datasets: pip install datasets") from error
        reason = ""
        try:
            with nullcontext("") if Path(name).is_dir() else without_waiting() as reason:
                rows = list(islice(load_dataset(name, split=split, streaming=True), at_most))
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            first = f"the hub cannot be reached ({reason.removesuffix('.')})." if reason else first
            raise BadRecord(
                f"the dataset {name} (split {split!r}) cannot be had: {first} Get it where there is a network, "
                f"or give a file."
            ) from error
        texts = [_text(name, number, row, field) for number, row in enumerate(rows, start=1)]
        if not texts:
            raise BadRecord(f"the dataset {name} has no rows in its split {split!r}.")
        found = hashlib.blake2b(digest_size=16)
        for text in texts:
            found.update(len(text).to_bytes(8, "big") + text.encode())
        return cls(texts), found.hexdigest()

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, number: int) -> str:
        return self._texts[number]


def _text(name: str, number: int, row: Any, field: str) -> str:
    value = row.get(field)
    if not isinstance(value, str):
        raise BadRecord(f"the dataset {name}, row {number}: {field!r} is {value!r}; it has {', '.join(row)}. Say field=.")
    return value
