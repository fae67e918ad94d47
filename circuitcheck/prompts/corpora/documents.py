"""Documents of a corpus by number, read one at a time: a file may be larger than memory."""

import hashlib
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Protocol

from circuitcheck.digest import digest
from circuitcheck.errors import BadRecord
from circuitcheck.files import expanded
from circuitcheck.prompts.corpora.hub import HubDocuments
from circuitcheck.prompts.corpora.tables import CsvDocuments, JsonDocuments, ParquetDocuments
from circuitcheck.prompts.corpora.texts import TextDocuments
from circuitcheck.prompts.readable import check_readable

BUNDLED = {"stories": "stories.txt"}
_READ = 1 << 22


class Documents(Protocol):
    """`len` is how many there are. Reading one raises BadRecord that names it where it is no text."""

    def __len__(self) -> int: ...
    def __getitem__(self, number: int) -> str: ...


def open_documents(source: str, *, field: str, separator: str | None, split: str, at_most: int) -> tuple[Documents, str]:
    """Documents and a digest of what they are: bytes, and how they are read.

    Raises BadRecord for a source that is not there or of no known kind.
    """
    if source.startswith("hub:"):
        return HubDocuments.open(source.removeprefix("hub:"), field=field, split=split, at_most=at_most)
    if source in BUNDLED:
        path = Path(str(resources.files("circuitcheck.prompts.corpora") / "bundled" / BUNDLED[source]))
    else:
        path = expanded(source)
    documents = _open(path, field, separator)
    return documents, digest((_digest(path), field, separator))


def _open(path: Path, field: str, separator: str | None) -> Documents:
    openers: dict[str, Callable[[], Documents]] = {
        ".txt": lambda: TextDocuments.open(path, separator),
        ".jsonl": lambda: JsonDocuments(path, field),
        ".csv": lambda: CsvDocuments(path, field),
        ".parquet": lambda: ParquetDocuments(path, field),
    }
    check_readable(
        path,
        f"a file of text ({', '.join(openers)}), a bundled corpus (there is {', '.join(BUNDLED)}) or 'hub:owner/name'",
        also=BUNDLED,
    )
    if path.suffix.lower() not in openers:
        raise BadRecord(f"{path} has the extension {path.suffix!r}; expected {', '.join(openers)}.")
    return openers[path.suffix.lower()]()


def _digest(path: Path) -> str:
    found = hashlib.blake2b(digest_size=16)
    with path.open("rb") as stream:
        while piece := stream.read(_READ):
            found.update(piece)
    return found.hexdigest()
