"""What xdist's workers share of a machine: each gets a GPU of its own as far as there are enough, and its part of the CPUs.
Said in the environment of its process, before torch is imported."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

_VISIBLE, _THREADS = "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS"
_DRIVER = Path("/proc/driver/nvidia/gpus")  # a folder for each GPU, where NVIDIA's driver is loaded
_ANY = ("auto", "cuda")


def share_out(config: pytest.Config, device: str) -> None:
    """In a worker; elsewhere nothing is changed. A `device` with a number was chosen by the user, and stays."""
    worker: Mapping[str, Any] | None = getattr(config, "workerinput", None)
    if worker is None:
        return
    number, workers = number_of_worker(str(worker.get("workerid", ""))), int(worker.get("workercount", 1))
    if device in _ANY:
        gpus = visible_gpus(os.environ.get(_VISIBLE), len(list(_DRIVER.glob("*"))))
        if gpus:
            os.environ[_VISIBLE] = gpu_of(gpus, number)
    os.environ.setdefault(_THREADS, str(threads_of(cpus_here(), workers, number)))


def number_of_worker(name: str) -> int:
    """`gw3` is number 3."""
    digits = name.removeprefix("gw")
    return int(digits) if digits.isascii() and digits.isdigit() else 0


def visible_gpus(said: str | None, there: int) -> list[str]:
    """Those that the caller allows, by number or name; where nothing is said, all that are `there`. An empty text, or what
    follows a -1, allows none."""
    if said is None:
        return [str(number) for number in range(there)]
    found: list[str] = []
    for each in map(str.strip, said.split(",")):
        if each in ("", "-1"):
            break
        found.append(each)
    return found


def gpu_of(gpus: Sequence[str], worker: int) -> str:
    """In turn, where there are more workers than GPUs."""
    return gpus[worker % len(gpus)]


def threads_of(cpus: int, workers: int, worker: int) -> int:
    """All CPUs, as evenly as they go; one at least."""
    each, more = divmod(cpus, max(1, workers))
    return max(1, each + (worker < more))


def cpus_here() -> int:
    """Those that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        return os.cpu_count() or 1
