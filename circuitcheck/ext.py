"""What extends circuitcheck: interventions, metrics, kinds of site, tasks and engines of one's own. docs/extending.md shows
how. Importing this imports no torch; `Batch`, `Sources`, `Write`, `place` and `Seen` do when they are asked for."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from circuitcheck.engine.protocol import (
    DictionaryCard,
    Engine,
    FeatureReceipt,
    Look,
    ModelCard,
    Receipt,
    Reconstructed,
    Table,
    Work,
)
from circuitcheck.engine.registry import register_kernel, register_readout
from circuitcheck.errors import BadExtension
from circuitcheck.extensions import load_extensions
from circuitcheck.places import At, Part, Position, Site, SiteKind, parse_at, parse_position, parse_sites, parts_of
from circuitcheck.places.site_kinds import register_site_kind
from circuitcheck.places.sites import with_parts
from circuitcheck.plan import DictionaryRef, Intervention, InterventionBase, MadeFor, Metric, MetricBase, Need, Plan, View
from circuitcheck.plan.interventions.protocol import listed, where
from circuitcheck.plan.metrics import (
    Accuracy,
    Activation,
    ActiveFeatures,
    Attention,
    Both,
    CandidateAccuracy,
    Custom,
    FeatureActivation,
    FeatureFires,
    KLFromClean,
    LogitDiff,
    LogProb,
    Loss,
    Marked,
    Norm,
    Probability,
    Rank,
    ReconstructionError,
)
from circuitcheck.quantities.metrics import register_metric
from circuitcheck.session import register_engine
from circuitcheck.tasks import register_task

if TYPE_CHECKING:
    from circuitcheck.engine.torch.kernels.base import Sources
    from circuitcheck.engine.torch.readouts.base import Seen
    from circuitcheck.engine.torch.sites.access import Write, place
    from circuitcheck.engine.torch.sites.batch import Batch

_OF_TORCH = {
    "Batch": "sites.batch",
    "Seen": "readouts",
    "Sources": "kernels",
    "Write": "sites.access",
    "place": "sites.access",
}

__all__ = [
    "Accuracy",
    "Activation",
    "ActiveFeatures",
    "At",
    "Attention",
    "BadExtension",
    "Batch",
    "Both",
    "CandidateAccuracy",
    "Custom",
    "DictionaryCard",
    "DictionaryRef",
    "Engine",
    "FeatureActivation",
    "FeatureFires",
    "FeatureReceipt",
    "Intervention",
    "InterventionBase",
    "KLFromClean",
    "LogProb",
    "LogitDiff",
    "Look",
    "Loss",
    "MadeFor",
    "Marked",
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
    "Reconstructed",
    "ReconstructionError",
    "Seen",
    "Site",
    "SiteKind",
    "Sources",
    "Table",
    "View",
    "Work",
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
