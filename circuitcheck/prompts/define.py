"""From what a user writes to a definition: mappings, lists and plain words, each checked for what it is."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from circuitcheck.errors import BadTask
from circuitcheck.given import refuse_set
from circuitcheck.prompts.definition import TaskDefinition
from circuitcheck.prompts.schema.constraints import Constraint
from circuitcheck.prompts.schema.task import Derived, Pool
from circuitcheck.prompts.schema.template import Template, template_of
from circuitcheck.text import shown

_MOST_WORDS = 100_000  # of all pools; a check of one takes some microseconds
_MOST_TEMPLATES = 2_000  # a tokenizer takes about a millisecond for each
_MOST_CONSTRAINTS = 1_000
T = TypeVar("T")


def define_task(
    name: str,
    *,
    templates: Mapping[str, str | Template] | Iterable[Template],
    pools: Mapping[str, Iterable[str]],
    draw: Mapping[str, str],
    derive: Mapping[str, tuple[str, Mapping[str, str]]] | None,
    slots: Mapping[str, str] | None,
    answer: str,
    distractor: str | None,
    candidates: Iterable[str],
    counterfactuals: Mapping[str, Mapping[str, str]] | None,
    tokens: int | Mapping[str, int | None] | None,
    answer_tokens: int | None,
    constraints: Iterable[Constraint],
    answer_prefix: str,
    chat: bool,
    second_cluster: str | None,
    pairs: Iterable[str],
) -> TaskDefinition:
    """Raises BadTask for what is not of the kind that it should be, or does not fit together."""
    made = _templates(name, templates)
    altered = _mapping("counterfactuals", counterfactuals or {})
    return TaskDefinition(
        name=name,
        templates=made,
        pools=_pools(pools),
        variables=tuple(_mapping("draw", draw).items()),
        slots=tuple(_mapping("slots", slots or {}).items()),
        answer=answer,
        distractor=distractor,
        counterfactuals=tuple(
            (each, tuple(_mapping(f"counterfactual {shown(each)}", changes).items())) for each, changes in altered.items()
        ),
        second_cluster=second_cluster,
        pairs=_words("pairs", pairs),
        derived=tuple(_derived(variable, given) for variable, given in _mapping("derive", derive or {}).items()),
        constraints=_constraints(constraints),
        candidates=_words("candidates", candidates),
        tokens=_tokens(made, tokens),
        answer_tokens=answer_tokens,
        answer_prefix=answer_prefix,
        chat=chat,
    )


def _templates(task: str, given: object) -> tuple[Template, ...]:
    what = f"task {task!r}"
    instead = "Prompts that are all different are records: write them to a file, for cc.Task.from_records."
    if isinstance(given, Mapping):
        return tuple(
            template_of(name, each) for name, each in _at_most(_MOST_TEMPLATES, given.items(), what, "templates", instead)
        )
    refuse_set(f"templates of task {task!r}", given, BadTask)
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise BadTask(
            f"task {task!r} has templates={shown(given)}; expected a mapping from names to texts, or cc.Template objects."
        )
    return tuple(_only_template(task, each) for each in _at_most(_MOST_TEMPLATES, given, what, "templates", instead))


def _only_template(task: str, given: object) -> Template:
    if not isinstance(given, Template):
        raise BadTask(
            f"task {task!r} has {shown(given)} among its templates; expected cc.Template(id, text), or a mapping of texts."
        )
    return given


def _pools(given: object) -> tuple[Pool, ...]:
    pools: list[Pool] = []
    left = _MOST_WORDS
    for name, items in _mapping("pools", given).items():
        pools.append(Pool(name, _words(f"pool {name!r}", items, left)))
        left -= len(pools[-1].items)
    return tuple(pools)


def _derived(variable: str, given: object) -> Derived:
    if not isinstance(given, tuple | list) or len(given) != 2 or not isinstance(given[1], Mapping):
        raise BadTask(
            f"derive[{variable!r}] is {shown(given)}; expected (the variable it follows from, what each of its values "
            f"becomes)."
        )
    return Derived(variable, given[0], tuple(given[1].items()))


def _constraints(given: object) -> tuple[Constraint, ...]:
    refuse_set("constraints", given, BadTask)
    if not isinstance(given, Iterable):
        raise BadTask(f"constraints={shown(given)}; expected a list of cc.different(...) and cc.increasing(...).")
    listed = tuple(_at_most(_MOST_CONSTRAINTS, given, "a task", "constraints"))
    for each in listed:
        if not all(hasattr(each, part) for part in ("variables", "holds", "describe")):
            raise BadTask(f"{shown(each)} is no constraint; expected cc.different(...) or cc.increasing(...).")
    return listed


def _tokens(templates: tuple[Template, ...], given: object) -> tuple[tuple[str, int | None], ...]:
    if isinstance(given, Mapping):
        return tuple(given.items())
    if given == 1 and not isinstance(given, bool):
        return ()  # what slots have where nothing is said
    if given is not None and not isinstance(given, int):
        raise BadTask(f"tokens={shown(given)}; expected a number for all slots, None, or a mapping from slots to numbers.")
    slots = dict.fromkeys(slot for template in templates for slot in _slots(template))
    return tuple((slot, given) for slot in slots)


def _slots(template: Template) -> tuple[str, ...]:
    try:
        return template.slot_names()
    except (ValueError, TypeError):  # the check of templates says it better
        return ()


def _mapping(what: str, given: object) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise BadTask(f"{what} is {shown(given)}; expected a mapping.")
    for key in given:
        if not isinstance(key, str):
            raise BadTask(f"{what} has the key {key!r}; expected a word.")
    return given


def _words(what: str, given: object, most: int = _MOST_WORDS) -> tuple[str, ...]:
    refuse_set(what, given, BadTask)
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise BadTask(f"{what} is {shown(given)}; expected a list of words.")
    before = f", after {_MOST_WORDS - most:,} of other pools" if most < _MOST_WORDS else ""
    listed: list[str] = []
    for each in _at_most(most, given, what, f"words{before}", f"All pools hold {_MOST_WORDS:,} at most: leave some out."):
        if not isinstance(each, str):
            raise BadTask(f"{what} holds {shown(each)}; expected words.")
        listed.append(each)
    return tuple(listed)


def _at_most(most: int, given: Iterable[T], what: str, noun: str, instead: str = "Leave some out.") -> Iterator[T]:
    """One by one, since there may be no last one. Raises BadTask after `most`."""
    for number, each in enumerate(given):
        if number == most:
            raise BadTask(f"{what} has more than {most:,} {noun}; expected at most so many. {instead}")
        yield each
