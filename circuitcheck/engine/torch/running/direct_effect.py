"""What a feature writes, as logits: along the direct path to the unembedding, no layer between (Elhage et al. 2021; logit
lens of a decoder row). The scale of the last norm is that of the value it meets, and is left out: effects have no units."""

from collections.abc import Mapping

import torch
from einops import rearrange
from torch import Tensor

from circuitcheck.engine.torch.dictionaries.dictionary import LoadedDictionary
from circuitcheck.engine.torch.loaded.model import LoadedModel
from circuitcheck.engine.torch.loaded.norms import read_through
from circuitcheck.errors import BadIntervention
from circuitcheck.places import site_kind


def direct_effect(loaded: LoadedModel, dictionary: LoadedDictionary, strengths: Mapping[int, float]) -> Tensor:
    """[vocab]: what features add to the logits, each as much as its strength says, less the mean over the vocabulary, which
    no probability depends on. The decoder's bias, which is there whatever fires, is left out. Raises BadIntervention for
    features of a site that writes no logits."""
    rows = dictionary.directions(list(strengths)).double()
    written = torch.tensor(list(strengths.values()), dtype=torch.float64, device=rows.device) @ rows
    stream = _in_the_stream(loaded, dictionary, written.cpu())
    unembedding = loaded.model.W_U.detach().double().cpu()
    effect = stream @ read_through(loaded.model.ln_final, next(loaded.model.parameters()), unembedding)
    return effect - effect.mean()


def _in_the_stream(loaded: LoadedModel, dictionary: LoadedDictionary, written: Tensor) -> Tensor:
    """[d_model]. A z-feature goes through the output projection of its heads: its row and the unembedding may fit together
    by accident (12 heads of 64 make 768), and mean nothing so."""
    site = dictionary.card.ref.writes
    kind = site_kind(site.kind)
    if kind.axes[-1] == "d_model":
        return written
    block = loaded.model.blocks[site.layer]
    if site.kind == "z" and not getattr(loaded.model.cfg, "use_normalization_before_and_after", False):
        weights = block.attn.W_O.detach().double().cpu()  # [head, d_head, d_model]
        whole = weights[site.index] if site.index is not None else rearrange(weights, "h d m -> (h d) m")
        stream: Tensor = written @ whole
        return stream
    if site.kind == "neurons" and site.index is None:
        projected: Tensor = written @ block.mlp.W_out.detach().double().cpu()
        return projected
    raise BadIntervention(
        f"features of {dictionary.card.ref} write to {site}, which has no direct path to the logits: {kind.meaning}. Look "
        f"at what their removal does instead."
    )
