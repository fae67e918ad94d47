"""GGUF files converted once: what was read from one is kept as an ordinary checkpoint folder, for each file and dtype.

An entry is believed where its record says what would be written now: made from a file of these bytes by these versions,
these files and no others, and, once it is read, the digests of what the GGUF file itself gave. Nothing is taken from the
record; it is only compared. Anything else is an entry to make anew.
"""

import hashlib
import json
import os
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from stat import S_ISREG
from typing import Any

from circuitcheck.engine.torch.fingerprints.fingerprint import Digests, config_digest, weights_digest
from circuitcheck.engine.torch.loading.tokenizer import HubTokenizer
from circuitcheck.files import read_record, write_whole

_FORM = 4  # another number makes all entries anew: also where a check on GGUF files is added, which an entry's file passed
_LIBRARIES = ("circuitcheck", "transformers", "tokenizers", "gguf", "torch", "numpy", "safetensors")
_RECORD = "made_from.json"
_WEIGHTS = ".safetensors"
_OURS, _PART = "circuitcheck-", ".part"  # around the names of folders that are being written or deleted
_ABANDONED = 86_400  # seconds after which a part is of a process that was killed
_LARGEST = 1 << 28  # bytes of a file that holds no weights
_SPARE = 2  # times an entry's size must be free on the disk


@dataclass(frozen=True)
class Entry:
    """The place in the folder `cache` of one GGUF file's conversion to one dtype; `contents` is the file's digest."""

    cache: Path
    file: Path
    contents: str
    dtype: str

    @classmethod
    def of(cls, cache: Path, file: Path, dtype: str) -> "Entry":
        """Reads the file. Raises OSError where that fails."""
        return cls(cache, file, _digest(file), dtype)

    @classmethod
    def of_same_size(cls, cache: Path, file: Path, dtype: str) -> "Entry | None":
        """None, and the file is not read, where the cache holds nothing of a file of this size. Raises OSError."""
        return cls.of(cache, file, dtype) if _holds_one_of_size(cache, file) else None

    @classmethod
    def any_of(cls, cache: Path, file: Path) -> "Entry | None":
        """An entry that is there, of whatever dtype: all hold the same tokenizer. Raises OSError."""
        if not _holds_one_of_size(cache, file):
            return None
        contents = _digest(file)
        dtypes = (path.name.rpartition("-")[2] for path in sorted(cache.glob(f"{_name(contents)}-*")))
        return next((entry for dtype in dtypes if (entry := cls(cache, file, contents, dtype)).record()), None)

    @property
    def folder(self) -> Path:
        return self.cache / f"{_name(self.contents)}-{self.dtype}"

    @property
    def bytes(self) -> int:
        """Of the weights that it holds."""
        with suppress(OSError):
            return sum(size for name, size in _sizes(self.folder).items() if name.endswith(_WEIGHTS))
        return 0

    def record(self) -> dict[str, Any] | None:
        """Of a whole entry of this file, as far as is told without the weights. One that is none goes away."""
        if not os.path.lexists(self.folder):
            return None
        record = read_record(self.folder / _RECORD) or {}
        with suppress(OSError):
            if record.get("made_from") == self._made_from() and self._is_whole(record):
                return record
        self.drop()
        return None

    def _is_whole(self, record: dict[str, Any]) -> bool:
        """Sizes first: a file that grew may be larger than can be read. Raises OSError."""
        return record.get("sizes") == _sizes(self.folder) and record.get("files") == _listing(self.folder)

    def keep(self, model: Any, tokenizer: Any) -> None:
        """Write what was read from the GGUF file: whole or not at all. Not where an entry is there, the file was replaced
        meanwhile, or the disk has little room. Raises what writing raises."""
        self.cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sweep(self.cache)
        size = sum(tensor.nbytes for tensor in model.state_dict().values())
        self.record()  # what is there and no entry of this file goes
        if os.path.lexists(self.folder) or shutil.disk_usage(self.cache).free < _SPARE * size:
            return
        with tempfile.TemporaryDirectory(_PART, _OURS, self.cache, ignore_cleanup_errors=True) as part:
            made = Path(part, "made")
            made.mkdir()
            model.save_pretrained(made)
            tokenizer.save_pretrained(made)
            held = {"sizes": _sizes(made), "files": _listing(made)}
            record = {"made_from": self._made_from(), **held, "gives": _digests(model, tokenizer)}
            write_whole(made / _RECORD, json.dumps(record, indent=1) + "\n")
            if _digest(self.file) == self.contents:
                os.rename(made, self.folder)  # fails where another process was first

    def drop(self) -> None:
        """Move it aside in one step, then delete it: no other process sees half of one. One that cannot be deleted stays,
        and is not believed."""
        with suppress(OSError):
            aside = tempfile.mkdtemp(_PART, _OURS, self.cache)
            with suppress(OSError):
                os.rename(self.folder, Path(aside, "dropped"))
            shutil.rmtree(aside, ignore_errors=True)

    def _made_from(self) -> dict[str, Any]:
        libraries = {name: version(name) for name in _LIBRARIES}
        made_from = {"gguf": self.contents, "bytes": self.file.stat().st_size, "dtype": self.dtype}
        return {"form": _FORM, **made_from, "libraries": libraries}


def _holds_one_of_size(cache: Path, file: Path) -> bool:
    try:
        status = file.stat()
    except OSError:  # the header's reader says why
        return False
    records = (read_record(path) or {} for path in cache.glob(f"*/{_RECORD}"))
    said = (record.get("made_from") for record in records)
    return S_ISREG(status.st_mode) and any(isinstance(each, dict) and each.get("bytes") == status.st_size for each in said)


def _name(contents: str) -> str:
    return contents[:32]


def gives(record: dict[str, Any], tokenizer: Any, model: Any, digests: Digests | None) -> bool:
    """Are these, read from an entry, what its record says that the GGUF file gave? `model` is None where only the tokenizer
    was read; `digests` are those of its weights."""
    said, found = record.get("gives"), _digests(model, tokenizer, digests)
    return isinstance(said, dict) and {name: said.get(name) for name in found} == found


def _digests(model: Any, tokenizer: Any, known: Digests | None = None) -> dict[str, str]:
    """Of all that is read."""
    found = {"tokenizer": HubTokenizer(tokenizer, "tokenizer", "").fingerprint, "special": str(tokenizer.special_tokens_map)}
    return found if model is None else {**found, "weights": weights_digest(model, known), "config": config_digest(model)}


def _sizes(folder: Path) -> dict[str, int]:
    """Of each file in bytes. Raises OSError for what is no regular file, or is too large to be one of ours."""
    found = {}
    for path in sorted(folder.iterdir()):
        status = path.lstat()
        if not S_ISREG(status.st_mode):
            raise OSError(f"{path} is no regular file")
        if status.st_size > _LARGEST and path.suffix != _WEIGHTS:
            raise OSError(f"{path} has {status.st_size} bytes")
        found[path.name] = status.st_size
    found.pop(_RECORD, None)
    return found


def _listing(folder: Path) -> dict[str, str]:
    """Each file's digest, but for those of weights their size: their bytes are looked at when they have been read. Raises
    OSError for what is no regular file."""
    sizes = _sizes(folder)
    return {name: f"{size} bytes" if name.endswith(_WEIGHTS) else _digest(folder / name) for name, size in sizes.items()}


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sweep(cache: Path) -> None:
    """Delete what processes that were killed left half written."""
    for part in cache.glob(f"{_OURS}*{_PART}"):
        with suppress(OSError):
            if time.time() - part.lstat().st_mtime > _ABANDONED:
                shutil.rmtree(part)
