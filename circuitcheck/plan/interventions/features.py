"""Changes to the features of a dictionary, and the dictionary's reconstruction in the place of a site's value."""

from dataclasses import dataclass, replace
from typing import Literal

from circuitcheck.places.positions import At
from circuitcheck.places.sites import Part, Site
from circuitcheck.plan.dictionaries import DictionaryRef, Features
from circuitcheck.plan.interventions.protocol import (
    InterventionBase,
    Need,
    PickCounterfactual,
    Resample,
    StreamMean,
    where,
)
from circuitcheck.plan.references import CLEAN
from circuitcheck.prompts import MeanBy

Edit = Literal["remove", "clamp", "scale", "add", "mean", "patch", "resample"]
ErrorTerm = Literal["keep", "drop"]
ERROR_TERMS: tuple[ErrorTerm, ...] = ("keep", "drop")


@dataclass(frozen=True)
class _OfDictionary(InterventionBase):
    """What acts through a dictionary at the positions `at`. `error` says what becomes of what the dictionary does not
    reconstruct: "keep" adds it to the changed reconstruction, "drop" leaves it out."""

    @property
    def through(self) -> DictionaryRef:
        raise NotImplementedError

    @property
    def writes(self) -> tuple[tuple[Site, At], ...]:
        return ((self.through.writes, self._where),)

    @property
    def reads(self) -> tuple[Site, ...]:
        return (self.through.reads,) if self.through.is_transcoder else ()

    @property
    def dictionaries(self) -> tuple[DictionaryRef, ...]:
        return (self.through,)

    @property
    def _where(self) -> At:
        raise NotImplementedError


@dataclass(frozen=True)
class EditFeatures(_OfDictionary):
    """The activations of `features` are changed: removed (0); clamped to `amount`; scaled by it; raised by it ("add"); put
    to their mean over prompts of a reference stream; or taken from another run of the prompt called `source` ("patch"), or
    from another prompt ("resample"). What is written is what the dictionary's output then changes by.

    `stream` is set by binding a mean or a resampling to a task; `n` and `matching` are as in an ablation.
    """

    features: Features
    edit: Edit
    at: At
    amount: float | None = None
    source: str | None = None
    n: int = 256
    matching: tuple[str, ...] = ()
    stream: StreamMean | Resample | None = None
    error: ErrorTerm = "keep"
    allow_vacuous: bool = False

    @property
    def through(self) -> DictionaryRef:
        return self.features.dictionary

    @property
    def _where(self) -> At:
        return self.at

    @property
    def needs(self) -> tuple[Need, ...]:
        """Of a mean, only the stream counts: the mean of features is no mean of the site."""
        if self.edit not in ("mean", "patch", "resample"):
            return ()
        source = self.source if self.edit == "patch" else self.stream
        if source is None:
            raise ValueError(f"{self.describe()} is not bound to a task yet")
        return (Need(self.through.reads, self.at, source),)

    @property
    def part_sets(self) -> tuple[tuple[Part, ...], ...]:
        return (self.features.parts,)

    def swap_parts(self, old: tuple[Part, ...], new: tuple[Part, ...]) -> "EditFeatures":
        if self.features.parts != old:
            return self
        swapped = Features(self.features.dictionary, tuple(sorted(part.number for part in new)))
        return replace(self, features=swapped, allow_vacuous=True)

    def describe(self) -> str:
        verb = {
            "remove": "removal of",
            "clamp": f"clamping to {self.amount:g} of" if self.amount is not None else "",
            "scale": f"scaling by {self.amount:g} of" if self.amount is not None else "",
            "add": f"raising by {self.amount:g} of" if self.amount is not None else "",
            "mean": "mean ablation of",
            "patch": "patch of",
            "resample": "resample ablation of",
        }[self.edit]
        came = f" from {self.source or 'the counterfactual'}" if self.edit == "patch" else ""
        size = f" (n={self.n})" if self.edit in ("mean", "resample") and self.n != EditFeatures.n else ""
        return f"{verb} features {self.features}{came}{size} {where(self.at)}, error term {_kept(self.error)}"

    def bind(self, *, task: str, mean_by: MeanBy, counterfactual: PickCounterfactual, seed: int) -> "EditFeatures":
        if self.edit == "mean":
            return replace(self, stream=StreamMean(task, self.n, seed, mean_by))
        if self.edit == "resample":
            return replace(self, stream=Resample(task, self.n, seed, mean_by, self.matching))
        if self.edit == "patch" and self.source != CLEAN:
            return replace(self, source=counterfactual(self.source, self.describe()))
        return self


@dataclass(frozen=True)
class Reconstruct(_OfDictionary):
    """A site's value is replaced by what the dictionary makes of it. With the error term kept nothing changes, which is a
    check of the dictionary's wiring, and no vacuous claim."""

    dictionary: DictionaryRef
    at: At
    error: ErrorTerm = "drop"
    allow_vacuous: bool = False

    @property
    def through(self) -> DictionaryRef:
        return self.dictionary

    @property
    def _where(self) -> At:
        return self.at

    def describe(self) -> str:
        return f"reconstruction by {self.dictionary} {where(self.at)}, error term {_kept(self.error)}"


def _kept(error: ErrorTerm) -> str:
    return "kept" if error == "keep" else "dropped"
