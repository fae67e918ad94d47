"""Values from other runs: counterfactual runs of the same prompts, and means over a stream."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from circuitcheck.engine.torch.hooks import hook_name, hooked
from circuitcheck.errors import BadTask
from circuitcheck.plan import SiteKind
from circuitcheck.prompts import Prompt

SiteLayer = tuple[SiteKind, int]


def by_length(prompts: Iterable[Prompt]) -> dict[int, list[int]]:
    """Indices into `prompts`, grouped by token count, shortest first: no padding, ever."""
    groups: dict[int, list[int]] = {}
    for index, prompt in enumerate(prompts):
        groups.setdefault(len(prompt.tokens), []).append(index)
    return dict(sorted(groups.items()))


def forward(model: Any, tokens: Tensor) -> Tensor:
    """Logits [prompt, pos, vocab] of token ids that already hold their BOS."""
    logits: Tensor = model(tokens, return_type="logits", prepend_bos=False)
    return logits


def activations(model: Any, tokens: Tensor, wanted: Iterable[SiteLayer]) -> dict[SiteLayer, Tensor]:
    """One clean run of `tokens` [prompt, pos]: the value at each wanted site, [prompt, pos, ...]."""
    kept: dict[SiteLayer, Tensor] = {}

    def keeper(key: SiteLayer) -> Callable[[Tensor], None]:
        def keep(value: Tensor) -> None:
            kept[key] = value.detach().clone()

        return keep

    with hooked(model, [(hook_name(*key), keeper(key)) for key in sorted(set(wanted))]):
        forward(model, tokens)
    return kept


class TemplateMeans:
    """Means of all layers of one site kind over reference prompts, by template: {template: [layer, pos, ...]}.

    One pass serves every head and layer, so claims that ablate different heads share it.
    """

    def __init__(self, means: Mapping[str, Tensor], prompts: int) -> None:
        self._means, self._prompts = means, prompts

    def rows(self, layer: int, templates: Iterable[str], length: int) -> Tensor:
        """[prompt, pos, ...] for prompts of these templates. Raises BadTask where the sample had no such prompt."""
        return torch.stack([self._mean(template, length)[layer] for template in templates])

    def _mean(self, template: str, length: int) -> Tensor:
        mean = self._means.get(template)
        if mean is None:
            raise BadTask(f"the {self._prompts} reference prompts hold none of template {template!r}: raise n.")
        if mean.shape[1] != length:
            raise BadTask(
                f"template {template!r} has prompts of {length} and of {mean.shape[1]} tokens: a position-aligned mean "
                f"has no meaning. Split the template, or use words of one length."
            )
        return mean


def template_means(
    model: Any, prompts: tuple[Prompt, ...], kind: SiteKind, n_layers: int, batch: int, device: torch.device
) -> TemplateMeans:
    """Raises BadTask where prompts of one template differ in token count."""
    sums: dict[str, Tensor] = {}
    counts: dict[str, int] = {}
    for start in range(0, len(prompts), batch):
        block = prompts[start : start + batch]
        for indices in by_length(block).values():
            tokens = torch.tensor([block[i].tokens for i in indices], device=device)
            kept = activations(model, tokens, [(kind, layer) for layer in range(n_layers)])
            stacked = torch.stack([kept[kind, layer] for layer in range(n_layers)], dim=1).double()
            for row, i in enumerate(indices):
                _add(sums, counts, block[i].template, stacked[row])
    dtype = next(model.parameters()).dtype
    return TemplateMeans({name: (total / counts[name]).to(dtype) for name, total in sums.items()}, len(prompts))


def _add(sums: dict[str, Tensor], counts: dict[str, int], template: str, value: Tensor) -> None:
    if template in sums and sums[template].shape != value.shape:
        raise BadTask(
            f"template {template!r} has prompts of {sums[template].shape[1]} and of {value.shape[1]} tokens: a "
            f"position-aligned mean has no meaning. Split the template, or use words of one length."
        )
    sums[template] = sums[template] + value if template in sums else value.clone()
    counts[template] = counts.get(template, 0) + 1
