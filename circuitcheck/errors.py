"""Every error that circuitcheck raises on purpose. Each message says what was given, what was expected, what to do."""

import re
import sys

from circuitcheck.text import brief, printable

_TWO_POINTS = re.compile(r"(?<=\w)\.\.(?=\s|$)")


class CircuitCheckError(Exception):
    """Base of all errors below. Their texts hold what others wrote, so they are made fit to print here: no control
    characters, no word of more than a thousand letters, and one point where one sentence ends in another."""

    def __init__(self, message: object = "") -> None:
        super().__init__(_TWO_POINTS.sub(".", brief(printable(str(message)))))


class Refuted(CircuitCheckError, AssertionError):
    """The measured interval lies wholly outside the region that the claim names."""


class Inconclusive(CircuitCheckError):
    """The prompts that the budget allows decide neither for nor against the claim."""


class VacuousIntervention(CircuitCheckError):
    """An intervention that changed nothing: a claim about it would be about the untouched model."""


class SiteNotReached(VacuousIntervention):
    """A hook that was to write an activation did not fire."""


class StrayWrite(CircuitCheckError):
    """An intervention that wrote elsewhere, or something else, than it says."""


class ClaimAskedNothing(CircuitCheckError):
    """A claim whose test passed without asking a single comparison."""


class UnknownUnit(CircuitCheckError, ValueError):
    """A head, layer or other unit that cannot be parsed or that the model does not have."""


class UnknownSite(UnknownUnit):
    """A place in the computation that cannot be parsed or that the model does not have."""


class BadIntervention(CircuitCheckError, ValueError):
    """An intervention of a kind that does not exist, or with arguments that do not belong to its kind."""


class UnknownPosition(CircuitCheckError, ValueError):
    """A position that the task does not name, or that falls outside a prompt."""


class UnknownCounterfactual(CircuitCheckError, ValueError):
    """A counterfactual that the task does not declare."""


class BadTask(CircuitCheckError, ValueError):
    """A task definition, or a prompt made from it, that breaks its own promises."""


class BadMetric(CircuitCheckError, ValueError):
    """A metric that gives values outside the support that it declares."""


class EmptyPool(BadTask):
    """A pool of which too few items survive this tokenizer."""


class BadRecord(BadTask):
    """A file of prompts or texts that cannot be read, or rows of it; the message names each by file and line."""


class BadSpec(CircuitCheckError, ValueError):
    """A model spec that cannot be read."""


class UnknownDevice(CircuitCheckError, ValueError):
    """A device that does not exist here, or a dtype that has no name in torch."""


class ModelUnavailable(CircuitCheckError):
    """A model that cannot be had on this machine; the message says how to get it. Its claims are skipped."""


class CorruptCheckpoint(CircuitCheckError):
    """A checkpoint that is there but cannot be read, or lacks weights."""


class UnsupportedModel(CircuitCheckError):
    """A checkpoint that is whole, of a layout that TransformerLens cannot wrap."""


class BadDictionary(CircuitCheckError, ValueError):
    """A dictionary of features that cannot be read as one, or that does not fit the model or the site it is given for."""


class ModelChanged(CircuitCheckError):
    """The weights, hooks or mode of a loaded model changed behind the session's back."""


class OutOfMemory(CircuitCheckError, MemoryError):
    """A pass over one prompt that the device's memory does not hold."""


class UnsoundModel(CircuitCheckError):
    """A loaded model that failed checks on which a claim depends."""


class BudgetTooSmall(CircuitCheckError, ValueError):
    """Fewer prompts allowed than the first look needs."""


class NotComparable(CircuitCheckError, TypeError):
    """An expression over quantities that has no sound meaning."""


class BadPicture(CircuitCheckError, ValueError):
    """What was to be shown is no picture, or more than a report takes."""


class BadSweep(CircuitCheckError, ValueError):
    """Axes or cells of a sweep that do not fit together, or a stored grid that cannot be believed."""


class BelowNoise(CircuitCheckError, ValueError):
    """A margin smaller than what the same prompts differ by from one batch to another."""


class BadExtension(CircuitCheckError, ValueError):
    """An extension that cannot be loaded, or that registers what is not sound or is there already."""


class BrokenLaw(CircuitCheckError, AssertionError):
    """A kernel that breaks a law which every intervention keeps."""


def after_reload(thing: object) -> str:
    """What to add where a thing of ours is not recognised: in a notebook that reloaded its modules, classes are made
    anew."""
    kind = type(thing)
    now = getattr(sys.modules.get(kind.__module__), kind.__qualname__, None)
    earlier = kind.__module__.partition(".")[0] == "circuitcheck" and now is not kind
    return " It is of circuitcheck as it was before a reload: make it anew, or restart the notebook." if earlier else ""
