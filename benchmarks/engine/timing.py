"""Processor seconds, operations, and the machine that they were measured on."""

import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

import circuitcheck as cc


def facts_of() -> dict[str, Any]:
    """Of the machine, and of what runs on it."""
    versions = {"torch": torch.__version__, "python": platform.python_version(), "circuitcheck": cc.__version__}
    return {"threads": 1, "processor": _processor()} | versions


def write(path: str, facts: dict[str, Any], **rows: Any) -> None:
    """What was measured, with the machine and the settings, for `page.py` to read."""
    Path(path).write_text(json.dumps({"machine": facts | facts_of(), **rows}, indent=2) + "\n")


class _Counted(TorchDispatchMode):
    """torch's own formulas. Its FlopCounterMode puts hooks on all modules, which our engine refuses."""

    operations = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        found = function(*args, **(kwargs or {}))
        if formula := flop_registry.get(function._overloadpacket):
            self.operations += formula(*args, **(kwargs or {}), out_val=found)
        return found


def operations(work: Callable[[], Any]) -> int:
    with _Counted() as counted:
        work()
    return counted.operations


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.process_time()
    return work(), time.process_time() - start


def _processor() -> str:
    named = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return named[0].partition(":")[2].strip() if named else platform.processor()
