"""Numbers and lists as a user gives them: numpy's and tensors of one number count as numbers, everything else is told in
words."""

import math
from collections.abc import Callable
from functools import wraps
from inspect import Parameter, signature
from numbers import Integral, Real
from typing import Any, Literal, ParamSpec, TypeVar, get_args, get_origin

from circuitcheck.text import shown, suggestion

Arguments = ParamSpec("Arguments")
Returned = TypeVar("Returned")
_ELSEWHERE = dict.fromkeys(("pos", "position", "positions"), "at") | {"n": "draws", "coeff": "scale"}  # words of other tools
_ANY_NUMBER = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
_FOLDED = "Write it behind the spec: 'gpt2+folded'; models are loaded without folding."
_INSTEAD = dict.fromkeys(("fold_ln", "center_writing_weights", "center_unembed", "fold_value_biases"), _FOLDED)
MakeError = Callable[[str], Exception]


def number_of(given: Any) -> float | None:
    """Of a number, also numpy's or a tensor of one; else None."""
    found = _single(given)
    return None if isinstance(found, bool) or not isinstance(found, Real) else float(found)


def whole_of(given: Any) -> int | None:
    """Of a whole number, also numpy's or a tensor of one; else None."""
    found = _single(given)
    return None if isinstance(found, bool) or not isinstance(found, Integral) else int(found)


def checked_number(what: str, given: object, error: MakeError, expected: str = "a number") -> float:
    """Raises `error` for what is none, or not finite."""
    found = number_of(given)
    if found is None or not math.isfinite(found):
        raise error(f"{what}={shown(given)}; expected {expected}{_unquoted(given, found)}.")
    return found


def checked_whole(what: str, given: object, error: MakeError, least: int | None = 1, why: str = "") -> int:
    """Raises `error` for what is no whole number, or less than `least`, for `why`."""
    found = whole_of(given)
    if found is None or (least is not None and found < least):
        wanted = "a whole number" + (f" from {least}" if least is not None else "")
        raise error(f"{what}={shown(given)}; expected {wanted}{why}{_unquoted(given, found)}.")
    return found


def refuse_set(what: str, given: object, error: MakeError) -> None:
    """A set has another order in each process, and prompts would be other ones. Raises `error`."""
    if isinstance(given, set | frozenset):
        raise error(f"{what} is a set, whose order differs from run to run, and so would the prompts: give a list.")


def known_arguments(function: Callable[Arguments, Returned]) -> Callable[Arguments, Returned]:
    """A function that tells, of an argument that it does not have, which may be meant; of one too many which are given by
    name; and of one that is missing what it may be. Python says the first from 3.13 on, without words of other tools."""
    parameters = signature(function).parameters
    names = tuple(parameters)
    by_place = [name for name, each in parameters.items() if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    by_name = [name for name, each in parameters.items() if each.kind is each.KEYWORD_ONLY]
    any_number = any(each.kind is each.VAR_POSITIONAL for each in parameters.values())
    needed = {name for name, each in parameters.items() if each.default is each.empty and each.kind not in _ANY_NUMBER}

    @wraps(function)
    def checked(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Returned:
        if len(args) > len(by_place) and by_name and not any_number:
            raise TypeError(
                f"{function.__name__}() got {shown(args[len(by_place)])} without a name; give it by name, one of "
                f"{', '.join(f'{name}=' for name in by_name)}."
            )
        for name in kwargs:
            if name not in names:
                meant = _ELSEWHERE.get(name, name)
                said = f" Did you mean {meant!r}?" if meant in names else suggestion(name, names)
                said = f" {_INSTEAD[name]}" if name in _INSTEAD else said
                raise TypeError(
                    f"{function.__qualname__}() has no argument {name!r}; it has "
                    f"{', '.join(each for each in names if each not in ('self', 'cls'))}.{said}"
                )
        missing = [name for name in names if name in needed.difference(by_place[: len(args)], kwargs)]
        if missing:
            raise TypeError(
                f"{function.__qualname__}() needs {' and '.join(_wanted(parameters[each]) for each in missing)}."
            )
        return function(*args, **kwargs)

    return checked


def _wanted(parameter: Parameter) -> str:
    """`kind="zero", "mean" or "resample"`, as far as its annotation says what it may be."""
    choices = [f'"{each}"' for each in get_args(parameter.annotation)] if get_origin(parameter.annotation) is Literal else []
    return f"{parameter.name}=" + (" or ".join([", ".join(choices[:-1]), choices[-1]]) if len(choices) > 1 else "")


def _single(given: Any) -> Any:
    """What a tensor of one number, or a numpy number, holds."""
    return given.item() if getattr(given, "shape", None) == () and callable(getattr(given, "item", None)) else given


def _unquoted(given: object, found: float | None) -> str:
    """What to write where a number stands in quotes, or is a whole number as a float."""
    text = given.strip() if isinstance(given, str) else ""
    if text.replace(".", "", 1).removeprefix("-").isdecimal():
        return f": write {text} without quotes"
    if found is None and isinstance(given, float) and given.is_integer():
        return f": write {given:.0f}"
    return ""
