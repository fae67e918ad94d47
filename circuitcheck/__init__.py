"""circuitcheck: test circuit hypotheses on transformer language models."""

from circuitcheck import tasks
from circuitcheck.claims import claim
from circuitcheck.errors import CircuitCheckError, Inconclusive, Refuted, VacuousIntervention
from circuitcheck.plan import Accuracy, CandidateAccuracy, LogitDiff, LogProb, Loss, Probability
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
    all_of,
    any_of,
    approx,
    corpus,
    forall,
    load,
    metric,
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
    "LogProb",
    "LogitDiff",
    "Loss",
    "Model",
    "ModelView",
    "Probability",
    "Quantity",
    "Question",
    "Refuted",
    "Session",
    "Settings",
    "Task",
    "Template",
    "TokenInContext",
    "VacuousIntervention",
    "after",
    "all_of",
    "any_of",
    "approx",
    "claim",
    "corpus",
    "current_session",
    "different",
    "forall",
    "increasing",
    "load",
    "metric",
    "random_heads",
    "tasks",
    "use_session",
]
