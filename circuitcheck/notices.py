"""What a person should hear, where no result can carry it: once, through Python's logging, on stderr unless configured; and
how far long work is, while it is done."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

_LOGGER = logging.getLogger("circuitcheck")
_listener: ContextVar[Callable[[int], None] | None] = ContextVar("circuitcheck_work_done", default=None)


@lru_cache(maxsize=1024)
def say_once(text: str) -> None:
    """Said once in a process, however often it is true."""
    _LOGGER.warning(text)


def say_done(values: int) -> None:
    """So many numbers more were measured, of one cell on one prompt each."""
    if listener := _listener.get():
        listener(values)


@contextmanager
def hearing_of_work(listener: Callable[[int], None]) -> Iterator[None]:
    """`listener` is told what `say_done` says inside a `with` block."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
