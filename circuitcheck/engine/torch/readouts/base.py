"""What metrics read from a run, by plan type: `read.register` adds a kind of ours, `circuitcheck.ext` one of a user's."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from functools import singledispatch
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Bool
from numpy.typing import NDArray
from torch import Tensor

from circuitcheck.engine.registry import READOUTS
from circuitcheck.engine.torch.dictionaries.dictionary import LoadedDictionary
from circuitcheck.engine.torch.loaded.model import LoadedModel
from circuitcheck.engine.torch.sites.access import SiteLayer
from circuitcheck.engine.torch.sites.batch import Batch
from circuitcheck.engine.torch.sites.shapes import Index, LogitsRead, PerPrompt, Value
from circuitcheck.engine.torch.transfer.fetching import at_once
from circuitcheck.engine.torch.transfer.sending import sent
from circuitcheck.errors import BadMetric, NotComparable
from circuitcheck.memory import made_once
from circuitcheck.plan import (
    Custom,
    DictionaryRef,
    Metric,
)
from circuitcheck.prompts import Prompt

Made = TypeVar("Made")


def no_dictionary(ref: DictionaryRef) -> LoadedDictionary:
    raise BadMetric(f"this run holds no dictionaries, and {ref} was asked for.")


@dataclass(frozen=True)
class Seen:
    """What one run of a batch shows to metrics: logits [prompt, vocab] at each END, or [prompt, token, vocab] for
    metrics that read a whole answer; the values of the sites they look at; the logits of the untouched clean run,
    where one compares; and the dictionaries of features that they look through. Where metrics read a few words of the
    vocabulary alone, `ids` are these, in order, and logits are [prompt, id]. `loaded` is the model that ran, to read.
    `ask(numbers, use)` gives `use` these numbers when the batch ends, as a NumPy array, and it may raise what is wrong with
    them: to look at once is to wait for the device."""

    logits: LogitsRead
    batch: Batch
    sites: Mapping[SiteLayer, Value]
    clean: LogitsRead | None = None
    dictionary: Callable[[DictionaryRef], LoadedDictionary] = no_dictionary
    ids: Index | None = None
    loaded: LoadedModel | None = field(default=None, repr=False)
    ask: Callable[[Tensor, Callable[[NDArray[np.float64]], None]], None] = field(default=at_once, compare=False, repr=False)
    made: dict[Hashable, Any] = field(default_factory=dict, compare=False, repr=False)

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What several metrics of one run have in common, made for the first."""
        return made_once(self.made, key, make)

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        return self.batch.prompts

    def logits_of(self, words: list[int]) -> PerPrompt:
        """[prompt], in float64: the logit of one word of the vocabulary for each prompt, at END."""
        index = sent(words, self.logits.device)
        columns = index if self.ids is None else torch.searchsorted(self.ids, index)
        return self.logits.gather(1, columns[:, None])[:, 0].double()


def finite_or_nan(metric: Metric, seen: Seen) -> PerPrompt:
    """[prompt]: NaN where a run's logits are no finite numbers, for what such a run says otherwise (a rank of 1, an accuracy
    of 0) means nothing. A model may exclude tokens by -inf."""
    broken = _broken(seen.logits) if seen.clean is None else _broken(seen.logits) | _broken(seen.clean)
    values = read(metric, seen)
    return torch.where(broken, torch.nan, values)


def _broken(logits: LogitsRead) -> Bool[Tensor, " prompt"]:
    """[prompt]: is the largest logit of any token that is read NaN or infinite?"""
    return ~logits.amax(dim=-1).reshape(len(logits), -1).isfinite().all(dim=1)


@singledispatch
def read(metric: Metric, seen: Seen) -> PerPrompt:  # noqa: ARG001 - the signature that every readout has
    """One float64 number for each prompt."""
    name = type(metric).__name__
    raise BadMetric(f"{name} has no readout here: write one, with @circuitcheck.ext.register_readout({name}) above it.")


def _own(kind: type, readout: Callable[..., Any]) -> None:
    """Register a readout of a user's, whose numbers are looked at."""
    read.register(kind)(lambda metric, seen: _checked(metric, seen, readout))


READOUTS.take_over(_own)


@read.register
def _(metric: Custom, seen: Seen) -> PerPrompt:
    return _checked(metric, seen, lambda metric, seen: metric.function(seen.logits, seen.prompts))


def _checked(metric: Metric, seen: Seen, function: Callable[[Any, Seen], Any]) -> PerPrompt:
    """What a function of a user's gives, which need not be what a metric is. Raises NotComparable, BadMetric."""
    values = _called(function, metric, seen)
    if values.shape != (len(seen.prompts),):
        raise NotComparable(
            f"the metric {metric.name!r} gave shape {tuple(values.shape)} for {len(seen.prompts)} prompts; expected one "
            f"number for each, shape ({len(seen.prompts)},)."
        )
    if seen.prompts[0].index < len(seen.prompts):  # once: in the first block that is measured of a stream
        _require_same(metric, values, _called(function, metric, seen))
    return values


def _require_same(metric: Metric, values: PerPrompt, again: PerPrompt) -> None:
    differs = (values != again) & ~(values.isnan() & again.isnan())
    if differs.any():
        place = int(differs.nonzero()[0])
        raise BadMetric(
            f"the metric {metric.name!r} gave {values[place]:g} and then {again[place]:g} for the same logits of the same "
            f"prompt: a number that changes between runs cannot be claimed about. Take out what is random in it, or seed it "
            f"by the prompt."
        )


def _called(function: Callable[[Any, Seen], Any], metric: Metric, seen: Seen) -> PerPrompt:
    """On copies: the other metrics of this view read the same tensors."""
    clean = None if seen.clean is None else seen.clean.clone()
    sites = {where: value[seen.batch.row_of_text] for where, value in seen.sites.items()}  # a row of its own for each prompt
    own = replace(seen, logits=seen.logits.clone(), sites=sites, clean=clean, batch=replace(seen.batch, of=None), made={})
    found = function(metric, own)
    if found is None:
        raise BadMetric(
            f"the metric {metric.name!r} gave nothing; expected one number for each prompt. Does it return them?"
        )
    return torch.as_tensor(found).double().to(seen.logits.device)
