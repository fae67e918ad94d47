"""What to measure, as frozen data: units, sites, positions, interventions, metrics, views, cells and plans."""

from circuitcheck.plan.cells import Cell, Plan, PromptSource
from circuitcheck.plan.interventions import KINDS, Ablate, Intervention, MeanBy, Need, StreamMean
from circuitcheck.plan.matching import MatchedHeads
from circuitcheck.plan.metrics import (
    Accuracy,
    CandidateAccuracy,
    Custom,
    LogitDiff,
    LogProb,
    Loss,
    Metric,
    Probability,
    Reading,
    bounds_of,
    supports,
)
from circuitcheck.plan.positions import At, Position, parse_at
from circuitcheck.plan.sites import Site, SiteKind, site_of
from circuitcheck.plan.units import Architecture, AttnLayer, Head, MlpLayer, Unit, parse_units
from circuitcheck.plan.views import CLEAN, ModelRef, View

__all__ = [
    "CLEAN",
    "KINDS",
    "Ablate",
    "Accuracy",
    "Architecture",
    "At",
    "AttnLayer",
    "CandidateAccuracy",
    "Cell",
    "Custom",
    "Head",
    "Intervention",
    "LogProb",
    "LogitDiff",
    "Loss",
    "MatchedHeads",
    "MeanBy",
    "Metric",
    "MlpLayer",
    "ModelRef",
    "Need",
    "Plan",
    "Position",
    "Probability",
    "PromptSource",
    "Reading",
    "Site",
    "SiteKind",
    "StreamMean",
    "Unit",
    "View",
    "bounds_of",
    "parse_at",
    "parse_units",
    "site_of",
    "supports",
]
