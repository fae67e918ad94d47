"""What decides the bits of a value besides the model, the prompts and the plan."""

import hashlib
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path

import torch

from circuitcheck.digest import digest
from circuitcheck.places import SITE_KINDS, SiteKind

_LIBRARIES = (
    "circuitcheck",
    "torch",
    "transformers",
    "transformer-lens",
    "tokenizers",
    "sae-lens",
    "numpy",
    "gguf",
    "safetensors",
)
_ROOMS = ("digest.py", "engine", "models", "places", "plan", "prompts")  # of this package: what values come from


def numerics(device: torch.device) -> dict[str, str]:
    """Not how many threads there are: the same run may go on with more or fewer processes, and sums then differ by rounding,
    as they do from one batch size to another."""
    return {**_installed(), "sites": _sites(tuple(SITE_KINDS.values())), "hardware": _hardware(device), **_modes()}


@cache
def _sites(kinds: tuple[SiteKind, ...]) -> str:
    return digest({kind.name: kind for kind in kinds})


@cache
def _installed() -> dict[str, str]:
    found = {name: _version(name) for name in _LIBRARIES}
    return {**found, "python": platform.python_version(), "code": _code()}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _code() -> str:
    """Of the source: versions stay the same while it is worked on."""
    total, package = hashlib.blake2b(digest_size=16), Path(str(files("circuitcheck")))
    for room in _ROOMS:
        path = package / room
        for each in [path] if path.is_file() else sorted(path.rglob("*.py")):
            source = each.read_bytes()
            total.update(f"{each.relative_to(package).as_posix()} {len(source)} ".encode())
            total.update(source)
    return total.hexdigest()


def _hardware(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()


def _modes() -> dict[str, str]:
    """What a program may have set of torch."""
    cuda = torch.backends.cuda.matmul
    reduced = [getattr(cuda, f"allow_{kind}_reduced_precision_reduction", None) for kind in ("fp16", "bf16")]
    return {
        "matmul": torch.get_float32_matmul_precision(),
        "tf32": f"{cuda.allow_tf32} {torch.backends.cudnn.allow_tf32}",
        "reduced": repr(reduced),
        "deterministic": repr(torch.are_deterministic_algorithms_enabled()),
    }
