"""What extends circuitcheck: interventions, metrics, kinds of site, tasks and engines of one's own. docs/extending.md shows
how. Importing this imports no torch; `Batch`, `Sources`, `Write`, `place` and `Seen` do when they are asked for."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from circuitcheck.engine.protocol import Engine, Look, ModelCard, Receipt, Table
from circuitcheck.engine.registry import register_kernel, register_readout
from circuitcheck.errors import BadExtension
from circuitcheck.extensions import load_extensions
from circuitcheck.plan import (
    At,
    Intervention,
    InterventionBase,
    Metric,
    MetricBase,
    Need,
    Part,
    Plan,
    Position,
    Site,
    SiteKind,
    View,
    parse_at,
    parse_position,
    parse_sites,
    parts_of,
)
from circuitcheck.plan.interventions.protocol import listed, where
from circuitcheck.plan.metrics import (
    Accuracy,
    Activation,
    Attention,
    CandidateAccuracy,
    Custom,
    KLFromClean,
    LogitDiff,
    LogProb,
    Loss,
    Norm,
    Probability,
    Rank,
)
from circuitcheck.plan.site_kinds import register_site_kind
from circuitcheck.plan.sites import with_parts
from circuitcheck.quantities.metrics import register_metric
from circuitcheck.session import register_engine
from circuitcheck.tasks import register_task

if TYPE_CHECKING:
    from circuitcheck.engine.torch.batch import Batch
    from circuitcheck.engine.torch.kernels import Sources
    from circuitcheck.engine.torch.readouts import Seen
    from circuitcheck.engine.torch.sites import Write, place

_OF_TORCH = {"Batch": "batch", "Seen": "readouts", "Sources": "kernels", "Write": "sites", "place": "sites"}

__all__ = [
    "Accuracy",
    "Activation",
    "At",
    "Attention",
    "BadExtension",
    "Batch",
    "CandidateAccuracy",
    "Custom",
    "Engine",
    "Intervention",
    "InterventionBase",
    "KLFromClean",
    "LogProb",
    "LogitDiff",
    "Look",
    "Loss",
    "Metric",
    "MetricBase",
    "ModelCard",
    "Need",
    "Norm",
    "Part",
    "Plan",
    "Position",
    "Probability",
    "Rank",
    "Receipt",
    "Seen",
    "Site",
    "SiteKind",
    "Sources",
    "Table",
    "View",
    "Write",
    "listed",
    "load_extensions",
    "parse_at",
    "parse_position",
    "parse_sites",
    "parts_of",
    "place",
    "register_engine",
    "register_kernel",
    "register_metric",
    "register_readout",
    "register_site_kind",
    "register_task",
    "where",
    "with_parts",
]


def __getattr__(name: str) -> Any:
    if name not in _OF_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"circuitcheck.engine.torch.{_OF_TORCH[name]}"), name)
