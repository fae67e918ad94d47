"""How many prompts a question takes: looks, estimands, regions and the verdict. Knows nothing of models."""

from circuitcheck.sampling.basis import Basis
from circuitcheck.sampling.change import change, unchanged
from circuitcheck.sampling.clusters import ClusteredBounded, ClusteredMean, Clusters
from circuitcheck.sampling.decision import INCONCLUSIVE, Decision, decide, estimate
from circuitcheck.sampling.design import Design, Level
from circuitcheck.sampling.drift import Drift, Pair, drifts
from circuitcheck.sampling.estimands import Bounds, Estimand, Values
from circuitcheck.sampling.evidence import Evidence, evidence
from circuitcheck.sampling.form import Combination, Form, Kind
from circuitcheck.sampling.grouping import Grouping, Memberships
from circuitcheck.sampling.means import BoundedMean, RealMean, mean_of
from circuitcheck.sampling.noise import NO_NOISE, Noise
from circuitcheck.sampling.ranking import Differences, Ranking, ranked
from circuitcheck.sampling.ratios import RatioOfMeans
from circuitcheck.sampling.regions import Above, Below, Outside, Region, Within, region_of
from circuitcheck.sampling.shares import PairedDifference, Proportion, Quantile
from circuitcheck.sampling.since import Then, changes_by_prompt, decide_change, linearised, within_noise
from circuitcheck.sampling.tally import Needs, Tally, needs, stages_of
from circuitcheck.sampling.universal import Search, Searched, decide_search, searched
from circuitcheck.sampling.unseen import Unseen

__all__ = [
    "INCONCLUSIVE",
    "NO_NOISE",
    "Above",
    "Basis",
    "Below",
    "BoundedMean",
    "Bounds",
    "ClusteredBounded",
    "ClusteredMean",
    "Clusters",
    "Combination",
    "Decision",
    "Design",
    "Differences",
    "Drift",
    "Estimand",
    "Evidence",
    "Form",
    "Grouping",
    "Kind",
    "Level",
    "Memberships",
    "Needs",
    "Noise",
    "Outside",
    "Pair",
    "PairedDifference",
    "Proportion",
    "Quantile",
    "Ranking",
    "RatioOfMeans",
    "RealMean",
    "Region",
    "Search",
    "Searched",
    "Tally",
    "Then",
    "Unseen",
    "Values",
    "Within",
    "change",
    "changes_by_prompt",
    "decide",
    "decide_change",
    "decide_search",
    "drifts",
    "estimate",
    "evidence",
    "linearised",
    "mean_of",
    "needs",
    "ranked",
    "region_of",
    "searched",
    "stages_of",
    "unchanged",
    "within_noise",
]
