"""Means of a site's values over reference prompts, position by position or over all their tokens."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from circuitcheck.engine.torch.dictionaries.dictionary import LoadedDictionary
from circuitcheck.engine.torch.dictionaries.slices import rows_of_site
from circuitcheck.engine.torch.sites.access import SiteLayer
from circuitcheck.engine.torch.sites.batch import by_size, in_parts
from circuitcheck.engine.torch.sites.forward import activations
from circuitcheck.engine.torch.sites.hooked_model import HookedModel
from circuitcheck.engine.torch.sites.shapes import Index, Value
from circuitcheck.errors import BadTask
from circuitcheck.places import KindName
from circuitcheck.plan import Features
from circuitcheck.prompts import MeanBy, Prompt

_FEWEST = 2  # a mean over one prompt is that prompt
LayerMeans = Float[Tensor, "layer pos *axes"]
Layout = tuple[str, object]  # a template and its prompts' token counts


def layout_of(prompt: Prompt, by: MeanBy) -> Layout:
    """Prompts of one layout have the same position at the same token index."""
    if by == "tokens":
        return ("", None)
    return (prompt.template, (len(prompt.tokens), *prompt.positions.values()))


class StreamMeans:
    """Means of all layers of one site kind over reference prompts: {layout: [layer, pos, ...]}, [layer, 1, ...] where they
    are taken over all tokens. One pass serves every head and layer, and the kinds of site that are ablated most, so claims
    that ablate different parts share it."""

    def __init__(self, means: Mapping[Layout, LayerMeans], counts: Mapping[Layout, int], prompts: int, by: MeanBy) -> None:
        self._means, self._counts, self._prompts, self._by = means, counts, prompts, by

    @property
    def bytes(self) -> int:
        return sum(mean.nbytes for mean in self._means.values())

    def rows(self, layer: int, prompts: Iterable[Prompt], width: int) -> Value:
        """[prompt, pos, ...] for these prompts, `width` positions. Raises BadTask where the sample had no such prompt."""
        means = [self._mean(prompt)[layer] for prompt in prompts]
        if self._by == "tokens":
            return torch.stack(means).expand(-1, width, *means[0].shape[1:])
        return torch.stack([_followed_by_none(mean, width) for mean in means])

    def _mean(self, prompt: Prompt) -> LayerMeans:
        mean = self._means.get(layout_of(prompt, self._by))
        count = self._counts.get(layout_of(prompt, self._by), 0)
        if mean is None or count < _FEWEST:
            raise BadTask(
                f"the {self._prompts} reference prompts hold {count} of template {prompt.template!r} with the token counts "
                f"of {prompt.text!r}: raise n, or give the slots fixed token counts."
            )
        return mean


def _followed_by_none(mean: Value, width: int) -> Value:
    """[pos, ...]: what follows a prompt has no mean, and nothing may be written there."""
    return torch.cat([mean, mean.new_full((width - len(mean), *mean.shape[1:]), torch.nan)])


@dataclass(frozen=True)
class Averaged:
    """What is averaged: `values_of` makes [prompt, pos, ...] for each layer of the values of the sites `wanted`."""

    wanted: tuple[SiteLayer, ...]
    values_of: Callable[[Mapping[SiteLayer, Value]], list[Value]]


def layers_of(kind: KindName, n_layers: int) -> Averaged:
    """A kind of site, in all layers."""
    wanted = tuple((kind, layer) for layer in range(n_layers))
    return Averaged(wanted, lambda kept: [kept[each] for each in wanted])


def activations_of(features: Features, dictionary: LoadedDictionary) -> Averaged:
    """The activations of features, [prompt, pos, feature], as of one layer."""
    site, numbers = features.dictionary.reads, list(features.numbers)

    def encoded(kept: Mapping[SiteLayer, Value]) -> list[Value]:
        value = kept[site.kind, site.layer]
        columns = torch.arange(value.shape[1], device=value.device)
        rows = (rows_of_site(site, value, torch.full_like(columns, prompt), columns) for prompt in range(len(value)))
        return [torch.stack([dictionary.encode(each)[:, numbers] for each in rows])]

    return Averaged(((site.kind, site.layer),), encoded)


class _Sums:
    """Of what is averaged, so far: for each layout, and of how many."""

    def __init__(self, averaged: Averaged, by: MeanBy) -> None:
        self._averaged, self._by = averaged, by
        self._sums: dict[Layout, LayerMeans] = {}
        self._counts: dict[Layout, int] = {}

    def add(self, prompts: list[Prompt], kept: Mapping[SiteLayer, Value]) -> None:
        """Prompts of equally many tokens, those of each layout together. Sums are in float64."""
        width, of_prompts = len(prompts[0].tokens), [layout_of(prompt, self._by) for prompt in prompts]
        prompts_of = Counter(of_prompts)  # in the order in which they come
        numbers = {layout: number for number, layout in enumerate(prompts_of)}
        values = self._averaged.values_of(kept)
        rows = torch.tensor([numbers[layout] for layout in of_prompts], device=values[0].device)
        sums = [_summed(value, rows, len(numbers)) for value in values]
        for layout, number in numbers.items():
            total = torch.stack([each[number] for each in sums])
            if self._by == "tokens":
                total = total.sum(dim=1, keepdim=True)
            self._sums[layout] = self._sums[layout] + total if layout in self._sums else total
            count = prompts_of[layout] * (1 if self._by == "template" else width)
            self._counts[layout] = self._counts.get(layout, 0) + count

    def means(self, prompts: int, dtype: torch.dtype) -> StreamMeans:
        means = {layout: (total / self._counts[layout]).to(dtype) for layout, total in self._sums.items()}
        return StreamMeans(means, self._counts, prompts, self._by)


def _summed(value: Value, rows: Index, layouts: int) -> Value:
    """[layout, pos, ...] in float64, of values [prompt, pos, ...] whose layouts are `rows` [prompt]."""
    sums = torch.zeros(layouts, *value.shape[1:], dtype=torch.float64, device=value.device)
    return sums.index_add_(0, rows, value.double())


def stream_means(
    model: HookedModel,
    prompts: tuple[Prompt, ...],
    averaged: Sequence[Averaged],
    by: MeanBy,
    batch: int,
    device: torch.device,
) -> list[StreamMeans]:
    """Of each that is `averaged` the mean of each layout, over the prompts that have it: all from the same passes."""
    sums = [_Sums(each, by) for each in averaged]
    wanted = {where for each in averaged for where in each.wanted}
    for indices in in_parts(by_size(prompts, "logits"), batch):
        together = [prompts[i] for i in indices]
        kept = activations(model, torch.tensor([prompt.tokens for prompt in together], device=device), wanted)
        for each in sums:
            each.add(together, kept)
    dtype = next(model.parameters()).dtype
    return [each.means(len(prompts), dtype) for each in sums]
