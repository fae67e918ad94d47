"""Is what runs the model in the file? Its logits against those of the bare `transformers` model, before it was wrapped."""

from dataclasses import dataclass
from typing import Any

import torch

from circuitcheck.engine.torch.sites.forward import forward
from circuitcheck.engine.torch.sites.hooked_model import HookedModel
from circuitcheck.engine.torch.sites.shapes import Logits, Tokens
from circuitcheck.errors import UnsoundModel

_TEXT = "When Mary and John went to the store at 7, John gave a drink to"
_TOLERANCE = {torch.float64: 1e-4, torch.float32: 1e-3}  # float64 models compute parts in float32
_COARSE = 0.1  # bfloat16, float16
_LEAST_SPREAD = 1e-6  # of log-probabilities: what float32 may round off, where a text says nothing to a model
_LONGEST = 64  # tokens, where the config says nothing
SAID = "it gives the log-probabilities of the bare transformers model"


@dataclass(frozen=True)
class Bare:
    """A run of the bare model: token ids [1, pos] and log-probabilities [1, pos, vocab]."""

    tokens: Tokens
    log_probs: Logits


def run_bare(model: Any, tokenizer: Any) -> Bare:
    """A text after a BOS, where there is one, as far as the context reaches; made before the model is wrapped."""
    device = next(model.parameters()).device
    n_ctx = int(getattr(model.config.get_text_config(), "max_position_embeddings", None) or _LONGEST)
    rows = int(model.get_input_embeddings().weight.shape[0])
    ids = [each for each in tokenizer(_TEXT, add_special_tokens=False).input_ids if each < rows]
    bos = [] if tokenizer.bos_token_id is None or tokenizer.bos_token_id >= rows else [tokenizer.bos_token_id]
    tokens = torch.tensor([[*bos, *ids][:n_ctx]], device=device)
    with torch.no_grad(), torch.autocast(device.type, enabled=False):
        return Bare(tokens, _log_probs(model(tokens, attention_mask=torch.ones_like(tokens)).logits))


def check_faithful(model: HookedModel, bare: Bare, name: object) -> float | None:
    """The largest difference of a log-probability, over the spread of a token's; None where one of them is no finite number.
    Raises UnsoundModel where it is more than rounding can make."""
    expected = bare.log_probs
    with torch.no_grad():
        found = _log_probs(forward(model, bare.tokens))
    if not (found.isfinite().all() and expected.isfinite().all()):
        return None
    worst = float((found - expected).abs().max() / expected.std(dim=-1).mean().clamp(min=_LEAST_SPREAD))
    tolerance = tolerance_of(next(model.parameters()).dtype)
    if worst > tolerance:
        raise UnsoundModel(
            f"{name} is not the model in the file once TransformerLens has wrapped it: log-probabilities of "
            f"{_TEXT[:30]!r}... differ from those of the bare transformers model by {worst:.2g} of their spread "
            f"({tolerance:g} is rounding). TransformerLens passes over something that its config says. Claims about it "
            f"would be about another model; report it to TransformerLens with the config.json."
        )
    return worst


def tolerance_of(dtype: torch.dtype) -> float:
    """What rounding may make of a number, in units of the effect or spread that it is measured by."""
    return _TOLERANCE.get(dtype, _COARSE)


def _log_probs(logits: Logits) -> Logits:
    """In float64: an unembedding that was centred gives other logits, and the same log-probabilities."""
    return logits.double().log_softmax(dim=-1)
