"""From measured numbers to what they say, by the method that their supports and their groups call for. Plain data: a claim
that is asked, and one that is read from a report, are judged by the same lines."""

from dataclasses import dataclass, field, replace

import numpy as np

from circuitcheck.errors import NotComparable
from circuitcheck.sampling.estimands import Estimand, Values
from circuitcheck.sampling.form import Columns, Form
from circuitcheck.sampling.grouping import Grouping
from circuitcheck.sampling.means import mean_of
from circuitcheck.sampling.noise import Noise
from circuitcheck.sampling.ratios import RatioOfMeans
from circuitcheck.sampling.shares import PairedDifference, Proportion, Quantile

_HARDLY = "one of the two happens too seldom here"  # of a lift


@dataclass(frozen=True)
class Basis:
    """How a number is made (`form`), what the machine adds to each of its cells (`floors`), and which prompts belong
    together (`grouping`). `label` says it in words."""

    form: Form
    floors: tuple[Noise, ...]
    grouping: Grouping = field(default_factory=Grouping)
    label: str = ""

    def estimand(self, columns: Columns) -> Estimand:
        """What `columns` [cell, prompt] say. Raises NotComparable for a quantile of clustered prompts."""
        form, grouping = self.form, self.grouping
        if form.q is not None:
            if not grouping.independent:
                raise NotComparable(
                    f"{self.label}: a quantile has no interval where prompts are clustered; claim the mean instead."
                )
            return Quantile(form.per_prompt(columns), form.q, self.floor)
        if grouping.independent and form.denominator is None:
            return self._mean(columns)
        clusters = grouping.clusters_of(columns.shape[1])
        if form.denominator is None:
            values, noise = grouping.in_units(form.per_prompt(columns)), self.noise(columns)
            return mean_of(values, form.bounds, clusters, noise, what=grouping.what, scale=scale_of(columns))
        numerator, denominator = form.parts(columns, grouping.in_units)
        ends = form.numerator.bounds(form.kinds), form.denominator.bounds(form.kinds)
        noises = self.floor, form.denominator.noise(self.floors)
        bounds = (ends[0], ends[1]) if ends[0] and ends[1] and form.times is None else None
        ratio = RatioOfMeans(numerator, denominator, bounds, clusters, noises, what=grouping.what)
        return ratio if form.times is None else replace(ratio, weak=_HARDLY)

    @property
    def floor(self) -> Noise:
        """Of the numerator."""
        return self.form.numerator.noise(self.floors)

    def noise(self, columns: Columns) -> Noise:
        """Of a share above a cut: the prompts so near to it that noise could move them across."""
        noise, cut = self.floor, self.form.cut
        if cut is None:
            return noise
        near = np.abs(self.form.numerator.of(columns) - cut) <= noise.worst if noise.worst else np.zeros(1)
        return Noise(float(near.mean()), float(near.any()))

    def _mean(self, columns: Columns) -> Estimand:
        values, noise, form = self.form.per_prompt(columns), self.noise(columns), self.form
        if form.is_share:
            return Proportion(values, noise)
        paired = form.numerator.paired(form.kinds)
        if paired is not None:
            return PairedDifference(values, *paired, noise)
        return mean_of(values, form.bounds, None, noise, scale=scale_of(columns))


def scale_of(columns: Values) -> float:
    """The size of the numbers that each prompt's own is computed from."""
    return float(np.abs(columns).max())
