"""Numbers of a device that the host needs, fetched together.

A GPU works through what it was asked for while the host asks for more. To read one number the host must wait until all of
that is done. So a run says what it will need of a batch, and reads it together when the batch ends.
"""

from collections.abc import Callable
from functools import partial
from types import TracebackType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Use = Callable[[NDArray[np.float64]], None]


class Fetching:
    """What is to be done with numbers is kept until then, so it should hold no tensors.

    As a context: at the end of its body everything that was asked for is fetched. That holds for a body that fails, too:
    where a check that is still to be made says why, its error is the one to be raised."""

    def __init__(self) -> None:
        self._asked: list[tuple[Tensor, Use]] = []

    def ask(self, numbers: Tensor, use: Use) -> None:
        """`use` gets the numbers as float64, in their shape. What was asked for first is used first. It may raise."""
        self._asked.append((numbers, use))

    def put(self, numbers: Tensor, into: NDArray[np.float64], indices: list[int]) -> None:
        """`into[indices]` become these numbers."""
        self.ask(numbers, partial(_put, into, indices))

    def refuse(self, wrong: Tensor, error: Callable[[], Exception]) -> None:
        """Raise what `error` makes, if the only number of `wrong` is not 0."""
        self.ask(wrong, partial(raise_if_any, error))

    def all(self) -> None:
        """Wait for the device, once."""
        asked, self._asked = self._asked, []
        if not asked:
            return
        together = torch.cat([numbers.detach().reshape(-1).double() for numbers, _ in asked]).cpu().numpy()
        ends = np.cumsum([numbers.numel() for numbers, _ in asked])[:-1]
        for (numbers, use), found in zip(asked, np.split(together, ends), strict=True):
            use(found.reshape(numbers.shape))

    def __enter__(self) -> "Fetching":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if kind is None or issubclass(kind, Exception):
            self.all()


def at_once(numbers: Tensor, use: Use) -> None:
    """As `Fetching.ask`, without waiting for others."""
    with Fetching() as fetching:
        fetching.ask(numbers, use)


def _put(into: NDArray[np.float64], indices: list[int], found: NDArray[np.float64]) -> None:
    into[indices] = found


def raise_if_any(error: Callable[[], Exception], found: NDArray[np.float64]) -> None:
    """A use of numbers: none of them may be anything but 0."""
    if found.any():
        raise error()
