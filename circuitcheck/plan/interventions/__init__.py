"""Changes to a run, as frozen data."""

from circuitcheck.plan.interventions.ablate import KINDS, Ablate, Kind
from circuitcheck.plan.interventions.features import ERROR_TERMS, Edit, EditFeatures, ErrorTerm, Reconstruct
from circuitcheck.plan.interventions.knock_out import KnockOut
from circuitcheck.plan.interventions.patch import Patch
from circuitcheck.plan.interventions.path import PatchPath
from circuitcheck.plan.interventions.protocol import (
    Intervention,
    InterventionBase,
    Need,
    PickCounterfactual,
    Resample,
    StreamMean,
    ValueSource,
    held_still,
)
from circuitcheck.plan.interventions.steer import Mode, Steer

__all__ = [
    "ERROR_TERMS",
    "KINDS",
    "Ablate",
    "Edit",
    "EditFeatures",
    "ErrorTerm",
    "Intervention",
    "InterventionBase",
    "Kind",
    "KnockOut",
    "Mode",
    "Need",
    "Patch",
    "PatchPath",
    "PickCounterfactual",
    "Reconstruct",
    "Resample",
    "Steer",
    "StreamMean",
    "ValueSource",
    "held_still",
]
