"""Features of sparse dictionaries by hand: sae_lens's own encode and decode inside plain hooks of a TransformerLens bridge.

It shares no code with circuitcheck. Prompts run one by one, so nothing here depends on batches or padding.
"""

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import pytest
import torch

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # sae_lens imports what TransformerLens calls deprecated
    pytest.importorskip("sae_lens")
    from sae_lens import SAE
    from sae_lens.analysis.sae_transformer_bridge import SAETransformerBridge
    from sae_lens.registry import SAE_CLASS_REGISTRY
    from sae_lens.saes.sae import SAEMetadata

Change = Callable[[torch.Tensor, object], torch.Tensor]
"""From the activations [pos, feature] of one prompt to others, in the sight of the prompt."""

HOOKS = {
    "resid_pre": "hook_in",
    "resid_post": "hook_out",
    "mlp_in": "ln2.hook_in",
    "mlp_out": "mlp.hook_out",
    "attn_out": "attn.hook_out",
    "q": "attn.q.hook_out",
    "k": "attn.k.hook_out",
    "v": "attn.v.hook_out",
    "z": "attn.o.hook_in",
}
"""Where the bridge has each value, under the name of its block."""

OWN = {
    "topk": {"k": 8},
    "abstopk": {"k": 8},
    "matching_pursuit": {"max_iterations": 6, "residual_threshold": 1e-3},
}
"""What an architecture's config has to say."""


def make(architecture: str, d_in: int, seed: int = 0, *, d_sae: int = 64, metadata: dict | None = None, **config) -> SAE:
    """A dictionary of random weights, about half of whose features fire on values of the size of a residual stream."""
    cls, config_cls = SAE_CLASS_REGISTRY[architecture]
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sae_lens warns of model_from_pretrained_kwargs
        torch.manual_seed(seed)
        told = SAEMetadata(**(metadata or {}))
        sae = cls(config_cls(d_in=d_in, d_sae=d_sae, metadata=told, **{**OWN.get(architecture, {}), **config}))
        with torch.no_grad():
            for name, weights in sae.named_parameters():
                weights.copy_(torch.randn_like(weights) * (0.3 if weights.ndim == 1 else d_in**-0.5))
                if name == "threshold":
                    weights.abs_()
            if architecture == "matching_pursuit":
                sae.W_dec.div_(sae.W_dec.norm(dim=-1, keepdim=True))  # else the pursuit runs away
    return sae.eval()


def transcoder(architecture: str, layer: int, width: int, seed: int = 0, *, reads: str = "hook_mlp_in", **config) -> SAE:
    """One that reads the residual stream before an MLP's norm, and writes what the MLP adds."""
    hooks = {"hook_name": f"blocks.{layer}.{reads}", "hook_name_out": f"blocks.{layer}.hook_mlp_out"}
    return make(architecture, width, seed, apply_b_dec_to_input=False, d_out=width, metadata=hooks, **config)


def unchanged(acts: torch.Tensor, _prompt: object) -> torch.Tensor:
    return acts


def setting(*features: int, to: float) -> Change:
    def change(acts, _prompt):
        acts[..., list(features)] = to
        return acts

    return change


def scaling(*features: int, by: float) -> Change:
    def change(acts, _prompt):
        acts[..., list(features)] *= by
        return acts

    return change


def raising(*features: int, by: float) -> Change:
    def change(acts, _prompt):
        acts[..., list(features)] += by
        return acts

    return change


def replacing(*features: int, of: Callable[[object], torch.Tensor]) -> Change:
    """By the activations [pos, feature] that `of` gives for each prompt."""

    def change(acts, prompt):
        acts[..., list(features)] = of(prompt)[..., list(features)]
        return acts

    return change


@dataclass(frozen=True)
class Edit:
    """`reads` is where a transcoder looks; an SAE looks where it writes. `at` None is every token."""

    sae: SAE
    change: Change
    site: str
    reads: str | None = None
    at: tuple[str, ...] | None = None
    error: str = "keep"

    def positions(self, prompt) -> list[int]:
        if self.at is None:
            return list(range(len(prompt.tokens)))
        return [index for name in self.at for index in prompt.positions[name]]

    def applied(self, value: torch.Tensor, read: torch.Tensor, prompt) -> torch.Tensor:
        acts = self.sae.encode(read)
        plain = self.sae.decode(acts)
        again = self.sae.encode(read)  # a norm layer at run time forgets its scale as it decodes
        changed = self.sae.decode(self.change(again.clone(), prompt))
        result, rows = value.clone(), self.positions(prompt)
        if self.error == "keep":
            result[rows] = value[rows] + changed[rows] - plain[rows]
        else:
            result[rows] = (changed + skipped(self.sae, read))[rows]
        return result


def skipped(sae: SAE, read: torch.Tensor) -> torch.Tensor | float:
    return read @ sae.W_skip.T if hasattr(sae, "W_skip") else 0.0


def reconstruction(sae: SAE, read: torch.Tensor) -> torch.Tensor:
    return sae.decode(sae.encode(read)) + skipped(sae, read)


