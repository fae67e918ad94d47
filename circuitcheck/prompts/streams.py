"""Streams split a task's combinations once and for all, whatever the seed: what discovery has seen, test never draws."""

from typing import Literal

from circuitcheck.errors import BadTask
from circuitcheck.prompts.permutation import permute

Stream = Literal["test", "discovery", "reference"]
STREAMS = {"test": (0.0, 0.5), "discovery": (0.5, 0.75), "reference": (0.75, 1.0)}


def stream_at(share: float) -> str:
    """The stream that holds `share`, a number in [0, 1)."""
    return next(stream for stream, (low, high) in STREAMS.items() if low <= share < high)


def stream_size(stream: str, combinations: int) -> int:
    """How many of `combinations` belong to `stream`. Raises BadTask for an unknown stream."""
    low, high = _bounds(stream, combinations)
    return high - low


def combination(index: int, *, stream: str, combinations: int, task: str, seed: int, template: str) -> int:
    """The combination number of the index-th prompt that `template` gives to `stream` under `seed`."""
    low, high = _bounds(stream, combinations)
    within = permute(index, high - low, f"order {task} {template} {stream} {seed}")
    return permute(low + within, combinations, f"split {task} {template}")


def _bounds(stream: str, combinations: int) -> tuple[int, int]:
    if stream not in STREAMS:
        raise BadTask(f"{stream!r} is not a stream; there are {', '.join(STREAMS)}.")
    low, high = STREAMS[stream]
    return int(low * combinations), int(high * combinations)
