"""Pools, the variables drawn from them, and what is derived."""

from circuitcheck.errors import BadTask
from circuitcheck.prompts.schema.task import Derived, TaskSchema
from circuitcheck.prompts.validation.words import check_names, check_text, expect, known_variables, repeated
from circuitcheck.text import counted

_MOST = 500  # variables: a prompt shows a handful


def check_pools(task: TaskSchema) -> None:
    if not isinstance(task.name, str) or not task.name.strip():
        raise BadTask(f"a task's name is {task.name!r}; expected a word.")
    check_names(task, "pools", [pool.name for pool in task.pools])
    for pool in task.pools:
        if not pool.items:
            raise BadTask(f"pool {pool.name!r} of task {task.name!r} is empty.")
        for item in pool.items:
            check_text(task, f"pool {pool.name!r} holds", item)
        if twice := repeated(pool.items):
            raise BadTask(f"pool {pool.name!r} holds {', '.join(twice)} more than once: prompts would repeat.")


def check_variables(task: TaskSchema) -> None:
    if len(known_variables(task)) > _MOST:
        raise BadTask(
            f"task {task.name!r} has {len(known_variables(task)):,} variables, drawn and derived; expected {_MOST} at most. "
            f"Leave out those that no template shows."
        )
    check_names(task, "variables", known_variables(task))
    pools = {pool.name: pool for pool in task.pools}
    for variable, name in task.variables:
        expect(task, f"variable {variable!r} draws from", name, pools)
    for name, pool in pools.items():
        drawn = [variable for variable, drawn_from in task.variables if drawn_from == name]
        if len(drawn) > len(pool.items):
            raise BadTask(
                f"pool {name!r} of task {task.name!r} has {counted(len(pool.items), 'item')} for {len(drawn)} variables "
                f"({', '.join(drawn)}), which must all differ: add items."
            )


def check_derived(task: TaskSchema) -> None:
    values = {variable: _items(task, pool) for variable, pool in task.variables}
    waiting = list(task.derived)
    for each in task.derived:
        expect(task, f"variable {each.variable!r} is derived from", each.source, known_variables(task))
    while waiting:
        ready = [each for each in waiting if each.source in values]
        if not ready:
            names = ", ".join(each.variable for each in waiting)
            raise BadTask(f"task {task.name!r}: variables {names} are derived from each other: one must be drawn.")
        for each in ready:
            values[each.variable] = _derived_values(task, each, values[each.source])
        waiting = [each for each in waiting if each not in ready]


def _items(task: TaskSchema, name: str) -> tuple[str, ...]:
    return next(pool.items for pool in task.pools if pool.name == name)


def _derived_values(task: TaskSchema, derived: Derived, sources: tuple[str, ...]) -> tuple[str, ...]:
    for source in sources:
        if source not in derived.mapping:
            raise BadTask(
                f"task {task.name!r}: {derived.variable!r} is derived from {derived.source!r}, and its mapping lacks "
                f"{source!r}."
            )
        check_text(task, f"{derived.variable!r} makes of {source!r}", derived.mapping[source])
    return tuple(derived.mapping[source] for source in sources)
