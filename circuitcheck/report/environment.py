"""What a run was made with; nothing is imported to find out."""

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from circuitcheck.settings import Settings

_PACKAGES = ("circuitcheck", "torch", "transformers", "transformer-lens", "numpy", "scipy", "pytest")


def environment(settings: Settings, folder: Path, options: Sequence[str] = (), shard: str | None = None) -> dict[str, Any]:
    """`folder` is where pytest runs; `options` are those of the command line that run a claim again as it was run; `shard`
    is the part of the suite, as 2/4, where it is one."""
    return {
        "packages": {name: found for name in _PACKAGES if (found := _version(name)) is not None},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "device": settings.device,
        "engine": settings.engine,
        "dtype": settings.dtype,
        "seed": settings.seed,
        "confidence": settings.confidence,
        "first_look": settings.first_look,
        "samples": settings.samples,
        "batch": settings.batch,
        "scope": settings.scope,
        "options": list(options),
        "shard": shard,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(folder),
    }


def _commit(folder: Path) -> str | None:
    asked = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        found = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() if found.returncode == 0 else None


@cache
def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
