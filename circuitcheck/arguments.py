"""Arguments that a function does not have, or lacks, answered with what may be meant. Python says some of it from 3.13 on,
without words of other tools."""

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from inspect import Parameter, signature, unwrap
from typing import Any, Literal, ParamSpec, TypeVar, get_args, get_origin

from circuitcheck.text import shown, suggestion

Arguments = ParamSpec("Arguments")
Returned = TypeVar("Returned")
_ANY_NUMBER = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
_ELSEWHERE = dict.fromkeys(("pos", "position", "positions"), "at") | {"n": "draws", "coeff": "scale"}  # words of other tools
_FOLDED = "Write it behind the spec: 'gpt2+folded'; models are loaded without folding."
_INSTEAD = dict.fromkeys(("fold_ln", "center_writing_weights", "center_unembed", "fold_value_biases"), _FOLDED)


def known_arguments(function: Callable[Arguments, Returned]) -> Callable[Arguments, Returned]:
    """A function that tells, of an argument that it does not have, which may be meant; of one too many which are given by
    name; and of one that is missing what it may be."""
    parameters = signature(function).parameters
    by_place = [each.name for each in parameters.values() if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    by_name = [each.name for each in parameters.values() if each.kind is each.KEYWORD_ONLY]
    any_number = any(each.kind is each.VAR_POSITIONAL for each in parameters.values())
    needed = [each for each in parameters.values() if each.default is each.empty and each.kind not in _ANY_NUMBER]

    @wraps(function)
    def checked(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Returned:
        if len(args) > len(by_place) and by_name and not any_number:
            raise TypeError(
                f"{_called(function, args)}() got {shown(args[len(by_place)])} without a name; give it by name, one of "
                f"{', '.join(f'{each}=' for each in by_name)}."
            )
        placed = by_place[: len(args)]
        unknown = [each for each in kwargs if each not in parameters]
        missing = [each for each in needed if each.name not in placed and each.name not in kwargs]
        if unknown:
            raise _unknown(_called(function, args), unknown[0], parameters)
        if missing:
            raise TypeError(f"{_called(function, args)}() needs {' and '.join(map(_wanted, missing))}.")
        return function(*args, **kwargs)

    return checked


def _called(function: Callable[..., object], args: tuple[object, ...]) -> str:
    """A method's name with the class that it was called on, which may have inherited it."""
    owner = args[0] if args and isinstance(args[0], type) else type(args[0]) if args else None
    inherited = owner is not None and unwrap(getattr(owner, function.__name__, _called)) is function
    return f"{owner.__name__}.{function.__name__}" if owner and inherited else function.__qualname__


def _unknown(function: str, name: str, parameters: Mapping[str, Any]) -> TypeError:
    others = ", ".join(each for each in parameters if each not in ("self", "cls"))
    return TypeError(f"{function}() has no argument {name!r}; it has {others}.{_meant(name, parameters)}")


def _meant(name: str, known: Iterable[str]) -> str:
    if name in _INSTEAD:
        return f" {_INSTEAD[name]}"
    meant = _ELSEWHERE.get(name, name)
    return f" Did you mean {meant!r}?" if meant in known else suggestion(name, known)


def _wanted(parameter: Parameter) -> str:
    """`kind="zero", "mean" or "resample"`, as far as its annotation says what it may be."""
    choices = [f'"{each}"' for each in get_args(parameter.annotation)] if get_origin(parameter.annotation) is Literal else []
    return f"{parameter.name}=" + (" or ".join([", ".join(choices[:-1]), choices[-1]]) if len(choices) > 1 else "")
