"""What is refused of what was asked or measured, and what the machine itself adds to it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from circuitcheck.engine.protocol import Receipt
from circuitcheck.errors import BadMetric, BadTask, VacuousIntervention
from circuitcheck.plan import Metric, supports
from circuitcheck.prompts import PromptStream
from circuitcheck.sampling import NO_NOISE, Noise


def other_batch(batch: int) -> int:
    return batch // 2 if batch > 1 else 2


def halves(rows: range) -> tuple[range, ...]:
    """Those that hold a row. A prompt whose batch was not full has fewer others beside it in them."""
    middle = rows.start + (len(rows) + 1) // 2
    return tuple(half for half in (range(rows.start, middle), range(middle, rows.stop)) if half)


def noise_between(one: NDArray[np.float64], other: NDArray[np.float64]) -> Noise:
    """|mean| + 2 sd / sqrt n of the differences in an A/A run. Values that are no numbers are left to the verdict."""
    finite = np.isfinite(one) & np.isfinite(other)
    differences = other[finite] - one[finite]
    if len(differences) < 2 or not differences.any():
        return NO_NOISE
    error = float(differences.std(ddof=1)) / len(differences) ** 0.5
    return Noise(abs(float(differences.mean())) + 2 * error, float(np.abs(differences).max()))


def check_rows(rows: range, population: int, where: PromptStream) -> None:
    name, stream = where.task.name, where.stream
    if not population:
        raise BadTask(f"task {name!r} has 0 prompts in its {stream} stream; task.explain(model) says what became of them.")
    if not rows or rows.start < 0:
        raise BadTask(f"prompts {rows.start} to {rows.stop} are none; ask for at least one.")
    if rows.stop > population:
        raise where.too_few(population, rows.stop)


def check_support(metric: Metric, values: NDArray[np.float64]) -> None:
    """A metric outside the support that it declares would be judged by the wrong method. NaN is left to the verdict."""
    finite = values[np.isfinite(values)]
    outside = finite[~supports(metric.support, finite)]
    if len(outside):
        raise BadMetric(
            f"the metric {metric.name!r} declares its support as {metric.support!r}, and gave {outside[0]:g}: "
            f"declare the values that it takes."
        )


def refuse_vacuous(receipts: Sequence[Receipt]) -> None:
    for receipt in receipts:
        if receipt.changed == 0 and not receipt.allow_vacuous:
            raise VacuousIntervention(
                f"{receipt.intervention} changed none of {receipt.prompts} prompts at {', '.join(receipt.sites)} by more "
                f"than 1e-6 of its value (view: {receipt.view}). {_firing(receipt)}A claim about it would be about the "
                f"untouched model. If that is what you mean, say allow_vacuous=True."
                + ("" if receipt.dtype == "float32" else f" A small change is lost in {receipt.dtype}.")
            )


def _firing(receipt: Receipt) -> str:
    """How often changed features fire."""
    counts = ", ".join(f"{each.feature} {each.fires}" for each in receipt.features[:8])
    return f"On so many of these prompts its features fire: {counts}. " if counts else ""
