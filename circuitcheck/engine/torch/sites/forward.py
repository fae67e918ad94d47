"""One run of the model on token ids, and the values that it shows at its sites."""

from collections.abc import Iterable
from typing import Any

import torch

from circuitcheck.engine.torch.sites.access import SiteLayer, hooks_that_read
from circuitcheck.engine.torch.sites.hooked_model import HookedModel
from circuitcheck.engine.torch.sites.hooks import hooked
from circuitcheck.engine.torch.sites.shapes import Logits, Tokens, Value
from circuitcheck.engine.torch.sites.standing_in import standing_in
from circuitcheck.errors import SiteNotReached


def forward(model: HookedModel, tokens: Tokens, *, shape: tuple[int, int] | None = None, **given: Any) -> Logits:
    """Logits [prompt, pos, vocab] of token ids that already hold their BOS, in the model's own dtype and with nothing
    masked, whatever the caller's autocast and the tokenizer's padding are. `given` is what the model is told besides;
    `shape` is [prompt, pos] of the logits where it is another than that of the tokens. Raises SiteNotReached for logits of
    other tokens than these: positions would mean others."""
    with torch.autocast(tokens.device.type, enabled=False):
        logits: Logits = model(tokens, return_type="logits", prepend_bos=False, **_mask(model, tokens, given), **given)
    if logits.shape[:2] != (tokens.shape if shape is None else shape):
        raise SiteNotReached(
            f"the model gave logits for {tuple(logits.shape[:2])} prompts and tokens, and was given {tuple(tokens.shape)}: "
            f"does it add a BOS of its own, or generate with a cache? Positions would mean other tokens."
        )
    return logits


def _mask(model: HookedModel, tokens: Tokens, given: dict[str, Any]) -> dict[str, Tokens]:
    """Nothing is masked, also of the tokens before these that the model is given the keys of. A HookedTransformer whose
    tokenizer pads on the left, or that is given keys of its own kind, masks what it takes for padding, unless told."""
    if "past_kv_cache" in given:  # which has a mask for the tokens before
        return {"attention_mask": torch.ones_like(tokens)}
    pads_left = getattr(getattr(model, "tokenizer", None), "padding_side", "right") == "left"
    before = given["past_key_values"].get_seq_length() if "past_key_values" in given else 0
    return {"attention_mask": tokens.new_ones(len(tokens), before + tokens.shape[1])} if pads_left else {}


def activations(model: HookedModel, tokens: Tokens, wanted: Iterable[SiteLayer]) -> dict[SiteLayer, Value]:
    """One clean run of `tokens` [prompt, pos]: the value at each wanted site, [prompt, pos, ...]. No logits are worked
    out."""
    kept: dict[SiteLayer, Value] = {}
    with hooked(model, hooks_that_read(model, wanted, kept)), standing_in(model.unembed, _no_logits):
        forward(model, tokens)
    return kept


def _no_logits(stream: Value, *_given: Any, **_how: Any) -> Value:
    return stream[..., :1]
