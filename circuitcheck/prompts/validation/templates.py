"""Templates and their slots."""

import re
from itertools import pairwise

from circuitcheck.errors import BadTask
from circuitcheck.prompts.schema.task import END, TaskSchema
from circuitcheck.prompts.schema.template import Parts, Template
from circuitcheck.prompts.schema.variables import all_values, pool_of, root_of
from circuitcheck.prompts.validation.words import check_names, expect, known_variables, repeated

_POSITION = re.compile(r"[A-Za-z_]\w*")
_MOST_SLOTS = 1_000


def check_templates(task: TaskSchema) -> None:
    if not task.templates:
        raise BadTask(f"task {task.name!r} has no templates.")
    check_names(task, "templates", [template.id for template in task.templates])
    check_names(task, "slots", [slot for slot, _ in task.slots])
    for declared, variable in task.slots:
        _check_slot_name(task, declared)
        expect(task, f"slot {declared!r} holds", variable, known_variables(task))
    for template in task.templates:
        _check_template(task, template)
    _check_told_apart(task)
    _check_texts(task)
    used = {slot for template in task.templates for slot in template.slot_names()}
    for slot, _ in task.slots:
        if slot not in used:
            raise BadTask(f"task {task.name!r} declares the slot {slot!r}, which no template has.")


def _check_slot_name(task: TaskSchema, slot: str) -> None:
    if slot == END:
        raise BadTask(f"a slot of task {task.name!r} cannot be called {END}: every prompt's last token is.")
    if not _POSITION.fullmatch(slot):
        raise BadTask(f"task {task.name!r}: the slot {slot!r} names no position; expected letters, digits and _, as in S1.")


def _check_template(task: TaskSchema, template: Template) -> None:
    parts = _parts(template)
    if template.whole != template.whole.rstrip() and task.answer_prefix[:1].isspace():
        ending = "the reply of template" if template.reply else "template"
        raise BadTask(f"{ending} {template.id!r} ends in white space: the answer's own space would come twice.")
    slots = template.slot_names()
    if len(slots) > _MOST_SLOTS:
        raise BadTask(f"template {template.id!r} has {len(slots):,} slots; expected {_MOST_SLOTS:,} at most.")
    for slot in slots:
        _check_slot_name(task, slot)
    if twice := repeated(slots):
        raise BadTask(
            f"template {template.id!r} has {', '.join(twice)} twice: give each occurrence a slot of "
            f"its own, as {{{twice[0]}2}} in the template and slots={{'{twice[0]}2': '{twice[0]}'}}."
        )
    for (_, before), (literal, after) in pairwise(parts):
        if before is not None and after is not None and not literal:
            raise BadTask(f"template {template.id!r}: slots {{{before}}} and {{{after}}} touch; put a character between.")
    _check_held(task, template)


def _parts(template: Template) -> Parts:
    for part, text in (("text", template.text), ("reply", template.reply)):
        if not isinstance(text, str):
            raise BadTask(f"template {template.id!r} has {text!r} as its {part}; expected text.")
    if not template.text.strip():
        raise BadTask(f"template {template.id!r} is empty.")
    try:
        return template.parts()
    except ValueError as error:
        raise BadTask(f"template {template.id!r} cannot be read ({error}): {template.whole!r}") from error


def _check_held(task: TaskSchema, template: Template) -> None:
    for slot, variable in template.own_slots().items():
        expect(task, f"template {template.id!r} gives a variable to the slot", slot, template.slot_names())
        expect(task, f"template {template.id!r} puts into {slot!r}", variable, known_variables(task))
    for slot, variable in task.slots_of(template).items():
        if variable not in known_variables(task):
            raise BadTask(
                f"template {template.id!r} of task {task.name!r} has the slot {slot!r}, which is neither declared nor a "
                f"variable; there are {sorted({*dict(task.slots), *known_variables(task)})}."
            )


def _check_told_apart(task: TaskSchema) -> None:
    """Where a template shows of an item only what it becomes, no two items may become the same."""
    first: dict[tuple[str, tuple[str, ...]], str] = {}  # what is shown of an item, and the first template that shows it
    for template in task.templates:
        shown: dict[str, list[str]] = {}
        for variable in task.slots_of(template).values():
            shown.setdefault(root_of(task, variable), []).append(variable)
        for root, variables in shown.items():
            first.setdefault((root, tuple(variables)), template.id)
    for (root, shows), name in first.items():
        _check_shows(task, name, root, shows)


def _check_shows(task: TaskSchema, template: str, root: str, variables: tuple[str, ...]) -> None:
    seen: dict[tuple[str, ...], str] = {}
    for item, texts in zip(
        all_values(task, root), zip(*(all_values(task, each) for each in variables), strict=True), strict=True
    ):
        if texts in seen:
            raise BadTask(
                f"template {template!r} of task {task.name!r} shows {', '.join(variables)}, and {seen[texts]!r} and "
                f"{item!r} of {root!r} look the same there ({', '.join(texts)}): prompts would repeat."
            )
        seen[texts] = item


def _check_texts(task: TaskSchema) -> None:
    """Templates that differ only in how their slots and variables are called give each text twice."""
    seen: dict[object, str] = {}
    for template in task.templates:
        key = _pattern(task, template)
        if key in seen:
            raise BadTask(
                f"templates {seen[key]!r} and {template.id!r} of task {task.name!r} have one text: prompts would repeat."
            )
        seen[key] = template.id


def _pattern(task: TaskSchema, template: Template) -> tuple[object, ...]:
    """The literals, and for each slot where its variable's root came first, from which pool, and what it becomes."""
    held = task.slots_of(template)
    first: dict[str, int] = {}
    pattern: list[object] = [len(template.text)]
    for literal, slot in template.parts():
        if slot is None:
            pattern.append(literal)
            continue
        root = root_of(task, held[slot])
        derived = "" if root == held[slot] else held[slot]
        pattern.append((literal, first.setdefault(root, len(first)), pool_of(task, root), derived))
    return tuple(pattern)
