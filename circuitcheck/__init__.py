"""circuitcheck: test circuit hypotheses on transformer language models.

Names are those of `__init__.pyi`, each imported when it is first asked for: pytest starts fast where there are no claims.
"""

import lazy_loader

from circuitcheck.text import suggestion

__version__ = "0.1.0"

_find, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    if name.startswith("_") or name in __all__:
        return _find(name)
    raise AttributeError(f"circuitcheck has no {name!r}.{suggestion(name, __all__)}")
