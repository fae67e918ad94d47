"""How questions tell whoever listens that they were built and asked. The claims layer listens."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

from circuitcheck.session import Settings

if TYPE_CHECKING:
    from circuitcheck.quantities.question import Question


class Recorder(Protocol):
    """`settings_for` a question hold while it records. Questions `adopted` by another are asked as its parts."""

    @property
    def claim_id(self) -> str: ...

    def settings_for(self, question: "Question") -> Settings: ...
    def built(self, question: "Question") -> None: ...
    def adopted(self, questions: "tuple[Question, ...]") -> None: ...
    def asked(self, question: "Question") -> None: ...


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
