"""Counterfactuals: what they change, and that they change something."""

from circuitcheck.errors import BadTask
from circuitcheck.prompts.schema.task import END, TaskSchema
from circuitcheck.prompts.validation.words import check_names, expect, known_variables, repeated


def check_counterfactuals(task: TaskSchema) -> None:
    check_names(task, "counterfactuals", list(task.counterfactual_names))
    slots = {slot for template in task.templates for slot in template.slot_names()}
    for name, changes in task.counterfactuals:
        if name in ("clean", END):
            raise BadTask(f"a counterfactual of task {task.name!r} cannot be called {name!r}: that word is taken.")
        if twice := repeated(slot for slot, _ in changes):
            raise BadTask(f"counterfactual {name!r} of task {task.name!r} changes {', '.join(twice)} more than once.")
        for slot, source in changes:
            expect(task, f"counterfactual {name!r} changes", slot, slots)
            expect(task, f"counterfactual {name!r} puts into {slot!r}", source, slots | set(known_variables(task)))
        _check_changes(task, name, dict(changes))


def _check_changes(task: TaskSchema, name: str, changes: dict[str, str]) -> None:
    for template in task.templates:
        held = task.slots_of(template)
        for slot, source in changes.items():
            if slot in held:
                expect(
                    task,
                    f"in template {template.id!r}, counterfactual {name!r} puts into {slot!r}",
                    source,
                    {*held, *known_variables(task)},
                )
        if all(held.get(source, source) == held[slot] for slot, source in changes.items() if slot in held):
            raise BadTask(f"counterfactual {name!r} of task {task.name!r} changes nothing in template {template.id!r}.")
