"""Quantities: what a claim compares. Nothing is measured until a comparison is asked or values are wanted."""

from circuitcheck.quantities.composition import Composition, composition
from circuitcheck.quantities.corpus import corpus
from circuitcheck.quantities.dictionaries import Dictionary, FeatureSet, random_features, sae, transcoder
from circuitcheck.quantities.directions import cosines, direction, mean_difference, random_direction, vectors
from circuitcheck.quantities.facts import Facts, FeatureFacts, facts
from circuitcheck.quantities.fits import Fit, fit
from circuitcheck.quantities.metrics import (
    accuracy,
    activation,
    attention,
    both,
    candidate_accuracy,
    fires,
    kl_from_clean,
    l0,
    log_prob,
    logit_diff,
    loss,
    marked,
    metric,
    norm,
    probability,
    rank,
    reconstruction_error,
)
from circuitcheck.quantities.models import Model, load
from circuitcheck.quantities.promoted import Promoted, promotes
from circuitcheck.quantities.quantity import Quantity
from circuitcheck.quantities.questions.comparison import Approx, Comparison, approx
from circuitcheck.quantities.questions.composite import Composite, all_of, any_of
from circuitcheck.quantities.questions.controls import Beats
from circuitcheck.quantities.questions.drawn import RandomFeatures, RandomParts, random_heads, random_sites
from circuitcheck.quantities.questions.estimate import Estimate
from circuitcheck.quantities.questions.question import Question, Recorder, recording
from circuitcheck.quantities.questions.result import ComparisonResult
from circuitcheck.quantities.questions.since import Change, ChangeComparison, StoredNumber
from circuitcheck.quantities.questions.universal import ForAll, forall
from circuitcheck.quantities.reading_out import AttentionPattern, TopToken
from circuitcheck.quantities.scanned.batches import read_batches
from circuitcheck.quantities.scanned.record import FeatureRecord
from circuitcheck.quantities.scanned.scan import Scan
from circuitcheck.quantities.scanned.shown import Cofiring, Example, Histogram
from circuitcheck.quantities.scans import scan
from circuitcheck.quantities.showing import show
from circuitcheck.quantities.sweeps.axis import Axis, axis
from circuitcheck.quantities.sweeps.found import Found
from circuitcheck.quantities.sweeps.grid import Grid, load_grid
from circuitcheck.quantities.sweeps.sweep import Sweep
from circuitcheck.quantities.sweeps.writing import Written
from circuitcheck.quantities.task import Task
from circuitcheck.quantities.views import ModelView

__all__ = [
    "Approx",
    "AttentionPattern",
    "Axis",
    "Beats",
    "Change",
    "ChangeComparison",
    "Cofiring",
    "Comparison",
    "ComparisonResult",
    "Composite",
    "Composition",
    "Dictionary",
    "Estimate",
    "Example",
    "Facts",
    "FeatureFacts",
    "FeatureRecord",
    "FeatureSet",
    "Fit",
    "ForAll",
    "Found",
    "Grid",
    "Histogram",
    "Model",
    "ModelView",
    "Promoted",
    "Quantity",
    "Question",
    "RandomFeatures",
    "RandomParts",
    "Recorder",
    "Scan",
    "StoredNumber",
    "Sweep",
    "Task",
    "TopToken",
    "Written",
    "accuracy",
    "activation",
    "all_of",
    "any_of",
    "approx",
    "attention",
    "axis",
    "both",
    "candidate_accuracy",
    "composition",
    "corpus",
    "cosines",
    "direction",
    "facts",
    "fires",
    "fit",
    "forall",
    "kl_from_clean",
    "l0",
    "load",
    "load_grid",
    "log_prob",
    "logit_diff",
    "loss",
    "marked",
    "mean_difference",
    "metric",
    "norm",
    "probability",
    "promotes",
    "random_direction",
    "random_features",
    "random_heads",
    "random_sites",
    "rank",
    "read_batches",
    "reconstruction_error",
    "recording",
    "sae",
    "scan",
    "show",
    "transcoder",
    "vectors",
]
