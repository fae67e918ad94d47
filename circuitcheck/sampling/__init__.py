"""How many prompts a question takes: looks, estimands, regions and the verdict. Knows nothing of models."""

from circuitcheck.sampling.clusters import ClusteredBounded, ClusteredMean, Clusters
from circuitcheck.sampling.decision import INCONCLUSIVE, Decision, decide, estimate
from circuitcheck.sampling.design import Design, Level
from circuitcheck.sampling.estimands import Bounds, Estimand, Values
from circuitcheck.sampling.evidence import Evidence, evidence
from circuitcheck.sampling.means import BoundedMean, RealMean, mean_of
from circuitcheck.sampling.noise import NO_NOISE, Noise
from circuitcheck.sampling.ranking import Differences, Ranking
from circuitcheck.sampling.ratios import RatioOfMeans
from circuitcheck.sampling.regions import Above, Below, Outside, Region, Within
from circuitcheck.sampling.shares import PairedDifference, Proportion, Quantile
from circuitcheck.sampling.tally import Needs, Tally, needs, stages_of
from circuitcheck.sampling.unseen import Unseen

__all__ = [
    "INCONCLUSIVE",
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
    "Differences",
    "Estimand",
    "Evidence",
    "Level",
    "Needs",
    "Noise",
    "Outside",
    "PairedDifference",
    "Proportion",
    "Quantile",
    "Ranking",
    "RatioOfMeans",
    "RealMean",
    "Region",
    "Tally",
    "Unseen",
    "Values",
    "Within",
    "decide",
    "estimate",
    "evidence",
    "mean_of",
    "needs",
    "stages_of",
]
