"""Where a variable's value comes from: the variable that is drawn, and what the draw becomes on the way."""

from collections.abc import Callable

from circuitcheck.prompts.schema.task import TaskSchema


def root_of(task: TaskSchema, variable: str) -> str:
    """The drawn variable that `variable` is, or is derived from."""
    sources = {each.variable: each.source for each in task.derived}
    while variable in sources:
        variable = sources[variable]
    return variable


def pool_of(task: TaskSchema, variable: str) -> str:
    """The name of the pool that a variable's root draws from."""
    return dict(task.variables)[root_of(task, variable)]


def becoming(task: TaskSchema, variable: str) -> Callable[[str], str]:
    """What an item of the root's pool is as a value of `variable`."""
    by_name = {each.variable: each for each in task.derived}
    chain = []
    while variable in by_name:
        chain.append(by_name[variable].mapping)
        variable = by_name[variable].source

    def value(item: str) -> str:
        for mapping in reversed(chain):
            item = mapping[item]
        return item

    return value


def all_values(task: TaskSchema, variable: str) -> tuple[str, ...]:
    """Every text that `variable` can be."""
    items = next(pool.items for pool in task.pools if pool.name == pool_of(task, variable))
    return tuple(map(becoming(task, variable), items))
