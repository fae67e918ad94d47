"""The session: settings, loaded models, measured values. One is current at any time (a contextvar)."""

from circuitcheck.session.checkups import CheckUpStore
from circuitcheck.session.counterexamples import CounterexampleStore
from circuitcheck.session.engines import engine_names, register_engine
from circuitcheck.session.in_force import current_session, use_session
from circuitcheck.session.ledger import Asked, Ledger, Looked, ledger_of_this_folder, project_of
from circuitcheck.session.session import Measured, Session
from circuitcheck.session.stored import NOTHING_REUSED, Reuse
from circuitcheck.settings import DEVICE_FORM, SCOPES, Scope, Settings

__all__ = [
    "DEVICE_FORM",
    "NOTHING_REUSED",
    "SCOPES",
    "Asked",
    "CheckUpStore",
    "CounterexampleStore",
    "Ledger",
    "Looked",
    "Measured",
    "Reuse",
    "Scope",
    "Session",
    "Settings",
    "current_session",
    "engine_names",
    "ledger_of_this_folder",
    "project_of",
    "register_engine",
    "use_session",
]
