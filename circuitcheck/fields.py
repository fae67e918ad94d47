"""What a result says, field by field. A field is described once: texts, tables, JSON and its schema are made of that."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

Thing = TypeVar("Thing")
Schema = Mapping[str, Any]


def _nothing(_thing: Any) -> Iterable[str]:
    return ()


@dataclass(frozen=True)
class Field(Generic[Thing]):
    """`value` gives what JSON holds under `name`, as `schema` says. `words` gives what a person reads, made of what JSON
    holds of the whole thing: a line for each entry, each headed by `label`; nothing where only JSON has it."""

    name: str
    schema: Schema = field(default_factory=dict)
    value: Callable[[Thing], Any] = _nothing
    label: str = ""
    words: Callable[[Mapping[str, Any]], Iterable[str]] = _nothing


def builtins_of(fields: Sequence[Field[Thing]], thing: Thing) -> dict[str, Any]:
    """As JSON holds it."""
    return {each.name: each.value(thing) for each in fields}


def lines_of(fields: Sequence[Field[Any]], found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(label, words), as a person reads it, of a thing's builtins."""
    return [(each.label, line) for each in fields for line in each.words(found)]


def schema_of(fields: Sequence[Field[Any]]) -> dict[str, Any]:
    """The JSON Schema of an object with exactly these fields."""
    return {
        "type": "object",
        "required": [each.name for each in fields],
        "additionalProperties": False,
        "properties": {each.name: dict(each.schema) for each in fields},
    }


def if_any(name: str) -> Callable[[Mapping[str, Any]], Iterable[str]]:
    """The words of a field that holds a text, where it holds one."""
    return lambda found: [found[name]] if found[name] else []


def finite(value: float | None) -> float | None:
    """JSON has no NaN and no infinity: None stands for them."""
    return float(value) if value is not None and math.isfinite(value) else None


def described(text: str, schema: Schema) -> Schema:
    return {"description": text, **schema}


def defined(name: str) -> Schema:
    """What the schema defines elsewhere, under `$defs`."""
    return {"$ref": f"#/$defs/{name}"}


def or_null(schema: Schema) -> Schema:
    return {"oneOf": [{"type": "null"}, schema]}


TEXT: Schema = {"type": "string"}
SOME_TEXT: Schema = {"type": "string", "minLength": 1}
TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
WHOLE: Schema = {"type": "integer"}
FLAG: Schema = {"type": "boolean"}
REAL: Schema = {"type": "number"}
REAL_OR_NULL: Schema = {"type": ["number", "null"]}
SHARED: dict[str, Schema] = {
    "level": {"type": "number", "exclusiveMinimum": 0.5, "exclusiveMaximum": 1},
    "count": {"type": "integer", "minimum": 0},
    "scope": {"enum": ["these_templates", "new_templates"]},
    "probability": {"type": "number", "minimum": 0, "maximum": 1},
    "evalue": described("null stands for infinity: the value is exact", {"type": ["number", "null"], "minimum": 0}),
    "number": described(
        "null stands for a number that is not finite; a reason or the method says why", {"type": ["number", "null"]}
    ),
    "strings": {"type": "array", "items": {"type": "string"}},
}
