"""From what a user writes to a definition: mappings, lists and plain words, each checked for what it is."""

from collections.abc import Iterable, Mapping
from typing import Any

from circuitcheck.errors import BadTask
from circuitcheck.given import refuse_set
from circuitcheck.prompts.definition import TaskDefinition
from circuitcheck.prompts.schema.constraints import Constraint
from circuitcheck.prompts.schema.task import Derived, Pool
from circuitcheck.prompts.schema.template import Template, template_of
from circuitcheck.text import shown

_MOST_WORDS = 1_000_000


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
        pools=tuple(Pool(pool, _words(f"pool {pool!r}", items)) for pool, items in _mapping("pools", pools).items()),
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
    if isinstance(given, Mapping):
        return tuple(template_of(name, each) for name, each in given.items())
    refuse_set(f"templates of task {task!r}", given, BadTask)
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise BadTask(
            f"task {task!r} has templates={shown(given)}; expected a mapping from names to texts, or cc.Template objects."
        )
    return tuple(_only_template(task, each) for each in given)


def _only_template(task: str, given: object) -> Template:
    if not isinstance(given, Template):
        raise BadTask(
            f"task {task!r} has {shown(given)} among its templates; expected cc.Template(id, text), or a mapping of texts."
        )
    return given


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
    listed = tuple(given)
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


def _words(what: str, given: object) -> tuple[str, ...]:
    refuse_set(what, given, BadTask)
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise BadTask(f"{what} is {shown(given)}; expected a list of words.")
    listed: list[str] = []
    for each in given:  # one by one: there may be no last one
        if not isinstance(each, str):
            raise BadTask(f"{what} holds {shown(each)}; expected words.")
        if len(listed) == _MOST_WORDS:
            raise BadTask(f"{what} has more than {_MOST_WORDS:,} words; expected at most so many. Leave some out.")
        listed.append(each)
    return tuple(listed)
