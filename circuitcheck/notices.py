"""What a person should hear once, where no result can carry it: through Python's logging, on stderr unless configured."""

import logging
from functools import lru_cache

_LOGGER = logging.getLogger("circuitcheck")


@lru_cache(maxsize=1024)
def say_once(text: str) -> None:
    """Said once in a process, however often it is true."""
    _LOGGER.warning(text)
