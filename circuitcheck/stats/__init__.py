"""Intervals, boundaries and planning: arrays in, small frozen results out. No torch; scipy is imported on first use.

Which method serves what is in `docs/design.md`.
"""

from circuitcheck.stats.boundaries import Boundary, kim_demets
from circuitcheck.stats.bounded import betting_interval, betting_side
from circuitcheck.stats.interval import Interval
from circuitcheck.stats.means import hall, skew_guarded, skewness, student_t
from circuitcheck.stats.planning import prompts_needed
from circuitcheck.stats.proportions import beta_binomial_sequence, clopper_pearson
from circuitcheck.stats.quantiles import quantile_interval
from circuitcheck.stats.ratios import fieller

__all__ = [
    "Boundary",
    "Interval",
    "beta_binomial_sequence",
    "betting_interval",
    "betting_side",
    "clopper_pearson",
    "fieller",
    "hall",
    "kim_demets",
    "prompts_needed",
    "quantile_interval",
    "skew_guarded",
    "skewness",
    "student_t",
]
