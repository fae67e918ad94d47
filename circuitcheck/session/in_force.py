"""Which session is in force."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from circuitcheck.session.ledger import ledger_of_this_folder
from circuitcheck.session.session import Session
from circuitcheck.settings import Settings
from circuitcheck.text import shown

_current: ContextVar[Session | None] = ContextVar("circuitcheck_session", default=None)
_of_main_thread: list[Session] = []  # other threads start without the context variable, and share these


def current_session() -> Session:
    """The session in force; in a thread that has none of its own, that of the main thread. Outside pytest, one with default
    settings is made when first asked for, which shares this project's ledger of questions."""
    session = _current.get()
    if session is None:
        if not _of_main_thread:
            _of_main_thread.append(Session(ledger=ledger_of_this_folder()))
        session = _of_main_thread[-1]
    return session


def _check_session(given: object) -> None:
    if not isinstance(given, Session):
        made = "cc.Session(settings)" if isinstance(given, Settings) else "cc.Session(cc.Settings(seed=3))"
        raise TypeError(f"use_session() got {shown(given)}; expected a session: `with cc.use_session({made}):`.")


@contextmanager
def use_session(session: Session) -> Iterator[Session]:
    """Make `session` the current one inside a `with` block; in the main thread, also for the threads that the block
    starts. Raises TypeError for what is no session."""
    _check_session(session)
    token = _current.set(session)
    main = threading.current_thread() is threading.main_thread()
    if main:
        _of_main_thread.append(session)
    try:
        yield session
    finally:
        if main:
            _of_main_thread.pop()
        _current.reset(token)
