"""One set of prompts for several tokenizers: pools cut down to what fits them all."""

from collections.abc import Sequence
from dataclasses import replace

from circuitcheck.errors import EmptyPool
from circuitcheck.prompts.definition import Pool, TaskDefinition
from circuitcheck.prompts.realised.frames import frames_of
from circuitcheck.prompts.realised.survivors import Survivors
from circuitcheck.prompts.tokenizer import Tokenizer


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
