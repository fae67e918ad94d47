"""Where the host waits for the device: every call that brings a number of a tensor to Python."""

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

import circuitcheck

OURS = Path(circuitcheck.__file__).parent
_READS: set[Callable[..., Any]] = {
    *(Tensor.cpu, Tensor.item, Tensor.tolist, Tensor.nonzero, Tensor.unique, Tensor.equal),
    *(Tensor.__bool__, Tensor.__float__, Tensor.__int__, Tensor.__index__, Tensor.masked_select, Tensor.allclose),
    *(torch.equal, torch.nonzero, torch.unique, torch.masked_select, torch.allclose),
}


class Waits(TorchFunctionMode):
    """As a context, counts the waits of its body by the place in circuitcheck that is to blame. On a CPU nobody waits, but
    the same calls are made."""

    def __init__(self) -> None:
        super().__init__()
        self.at: Counter[str] = Counter()

    def __torch_function__(self, function: Any, types: Any, given: Any = (), how: Any = None) -> Any:
        how = how or {}
        if function in _READS or _picks_by_mask_or_list(function, given) or _is_made_there(function, given, how):
            self.at[_place()] += 1
        return function(*given, **how)


def _picks_by_mask_or_list(function: Any, given: Any) -> bool:
    """A mask is counted, and a list or a number of the host is sent, before anything is picked."""
    if function not in (Tensor.__getitem__, Tensor.__setitem__):
        return False
    parts = given[1] if isinstance(given[1], tuple) else (given[1],)
    return any(isinstance(each, list) or (isinstance(each, Tensor) and each.dtype == torch.bool) for each in parts)


def _is_made_there(function: Any, given: Any, how: Any) -> bool:
    """A tensor of Python's numbers that is made on a device waits until it has them, if there are any."""
    return function in (torch.tensor, torch.as_tensor) and how.get("device") is not None and given[0] != []


def _place() -> str:
    frame = sys._getframe(2)
    while frame and not frame.f_code.co_filename.startswith(str(OURS)):
        frame = frame.f_back
    return "elsewhere" if frame is None else f"{Path(frame.f_code.co_filename).relative_to(OURS)}:{frame.f_lineno}"
