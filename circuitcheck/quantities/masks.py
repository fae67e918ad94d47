"""Prompts that are kept where a condition holds on each of them: measured, and counted."""

import numpy as np

from circuitcheck.errors import BadTask, NotComparable
from circuitcheck.given import checked_whole
from circuitcheck.prompts import PromptSource
from circuitcheck.prompts.masks import MaskedSource
from circuitcheck.quantities.questions.comparison import Comparison
from circuitcheck.quantities.questions.question import current_recorder
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
    population = session.population(where, quantity.models)
    considered = min(considered, population)
    values = quantity.per_prompt(quantity.draw(range(considered)))
    kept = np.flatnonzero([region.holds(value) for value in values])
    if not len(kept):
        raise BadTask(f"none of {counted(considered, 'prompt')} of task {where.task.name!r} has {condition.expression}.")
    return MaskedSource(
        base=where.task,
        stream=where.stream,
        seed=where.seed,
        made_for=where.task.shape(session.engine.tokenizer(quantity.models[0])),
        kept=tuple(map(int, kept)),
        considered=considered,
        population=population,
        condition=condition.expression,
        asked=(quantity.digest, region.relation, region.threshold, region.margin),
    )
