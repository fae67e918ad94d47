"""Means of a site's values over reference prompts, position by position or over all their tokens."""

from collections.abc import Iterable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from circuitcheck.engine.torch.sites.batch import by_size
from circuitcheck.engine.torch.sites.forward import activations
from circuitcheck.engine.torch.sites.hooked_model import HookedModel
from circuitcheck.engine.torch.sites.shapes import Value
from circuitcheck.errors import BadTask
from circuitcheck.places import KindName
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
    are taken over all tokens. One pass serves every head and layer, so claims that ablate different heads share it."""

    def __init__(self, means: Mapping[Layout, LayerMeans], counts: Mapping[Layout, int], prompts: int, by: MeanBy) -> None:
        self._means, self._counts, self._prompts, self._by = means, counts, prompts, by

    @property
    def bytes(self) -> int:
        return sum(mean.nbytes for mean in self._means.values())

    def rows(self, layer: int, prompts: Iterable[Prompt], width: int) -> Value:
        """[prompt, pos, ...] for these prompts, `width` positions. Raises BadTask where the sample had no such prompt."""
        means = torch.stack([self._mean(prompt)[layer] for prompt in prompts])
        if self._by == "tokens":
            return means.expand(-1, width, *means.shape[2:])
        missing = width - means.shape[1]  # what follows the prompt has no mean, and nothing may be written there
        return torch.cat([means, means.new_full((len(means), missing, *means.shape[2:]), torch.nan)], dim=1)

    def _mean(self, prompt: Prompt) -> LayerMeans:
        mean = self._means.get(layout_of(prompt, self._by))
        count = self._counts.get(layout_of(prompt, self._by), 0)
        if mean is None or count < _FEWEST:
            raise BadTask(
                f"the {self._prompts} reference prompts hold {count} of template {prompt.template!r} with the token counts "
                f"of {prompt.text!r}: raise n, or give the slots fixed token counts."
            )
        return mean


def stream_means(
    model: HookedModel,
    prompts: tuple[Prompt, ...],
    kind: KindName,
    n_layers: int,
    by: MeanBy,
    batch: int,
    device: torch.device,
) -> StreamMeans:
    """The mean of each layout, over the prompts that have it."""
    sums: dict[Layout, LayerMeans] = {}
    counts: dict[Layout, int] = {}
    for start in range(0, len(prompts), batch):
        block = prompts[start : start + batch]
        for indices in by_size(block, "logits"):
            tokens = torch.tensor([block[i].tokens for i in indices], device=device)
            kept = activations(model, tokens, [(kind, layer) for layer in range(n_layers)])
            stacked = torch.stack([kept[kind, layer] for layer in range(n_layers)], dim=1).double()
            for row, i in enumerate(indices):
                value = stacked[row] if by == "template" else stacked[row].sum(dim=1, keepdim=True)
                layout = layout_of(block[i], by)
                sums[layout] = sums[layout] + value if layout in sums else value.clone()
                counts[layout] = counts.get(layout, 0) + (1 if by == "template" else tokens.shape[1])
    dtype = next(model.parameters()).dtype
    means = {layout: (total / counts[layout]).to(dtype) for layout, total in sums.items()}
    return StreamMeans(means, counts, len(prompts), by)
