"""circuitcheck: test circuit hypotheses on transformer language models.

Names are those of `__init__.pyi`, each imported when it is first asked for: pytest starts fast where there are no claims.
"""

import lazy_loader

from circuitcheck.text import suggestion

__version__ = "0.1.0"

_ELSEWHERE = {  # words of other tools, and what to write here
    "task": "cc.Task.define(...) and cc.Task.from_records(file) make a task; cc.tasks has ready ones.",
    "sweep": "A task sweeps: task.sweep(function, cc.axis(...)).",
    "verdict": "A comparison that is decided has one: (quantity > 0.5).decide().decision.verdict.",
    "evaluate": "(quantity > 0.5).decide() decides a comparison outside of pytest; quantity.estimate(n) looks at a number.",
}

_find, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    if name.startswith("_") or name in __all__:
        return _find(name)
    from circuitcheck.quantities.metrics import ELSEWHERE  # late: only a slip needs it

    hints = {**{other: f"Write cc.{ours}()." for other, ours in ELSEWHERE.items()}, **_ELSEWHERE}
    meant = f" {hints[name]}" if name in hints else suggestion(name, __all__)
    raise AttributeError(f"circuitcheck has no {name!r}.{meant}")
