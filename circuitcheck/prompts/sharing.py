"""Tasks made of a task: for several tokenizers, with what fits them all; or with half of its templates each."""

from collections.abc import Sequence
from dataclasses import replace

from circuitcheck.errors import BadTask, EmptyPool
from circuitcheck.prompts.definition import TaskDefinition
from circuitcheck.prompts.permutation import keyed_number
from circuitcheck.prompts.realised.frames import frames_of
from circuitcheck.prompts.realised.survivors import Survivors
from circuitcheck.prompts.schema.task import Pool
from circuitcheck.prompts.schema.template import Template
from circuitcheck.prompts.tokenizer import Tokenizer
from circuitcheck.text import counted

_FEWEST = 5  # templates that a claim about new ones needs


def shared_task(task: TaskDefinition, tokenizers: Sequence[Tokenizer]) -> TaskDefinition:
    """`task` with the pool items that fit every tokenizer, grouped by their token counts in all of them, so that each makes
    the same prompts of it. Raises EmptyPool where too few are left."""
    survivors = [Survivors(task, frames_of(task, each), each) for each in tokenizers]
    for each in survivors:
        each.check()
    pools = tuple(_shared_pool(pool, survivors) for pool in task.pools)
    for pool, original in zip(pools, task.pools, strict=True):
        if not pool.items:
            raise EmptyPool(
                f"no item of pool {original.name!r} of task {task.name!r} fits all of "
                f"{', '.join(each.name for each in tokenizers)}. Give the pool words that do."
            )
    shared = replace(
        task, pools=tuple(pool if pool.items else original for pool, original in zip(pools, task.pools, strict=True))
    )
    for tokenizer in tokenizers:
        Survivors(shared, frames_of(shared, tokenizer), tokenizer).check()
    return shared


def _shared_pool(pool: Pool, survivors: Sequence[Survivors]) -> Pool:
    kept = [item for item in pool.items if all(item in each.signatures[pool.name] for each in survivors)]
    groups: dict[object, list[str]] = {}
    given = {item: number for number, group in enumerate(pool.groups) for item in group}
    for item in kept:
        key = (given.get(item), *(each.signatures[pool.name][item] for each in survivors))
        groups.setdefault(key, []).append(item)
    divided = tuple(map(tuple, groups.values())) if len(groups) > 1 else ()
    return Pool(pool.name, tuple(kept), divided)


def halves(task: TaskDefinition) -> tuple[TaskDefinition, TaskDefinition]:
    """`task` with one half of its templates, and with the other. Templates whose ids agree up to a slash are variants of one
    and stay together. Raises BadTask where a half would have fewer than five templates."""
    families: dict[str, list[Template]] = {}
    for template in task.templates:
        families.setdefault(template.id.partition("/")[0], []).append(template)
    ordered = sorted(families.values(), key=lambda each: keyed_number(f"halves {each[0].text}", 1 << 62))
    found = [[template for family in ordered[start::2] for template in family] for start in (0, 1)]
    if min(map(len, found)) < _FEWEST:
        raise BadTask(
            f"task {task.name!r} has {counted(len(task.templates), 'template')}, {len(families)} without variants (ids "
            f"that agree up to a slash); to choose on one half and to claim about new ones on the other takes {_FEWEST} "
            f"templates in each: write more."
        )
    one, other = (
        replace(task, name=f"{task.name}, half {number} of its templates", templates=tuple(half))
        for number, half in enumerate(found, start=1)
    )
    return one, other
