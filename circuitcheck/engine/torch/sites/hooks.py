"""Hooks that are known to exist, to fire and to be gone afterwards."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from circuitcheck.engine.torch.sites.hooked_model import HookedModel
from circuitcheck.engine.torch.sites.shapes import Value
from circuitcheck.errors import ModelChanged, SiteNotReached

HookFunction = Callable[[Value], Value | None]


_points: "WeakKeyDictionary[Any, dict[str, Any]]" = WeakKeyDictionary()


def points_of(model: HookedModel) -> dict[str, Any]:
    """A model's hook points by name, looked up once: a bridge puts them together anew at every access. A point that was
    replaced since does not fire, and that is an error."""
    if model not in _points:
        _points[model] = dict(model.hook_dict)
    return _points[model]


@contextmanager
def hooked(model: HookedModel, functions: list[tuple[str, HookFunction]]) -> Iterator[None]:
    """Run the body with `functions` on their hook points, in order.

    Raises SiteNotReached for a hook point that the model does not have, or that did not fire in the body; the 3.9
    bridge's own `run_with_hooks` says nothing in either case.
    """
    points, fired, handles = points_of(model), [0] * len(functions), []
    for name, _ in functions:
        if name not in points:
            raise SiteNotReached(f"this model has no hook point {name!r}; nothing would be written.")
    try:
        for index, (name, function) in enumerate(functions):
            handles.append(_attach(points[name], function, fired, index))
        yield
    finally:
        for point, before in reversed(handles):
            for handle in point.fwd_hooks[before:]:
                handle.hook.remove()
            del point.fwd_hooks[before:]
    silent = [name for (name, _), count in zip(functions, fired, strict=True) if count != 1]
    if silent:
        raise SiteNotReached(f"hooks on {', '.join(silent)} did not fire exactly once in a forward pass.")


def check_no_hooks(model: HookedModel, name: object) -> None:
    """Raises ModelChanged where somebody's hook is still on the model: every run would carry it."""
    left = sorted({point.name for point in points_of(model).values() if point.fwd_hooks or point._forward_hooks})
    if left:
        raise ModelChanged(
            f"{name} carries hooks on {', '.join(left[:3])}: remove them first, by reset_hooks() of the "
            f"TransformerLens model (model.inner)."
        )


def _attach(point: Any, function: HookFunction, fired: list[int], index: int) -> tuple[Any, int]:
    before = len(point.fwd_hooks)

    def called(value: Value, hook: Any) -> Value | None:  # noqa: ARG001 - the library passes `hook` by name
        fired[index] += 1
        return function(value)

    point.add_hook(called)
    return point, before
