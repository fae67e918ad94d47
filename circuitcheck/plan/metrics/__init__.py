"""Metrics as frozen data: one number per prompt, read from one run."""

from circuitcheck.plan.metrics.attribution import Attribution, Lens, Term, Toward
from circuitcheck.plan.metrics.custom import Custom
from circuitcheck.plan.metrics.features import ActiveFeatures, FeatureActivation, FeatureFires, ReconstructionError
from circuitcheck.plan.metrics.logits import (
    Accuracy,
    CandidateAccuracy,
    KLFromClean,
    LogitDiff,
    LogProb,
    Loss,
    Probability,
    Rank,
)
from circuitcheck.plan.metrics.protocol import Metric, MetricBase, Reading, bounds_of, check_support, supports
from circuitcheck.plan.metrics.together import Both, Marked
from circuitcheck.plan.metrics.values import Activation, Attention, Norm, Showing

__all__ = [
    "Accuracy",
    "Activation",
    "ActiveFeatures",
    "Attention",
    "Attribution",
    "Both",
    "CandidateAccuracy",
    "Custom",
    "FeatureActivation",
    "FeatureFires",
    "KLFromClean",
    "Lens",
    "LogProb",
    "LogitDiff",
    "Loss",
    "Marked",
    "Metric",
    "MetricBase",
    "Norm",
    "Probability",
    "Rank",
    "Reading",
    "ReconstructionError",
    "Showing",
    "Term",
    "Toward",
    "bounds_of",
    "check_support",
    "supports",
]
