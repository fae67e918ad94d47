"""From the measured values of a quantity to what they say of it, by the method that its metrics' supports call for."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from circuitcheck.errors import NotComparable
from circuitcheck.quantities.expressions.expression import Expression
from circuitcheck.quantities.questions.conditions import Conditions
from circuitcheck.sampling import Estimand, Noise, PairedDifference, Proportion, Quantile, RatioOfMeans, mean_of

_HARDLY = "one of the two happens too seldom here"  # of a lift


def estimand_of(quantity: Expression, columns: NDArray[np.float64], conditions: Conditions) -> Estimand:
    """What `columns` [cell, prompt] say of `quantity`. Raises NotComparable for a quantile of clustered prompts."""
    if quantity.q is not None:
        if not conditions.independent:
            raise NotComparable(
                f"{quantity.label}: a quantile has no interval where prompts are clustered; claim the mean instead."
            )
        return Quantile(quantity.per_prompt(columns), quantity.q, quantity.numerator.noise(conditions.floors))
    if conditions.independent and quantity.denominator is None:
        return _mean(quantity, columns, conditions)
    clusters = conditions.clusters(columns.shape[1]) if conditions.clusters else None
    in_units = conditions.sampling_units or (lambda values: values)
    if quantity.denominator is None:
        values, noise = in_units(quantity.per_prompt(columns)), _noise(quantity, columns, conditions)
        return mean_of(values, quantity.bounds, clusters, noise, what=conditions.what, scale=_scale(columns))
    numerator, denominator = quantity.parts_in(columns, in_units)
    ends = quantity.numerator.bounds, quantity.denominator.bounds
    noises = quantity.numerator.noise(conditions.floors), quantity.denominator.noise(conditions.floors)
    bounds = (ends[0], ends[1]) if ends[0] and ends[1] and quantity.times is None else None
    ratio = RatioOfMeans(numerator, denominator, bounds, clusters, noises, what=conditions.what)
    return ratio if quantity.times is None else replace(ratio, weak=_HARDLY)


def _mean(quantity: Expression, columns: NDArray[np.float64], conditions: Conditions) -> Estimand:
    values, noise = quantity.per_prompt(columns), _noise(quantity, columns, conditions)
    if quantity.cut is not None or quantity.numerator.binary:
        return Proportion(values, noise)
    if quantity.numerator.paired is not None:
        return PairedDifference(values, *quantity.numerator.paired, noise)
    return mean_of(values, quantity.bounds, None, noise, scale=_scale(columns))


def _scale(columns: NDArray[np.float64]) -> float:
    """The size of the numbers that each prompt's own is computed from."""
    return float(np.abs(columns).max())


def _noise(quantity: Expression, columns: NDArray[np.float64], conditions: Conditions) -> Noise:
    """Of a share above a cut: the prompts so near to it that noise could move them across."""
    noise = quantity.numerator.noise(conditions.floors)
    if quantity.cut is None:
        return noise
    near = np.abs(quantity.parts(columns)[0] - quantity.cut) <= noise.worst if noise.worst else np.zeros(1)
    return Noise(float(near.mean()), float(near.any()))
