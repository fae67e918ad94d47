"""How many prompts a question takes: looks, estimands, regions and the verdict. Knows nothing of models."""

from circuitcheck.sampling.decision import Decision, decide, estimate
from circuitcheck.sampling.design import Design
from circuitcheck.sampling.estimands import BoundedMean, Estimand, Proportion, Quantile, RatioOfMeans, RealMean
from circuitcheck.sampling.regions import Above, Below, Outside, Region, Within

__all__ = [
    "Above",
    "Below",
    "BoundedMean",
    "Decision",
    "Design",
    "Estimand",
    "Outside",
    "Proportion",
    "Quantile",
    "RatioOfMeans",
    "RealMean",
    "Region",
    "Within",
    "decide",
    "estimate",
]