@dataclass(frozen=True)
class Place:
    """A site's words, as a hook's name and the columns of its value."""

    hook: str
    columns: slice

    @classmethod
    def of(cls, words: str, d_head: int) -> "Place":
        match = re.fullmatch(r"L(\d+)(?:H(\d+))?\.(\w+)", words)
        assert match, words
        layer, head, kind = match.groups()
        start = None if head is None else int(head) * d_head
        return cls(f"blocks.{layer}.{HOOKS[kind]}", slice(start, None if start is None else start + d_head))


class ByHand:
    """A checkpoint as sae_lens's bridge has it, run with hooks of our own or with sae_lens's."""

    def __init__(self, folder) -> None:
        # Hooks of one's own find nothing any more where sae_lens had attached an SAE, so that it has a bridge of its own.
        self.bridge, self.lens = [
            SAETransformerBridge.boot_transformers(str(folder), device="cpu", dtype=torch.float32) for _ in range(2)
        ]
        self.d_head = self.bridge.cfg.d_head
        self._clean: dict[object, torch.Tensor] = {}

    def logits(self, prompts: Sequence, edits: Sequence[Edit] = ()) -> torch.Tensor:
        """[prompt, vocab] at END."""
        return torch.stack([self.run(prompt, edits)[0] for prompt in prompts])

    def value(self, prompt, site: str, edits: Sequence[Edit] = (), run: str = "clean") -> torch.Tensor:
        """[pos, width] of a site, as a run leaves it."""
        if edits:
            return self.run(prompt, edits, (site,), run)[1][site]
        key = (prompt.run(run), site)
        if key not in self._clean:
            self._clean[key] = self.run(prompt, (), (site,), run)[1][site]
        return self._clean[key]

    def acts(self, prompt, sae: SAE, site: str, edits: Sequence[Edit] = (), run: str = "clean") -> torch.Tensor:
        """[pos, feature] that the dictionary finds in what it reads."""
        with torch.no_grad():
            return sae.encode(self.value(prompt, site, edits, run))

    def pattern(self, prompt, layer: int, head: int, edits: Sequence[Edit] = ()) -> torch.Tensor:
        """[query, key] of one head's attention."""
        seen: list[torch.Tensor] = []
        hooks = [hook for edit in edits for hook in self._hooks(edit, prompt, {})]
        hooks.append((f"blocks.{layer}.attn.hook_pattern", lambda tensor, hook: seen.append(tensor[0, head].clone())))
        with torch.no_grad():
            self.bridge.run_with_hooks(torch.tensor([prompt.tokens]), fwd_hooks=hooks)
        return seen[0]

    def run(self, prompt, edits: Sequence[Edit] = (), sites: Sequence[str] = (), run: str = "clean"):
        """The logits [vocab] at END, and the values of sites."""
        seen: dict[object, torch.Tensor] = {}
        hooks = [hook for edit in edits for hook in self._hooks(edit, prompt, seen)]
        hooks += [self._reading(site, site, seen) for site in sites]
        with torch.no_grad():
            logits = self.bridge.run_with_hooks(torch.tensor([prompt.run(run)]), fwd_hooks=hooks)
        return logits[0, prompt.end], {site: seen[site] for site in sites}

    def lens_logits(self, prompts: Sequence, sae: SAE, change: Change | None, *, error: bool) -> torch.Tensor:
        """[prompt, vocab] at END as sae_lens computes them; prompts are of one length."""
        tokens = torch.tensor([prompt.tokens for prompt in prompts])
        with torch.no_grad(), self.lens.saes([sae], use_error_term=error):
            name = self.lens.get_sae_hook_name(sae)
            hooks = [] if change is None else [(name, lambda acts, hook: change(acts.clone(), None))]
            return self.lens.run_with_hooks(tokens, fwd_hooks=hooks)[:, prompts[0].end]

    def lens_acts(self, prompt, sae: SAE) -> torch.Tensor:
        """[pos, feature] in sae_lens's cache."""
        with torch.no_grad(), self.lens.saes([sae], use_error_term=True):
            _, cache = self.lens.run_with_cache(torch.tensor([prompt.tokens]))
            return cache[self.lens.get_sae_hook_name(sae)][0]

    def _hooks(self, edit: Edit, prompt, seen: dict):
        if edit.reads is not None:
            yield self._reading(edit.reads, edit, seen)
        place = Place.of(edit.site, self.d_head)

        def write(tensor, hook):
            flat = tensor.reshape(*tensor.shape[:2], -1).clone()
            value = flat[0, :, place.columns]
            flat[0, :, place.columns] = edit.applied(value, seen.get(edit, value), prompt)
            return flat.reshape(tensor.shape)

        yield place.hook, write

    def _reading(self, site: str, key: object, seen: dict):
        return Place.of(site, self.d_head).hook, partial(self._read, site, key, seen)

    def _read(self, site: str, key: object, seen: dict, tensor, hook) -> None:
        columns = Place.of(site, self.d_head).columns
        seen[key] = tensor.reshape(*tensor.shape[:2], -1)[0, :, columns].clone()
