"""What users register stays in a process: tests that register put things back."""

from collections.abc import Iterator
from contextlib import contextmanager

from circuitcheck import tasks
from circuitcheck.engine.registry import KERNELS, READOUTS
from circuitcheck.places import SITE_KINDS
from circuitcheck.quantities import metrics
from circuitcheck.session import engines


@contextmanager
def put_back() -> Iterator[None]:
    """Every registry is afterwards as it was."""
    held = (SITE_KINDS, tasks._REGISTERED, tasks._GIVEN, metrics._NAMED, engines._ENGINES)
    held += (KERNELS._functions, READOUTS._functions)
    before = [dict(each) for each in held]
    try:
        yield
    finally:
        for each, was in zip(held, before, strict=True):
            each.clear()
            each.update(was)
