"""Intervals, boundaries, families and planning: arrays in, small frozen results out. No torch; scipy is imported on
first use.

Which method serves what is in `docs/statistics.md`.
"""

from circuitcheck.stats.boundaries import Boundary, crossing_probabilities, kim_demets
from circuitcheck.stats.bounded import betting_interval, betting_side
from circuitcheck.stats.clusters import DesignEffect, between_clusters, cluster_means, design_effect, two_way
from circuitcheck.stats.interval import Interval
from circuitcheck.stats.means import hall, skew_guarded, skewness, student_t
from circuitcheck.stats.multiplicity import benjamini_hochberg, benjamini_yekutieli, e_bh, e_value_of, holm, part_of_try
from circuitcheck.stats.paired import paired_interval, paired_p
from circuitcheck.stats.planning import power_factor, prompts_needed
from circuitcheck.stats.proportions import clopper_pearson
from circuitcheck.stats.quantiles import quantile_interval
from circuitcheck.stats.ratios import fieller
from circuitcheck.stats.simultaneous import StepDown, ends, guarded_t, step_down
from circuitcheck.stats.violations import violation_bounds, violations_found

__all__ = [
    "Boundary",
    "DesignEffect",
    "Interval",
    "StepDown",
    "benjamini_hochberg",
    "benjamini_yekutieli",
    "betting_interval",
    "betting_side",
    "between_clusters",
    "clopper_pearson",
    "cluster_means",
    "crossing_probabilities",
    "design_effect",
    "e_bh",
    "e_value_of",
    "ends",
    "fieller",
    "guarded_t",
    "hall",
    "holm",
    "kim_demets",
    "paired_interval",
    "paired_p",
    "part_of_try",
    "power_factor",
    "prompts_needed",
    "quantile_interval",
    "skew_guarded",
    "skewness",
    "step_down",
    "student_t",
    "two_way",
    "violation_bounds",
    "violations_found",
]
