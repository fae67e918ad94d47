"""What a reader must know of answers that have several tokens."""

from circuitcheck.plan.metrics.logits import OF_FIRST_TOKEN
from circuitcheck.quantities.expressions.expression import Expression
from circuitcheck.session import current_session
from circuitcheck.text import counted

_LOOKED_AT = 32  # prompts


def answers_in_part(quantity: Expression, n: int) -> tuple[str, ...]:
    """Of the first `n` prompts, as far as they are looked at: answers of several tokens, of which a metric reads one."""
    names = sorted({cell.metric.name for cell in quantity.cells if isinstance(cell.metric, OF_FIRST_TOKEN)})
    if not names:
        return ()
    prompts = current_session().prompts(quantity.prompts, quantity.models[0], range(min(n, _LOOKED_AT)))
    long = [each for each in prompts if max(len(each.answer_ids), len(each.distractor_ids)) > 1]
    if not long:
        return ()
    word = long[0].answer if len(long[0].answer_ids) > 1 else long[0].distractor
    return (
        f"{' and '.join(names)} {'reads' if len(names) == 1 else 'read'} first tokens, and of the first "
        f"{counted(len(prompts), 'prompt')} {len(long)} have an answer or distractor of several, as {word!r}: "
        f"task.log_prob(view) reads whole answers",
    )
