"""Quantities: what a claim compares. Nothing is measured until a comparison is asked or values are wanted."""

from circuitcheck.quantities.comparison import Approx, Comparison, approx
from circuitcheck.quantities.estimate import Estimate
from circuitcheck.quantities.metrics import metric
from circuitcheck.quantities.models import Model, ModelView, load
from circuitcheck.quantities.quantity import Quantity
from circuitcheck.quantities.recording import Recorder, recording
from circuitcheck.quantities.result import ComparisonResult
from circuitcheck.quantities.task import Task

__all__ = [
    "Approx",
    "Comparison",
    "ComparisonResult",
    "Estimate",
    "Model",
    "ModelView",
    "Quantity",
    "Recorder",
    "Task",
    "approx",
    "load",
    "metric",
    "recording",
]
