"""What a reader must know of the pools of a task of their own: words that no prompt has, since they do not fit the
tokenizer."""

from functools import cache

from circuitcheck.prompts import TaskDefinition
from circuitcheck.prompts.builtin import BUILT_IN
from circuitcheck.prompts.masks import MaskedSource
from circuitcheck.quantities.expressions.expression import Expression
from circuitcheck.session import current_session
from circuitcheck.text import counted

_NAMED = 3


def words_left_out(quantity: Expression) -> tuple[str, ...]:
    """Pool by pool. Those of built-in tasks are made larger than any tokenizer needs, and nothing is said of them."""
    task, tokenizer = quantity.prompts.task, current_session().tokenizer(quantity.models[0])
    while isinstance(task, MaskedSource):
        task = task.base
    if not isinstance(task, TaskDefinition):
        return ()
    dropped = task.realised(tokenizer).survivors.dropped
    found = []
    for pool in task.pools:
        words = [each.item for each in dropped if each.pool == pool.name]
        if words and pool.items not in _built_in_pools():
            shown = ", ".join(map(repr, words[:_NAMED])) + (", ..." if len(words) > _NAMED else "")
            left_out = f"{len(words)} of the {counted(len(pool.items), 'word')} of pool {pool.name!r} ({shown})"
            why = f"they do not fit the tokenizer of {tokenizer.name}, and task.explain(model) says why"
            found.append(f"no prompt has {left_out}: {why}")
    return tuple(found)


@cache
def _built_in_pools() -> frozenset[tuple[str, ...]]:
    return frozenset(pool.items for make in BUILT_IN.values() for pool in make().pools)
