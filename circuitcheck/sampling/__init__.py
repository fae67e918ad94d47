"""How many prompts a question takes: looks, estimands, regions and the verdict. Knows nothing of models."""

from circuitcheck.sampling.decision import Decision, decide, estimate
from circuitcheck.sampling.design import Design, Level
from circuitcheck.sampling.estimands import Bounds, Estimand, Values
from circuitcheck.sampling.evidence import Evidence, evidence
from circuitcheck.sampling.means import BoundedMean, ClusteredBounded, ClusteredMean, Clusters, RealMean, mean_of
from circuitcheck.sampling.noise import NO_NOISE, Noise
from circuitcheck.sampling.ratios import RatioOfMeans
from circuitcheck.sampling.regions import Above, Below, Outside, Region, Within
from circuitcheck.sampling.shares import Proportion, Quantile
from circuitcheck.sampling.tally import Tally

__all__ = [
    "NO_NOISE",
    "Above",
    "Below",
    "BoundedMean",
    "Bounds",
    "ClusteredBounded",
    "ClusteredMean",
    "Clusters",
    "Decision",
    "Design",
    "Estimand",
    "Evidence",
    "Level",
    "Noise",
    "Outside",
    "Proportion",
    "Quantile",
    "RatioOfMeans",
    "RealMean",
    "Region",
    "Tally",
    "Values",
    "Within",
    "decide",
    "estimate",
    "evidence",
    "mean_of",
]
