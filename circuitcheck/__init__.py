"""circuitcheck: test circuit hypotheses on transformer language models.

Names are those of `__init__.pyi`, each imported when it is first asked for: pytest starts fast where there are no claims.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
