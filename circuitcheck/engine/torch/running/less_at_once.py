"""Work that memory does not hold, done again with half as much of it at once."""

from collections.abc import Callable
from typing import Generic, TypeVar

import torch

from circuitcheck.engine.torch.loading.devices import lacks_memory
from circuitcheck.errors import OutOfMemory
from circuitcheck.notices import say_once

Found = TypeVar("Found")
_MOST_HALVINGS = 11  # from 2,048 tokens at once to one


class LessAtOnce(Generic[Found]):
    """Remembers by how much was halved for each model, so that its next plan begins there. `let_go` frees what need not be
    in memory."""

    def __init__(self, let_go: Callable[[], None]) -> None:
        self._let_go = let_go
        self._halvings: dict[str, int] = {}

    def done(self, work: Callable[[int], Found], fingerprint: str, name: object) -> Found:
        """`work(n)` with all that it does at once halved n times, where memory does not hold more.

        Raises OutOfMemory where it does not even hold one prompt at a time.
        """
        while True:
            halvings = self._halvings.get(fingerprint, 0)
            found, reason = _tried(work, halvings)
            if found is not None:
                return found
            self._let_go()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            if halvings >= _MOST_HALVINGS:
                raise OutOfMemory(
                    f"{name}: memory does not hold one pass over one prompt ({reason}). Take shorter prompts, "
                    f"dtype='bfloat16', or a device with more memory."
                )
            self._halvings[fingerprint] = halvings + 1
            say_once(
                f"{name}: memory ran out, so half as much is run at once from here on. Values are the same; they take "
                f"longer."
            )


def _tried(work: Callable[[int], Found], halvings: int) -> tuple[Found | None, str]:
    """What it gave; or None, and what was said where memory ran out. Nothing of the work is held then."""
    try:
        return work(halvings), ""
    except Exception as error:  # its frames hold tensors, so it must be over before the next try
        if not lacks_memory(error):
            raise
        return None, str(error).partition("\n")[0][:200]
