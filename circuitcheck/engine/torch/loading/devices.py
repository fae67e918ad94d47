"""Devices and dtypes by name."""

import errno
import os
import sys

import torch

from circuitcheck.errors import UnknownDevice
from circuitcheck.text import shown


def resolve_device(name: str) -> torch.device:
    """`auto` is the first CUDA device where there is one, else the CPU. Raises UnknownDevice."""
    if not isinstance(name, str):
        raise UnknownDevice(f"device={shown(name)} is no name of a device; expected 'auto', 'cpu', 'cuda' or 'cuda:N'.")
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    kind, _, index = name.partition(":")
    if kind == "cpu" and not index:
        return torch.device("cpu")
    if kind != "cuda" or (index and not index.isdigit()):
        raise UnknownDevice(f"{shown(name)} is no device; expected auto, cpu, cuda or cuda:N.")
    count = torch.cuda.device_count()
    if int(index or 0) >= count:
        raise UnknownDevice(f"device {name!r} is not here: torch {torch.__version__} sees {count} CUDA devices. Try cpu.")
    return torch.device("cuda", int(index or 0))


def resolve_dtype(name: str) -> torch.dtype:
    """Raises UnknownDevice for anything but a floating-point dtype of torch."""
    dtype = getattr(torch, name, None) if isinstance(name, str) else None
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise UnknownDevice(f"{shown(name)} is no floating-point dtype; expected float32, bfloat16, float16 or float64.")
    return dtype


def memory_of(device: torch.device) -> int:
    """All bytes of the memory that a device computes in."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError):  # Windows does not say
        return sys.maxsize


def lacks_memory(error: Exception) -> bool:
    """Did memory run out?"""
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in str(error)
