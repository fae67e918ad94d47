"""How comparisons tell whoever listens that they were built and asked. The claims layer listens."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

from circuitcheck.session import Settings

if TYPE_CHECKING:
    from circuitcheck.quantities.comparison import Comparison


class Recorder(Protocol):
    """`settings` hold for the questions asked while it records."""

    @property
    def settings(self) -> Settings: ...
    def built(self, comparison: "Comparison") -> None: ...
    def asked(self, comparison: "Comparison") -> None: ...


_recorder: ContextVar[Recorder | None] = ContextVar("circuitcheck_recorder", default=None)


def current_recorder() -> Recorder | None:
    return _recorder.get()


@contextmanager
def recording(recorder: Recorder) -> Iterator[None]:
    token = _recorder.set(recorder)
    try:
        yield
    finally:
        _recorder.reset(token)
