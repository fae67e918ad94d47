"""Prompts that are kept where a condition holds on each of them: measured, and counted."""

from dataclasses import replace

import numpy as np

from circuitcheck.errors import BadTask, NotComparable
from circuitcheck.given import checked_whole
from circuitcheck.prompts import PromptSource, PromptStream
from circuitcheck.prompts.masks import Mask, MaskedSource
from circuitcheck.quantities.expressions.expression import Expression
from circuitcheck.quantities.questions.comparison import Comparison
from circuitcheck.quantities.questions.question import current_recorder
from circuitcheck.sampling import Region
from circuitcheck.session import current_session
from circuitcheck.text import counted, shown


def masked(task: PromptSource, stream: str, condition: object, considered: int) -> MaskedSource:
    """Raises NotComparable for what is no comparison of a number per prompt of this task and stream, BadTask where it leaves
    none."""
    if not isinstance(condition, Comparison):
        raise NotComparable(
            f"where() got {shown(condition)}; expected a comparison of this task, such as task.logit_diff(model) > 0."
        )
    quantity = condition.quantity
    if stream == "reference":
        raise BadTask(
            "where(): means come from the reference stream, and are not taken over chosen prompts; filter another."
        )
    quantity.check_per_prompt("where()")
    if quantity.prompts.task != task or quantity.prompts.stream != stream:
        raise NotComparable(
            f"where(): {quantity.label} is measured on other prompts ({quantity.prompts}) than this task has ({task.name}, "
            f"{stream} stream). Give the task a name and ask it itself: t = task.where(...); t.where(t.accuracy(model) > "
            f"0.5)."
        )
    considered = checked_whole("where(): prompts", considered, BadTask)
    recorder = current_recorder()
    if recorder is not None:
        recorder.adopted((condition,))  # it chooses prompts, and is not asked
    return _measured(condition, considered)


def _measured(condition: Comparison, considered: int) -> MaskedSource:
    quantity, region, session = condition.quantity, condition.region, current_session()
    where = quantity.prompts
    masks = [mask for stream in _streams(where) if (mask := _mask(quantity, region, where.other(stream), considered)).kept]
    if not masks or masks[0].stream != where.stream:
        looked = min(considered, session.population(where, quantity.models))
        raise BadTask(f"none of {counted(looked, 'prompt')} of task {where.task.name!r} has {condition.expression}.")
    return MaskedSource(
        base=where.task,
        seed=where.seed,
        made_for=where.task.shape(session.engine.tokenizer(quantity.models[0])),
        masks=tuple(masks),
        considered=considered,
        condition=condition.expression,
        asked=(quantity.digest, region.relation, region.threshold, region.margin),
    )


def _streams(where: PromptStream) -> tuple[str, ...]:
    """That of claims; outside of a claim, that of looks as well, so that looking at what is left goes on other prompts."""
    looks = where.to_look_at().stream
    return (where.stream,) if current_recorder() is not None or looks == where.stream else (where.stream, looks)


def _mask(quantity: Expression, region: Region, where: PromptStream, considered: int) -> Mask:
    population = current_session().population(where, quantity.models)
    count = min(considered, population)
    values = quantity.per_prompt(replace(quantity, prompts=where).draw(range(count))) if count else np.empty(0)
    kept = np.flatnonzero([region.holds(value) for value in values])
    return Mask(where.stream, tuple(map(int, kept)), count, population)
