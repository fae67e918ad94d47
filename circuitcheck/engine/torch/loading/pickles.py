"""Weights in files of torch's own form, which are unpacked into memory before anything is asked of them."""

import zipfile
from pathlib import Path

from circuitcheck.errors import CorruptCheckpoint
from circuitcheck.models import ModelSpec

_LARGEST = 1 << 26  # bytes of the pickle, which holds names and shapes; tensors lie beside it


def check_unpacked_size(spec: ModelSpec, path: Path) -> None:
    """Raises CorruptCheckpoint for a file that would become larger than it is, as torch never writes one."""
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):  # torch says what is wrong
        return
    packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
    size = sum(entry.file_size for entry in entries)
    largest = max((entry.file_size for entry in entries if Path(entry.filename).name == "data.pkl"), default=0)
    if packed or size > path.stat().st_size or largest > _LARGEST:
        raise CorruptCheckpoint(
            f"{spec}: {path.name} has {path.stat().st_size:,} bytes and would be unpacked to {size:,}, its data.pkl to "
            f"{largest:,}; expected entries that are not compressed, and a data.pkl of at most {_LARGEST:,} bytes. Get the "
            f"checkpoint as safetensors."
        )
