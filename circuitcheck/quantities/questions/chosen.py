"""What a reader must know of prompts that are no plain sample: mirrored ones, and those that were kept by the number that is
claimed."""

from dataclasses import replace

from circuitcheck.prompts import PromptStream
from circuitcheck.prompts.masks import MaskedSource
from circuitcheck.quantities.expressions.expression import Expression
from circuitcheck.session import current_session
from circuitcheck.text import counted

_MANY = 0.1  # of the prompts: fewer widen an interval by 5% at most


def mirrored_prompts(quantity: Expression, n: int) -> tuple[str, ...]:
    """Of the first `n`: prompts of which each is the other's counterfactual are two readings of one pair."""
    where = quantity.prompts
    if not where.task.facts.counterfactuals:
        return ()
    units: dict[str, set[object]] = {}
    for number, each in enumerate(current_session().labels(where, quantity.models[0], range(n))):
        for mirror in each.mirrors:
            units.setdefault(mirror, set()).add(each.sampling_unit or number)
    many = sum(len(found) for found in units.values() if len(found) > 1)
    if many < _MANY * n:
        return ()
    return (
        f"{many} of {counted(n, 'prompt')} are the counterfactual of another of them: what one gives tells what the other "
        f"does, and the interval takes them for two. Say that they are one: pairs=(...) in Task.define names the variables "
        f"that change places; in records the field cluster names the pair",
    )


def chosen_by_itself(quantity: Expression) -> tuple[str, ...]:
    """Were its prompts kept by this very number?"""
    where, found = quantity.prompts, []
    task = where.task
    while isinstance(task, MaskedSource):
        before = PromptStream(task.base, task.masks[0].stream, task.seed)
        if replace(quantity, prompts=before).digest == task.asked[0]:
            found.append(
                f"the prompts were kept by the very number that is claimed ({task.condition}): how it lies on them says "
                f"little of the model. Claim it of all prompts, or another number of these"
            )
        task = task.base
    return tuple(found)
