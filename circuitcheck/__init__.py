"""circuitcheck: test circuit hypotheses on transformer language models."""

from circuitcheck import tasks
from circuitcheck.claims import claim
from circuitcheck.errors import CircuitCheckError, Inconclusive, Refuted, VacuousIntervention
from circuitcheck.plan import Accuracy, CandidateAccuracy, KLFromClean, LogitDiff, LogProb, Loss, Probability, Rank
from circuitcheck.prompts import Template, different, increasing
from circuitcheck.prompts.cases import Case
from circuitcheck.prompts.corpora import TokenInContext, after
from circuitcheck.quantities import (
    Approx,
    Comparison,
    Estimate,
    Model,
    ModelView,
    Quantity,
    Question,
    Task,
    activation,
    all_of,
    any_of,
    approx,
    attention,
    corpus,
    forall,
    load,
    mean_difference,
    metric,
    norm,
    random_direction,
    random_heads,
)
from circuitcheck.session import Session, Settings, current_session, use_session

__version__ = "0.1.0"

__all__ = [
    "Accuracy",
    "Approx",
    "CandidateAccuracy",
    "Case",
    "CircuitCheckError",
    "Comparison",
    "Estimate",
    "Inconclusive",
    "KLFromClean",
    "LogProb",
    "LogitDiff",
    "Loss",
    "Model",
    "ModelView",
    "Probability",
    "Quantity",
    "Question",
    "Rank",
    "Refuted",
    "Session",
    "Settings",
    "Task",
    "Template",
    "TokenInContext",
    "VacuousIntervention",
    "activation",
    "after",
    "all_of",
    "any_of",
    "approx",
    "attention",
    "claim",
    "corpus",
    "current_session",
    "different",
    "forall",
    "increasing",
    "load",
    "mean_difference",
    "metric",
    "norm",
    "random_direction",
    "random_heads",
    "tasks",
    "use_session",
]
