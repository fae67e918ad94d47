"""Which lines of a traceback a reader is shown: those of the claim, and not our insides."""

import os
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from circuitcheck.errors import CircuitCheckError

_PACKAGE = str(Path(__file__).parents[1]) + os.sep
_LIBRARIES = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")})


def shorten_traceback(error: Exception) -> None:
    """Leave only the user's frames. What a library raised that they called stays below them; an error from inside this
    package that is none of its own stays whole, for its authors."""
    if isinstance(error, CircuitCheckError):
        error.__cause__, error.__suppress_context__ = None, True
    error.__traceback__ = _shortened(error)


def message_alone(call: pytest.CallInfo[Any]) -> Any:
    """What pytest shows of an error of ours that came about without a line of the user's, as of a model that cannot be
    loaded; None for others."""
    error = call.excinfo and call.excinfo.value
    if call.excinfo is None or not isinstance(error, CircuitCheckError) or any(map(_is_users, _steps(error.__traceback__))):
        return None
    return call.excinfo.getrepr(style="value")


def _shortened(error: Exception) -> TracebackType | None:
    steps = list(_steps(error.__traceback__))
    last = max((place for place, step in enumerate(steps) if _is_users(step)), default=None)
    if last is None:
        return error.__traceback__
    below = [] if isinstance(error, CircuitCheckError) else steps[last + 1 :]
    if any(_file(step).startswith(_PACKAGE) for step in below):
        return error.__traceback__
    kept: TracebackType | None = None
    for step in reversed([*filter(_is_users, steps[: last + 1]), *below]):
        kept = TracebackType(kept, step.tb_frame, step.tb_lasti, step.tb_lineno)
    return kept


def _steps(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _is_users(step: TracebackType) -> bool:
    return not _file(step).startswith((_PACKAGE, *_LIBRARIES))


def _file(step: TracebackType) -> str:
    return step.tb_frame.f_code.co_filename
