"""How many examples a law is tried on."""

import os

_QUICK = 15


def examples(number: int) -> int:
    """`number` in `make slow`, fewer in `make test`."""
    return number if "HYPOTHESIS_PROFILE" in os.environ else min(number, _QUICK)
