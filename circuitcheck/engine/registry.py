"""Kernels and readouts of one's own, by type. An engine takes them over when it is imported, and
registering imports no torch."""

from collections.abc import Callable
from typing import Any, TypeVar

from circuitcheck.errors import BadExtension

Function = TypeVar("Function", bound=Callable[..., Any])
_OURS = __name__.partition(".")[0]


class Registry:
    """Functions of one kind, such as "kernel", by the type that each is for."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._functions: dict[type, Callable[..., Any]] = {}
        self._taken_over: Callable[[type, Callable[..., Any]], object] | None = None

    def add(self, kind: type, function: Callable[..., Any]) -> None:
        """The same function again changes nothing. Raises BadExtension for a type of circuitcheck's, one that has a function
        already, or one that is called as such a type: values are kept by that name."""
        self._check(kind, function)
        if kind in self._functions:
            return
        self._functions[kind] = function
        if self._taken_over is not None:
            self._taken_over(kind, function)

    def take_over(self, register: Callable[[type, Callable[..., Any]], object]) -> None:
        """Hands all functions to `register`: those that are here, and those that come later."""
        self._taken_over = register
        for kind, function in self._functions.items():
            register(kind, function)

    def _check(self, kind: type, function: Callable[..., Any]) -> None:
        if not isinstance(kind, type) or not callable(function):
            raise BadExtension(
                f"a {self._what} is registered for a type, and is a function; given were {kind!r} and {function!r}. Write "
                f"@register_{self._what}(MyType) above the function."
            )
        if is_ours(kind):
            raise BadExtension(f"{kind.__name__} has a {self._what} of circuitcheck's: register one for a type of your own.")
        same_name = [each for each in self._functions if _name(each) == _name(kind)]
        if any(each is not kind or self._functions[each] is not function for each in same_name):
            raise BadExtension(
                f"{_name(kind)} has a {self._what} already, {_name(self._functions[same_name[0]])}. Values are kept under "
                f"that name, so it cannot be replaced: register it once, give the type another name, or start Python anew."
            )


def is_ours(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == _OURS


def _name(thing: Any) -> str:
    return f"{thing.__module__}.{getattr(thing, '__qualname__', thing)}"


KERNELS = Registry("kernel")
READOUTS = Registry("readout")


def register_kernel(intervention: type) -> Callable[[Function], Function]:
    """A decorator: `@register_kernel(Mine)` above `kernel(intervention, batch, sources)`.

    The kernel gives a list of `Write`, one for each layer's site that the intervention declares. Each has a function of the
    value of that site in the whole layer, a tensor [prompt, pos, ...] in the model's dtype, which gives a new tensor of the
    same shape and leaves the given one alone. A batch's prompts have equally many tokens; `batch.where(at)` are the rows
    and columns of positions. `sources` has values of other runs. What it writes is watched, like ours.

    Raises BadExtension for a type of circuitcheck's, or one that has a kernel already.
    """

    def register(function: Function) -> Function:
        KERNELS.add(intervention, function)
        return function

    return register


def register_readout(metric: type) -> Callable[[Function], Function]:
    """A decorator: `@register_readout(Mine)` above `readout(metric, seen)`.

    The readout gives a tensor [prompt], one number for each of `seen.prompts`, in the metric's own unit. `seen.logits` are
    [prompt, vocab] at END; `seen.sites` hold, by (kind, layer), the values [prompt, pos, ...] of the sites that the metric
    names. They are copies. It must give the same numbers each time.

    Raises BadExtension for a type of circuitcheck's, or one that has a readout already.
    """

    def register(function: Function) -> Function:
        READOUTS.add(metric, function)
        return function

    return register
