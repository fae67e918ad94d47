"""Ways in which a model in memory can be other than its sites say. Each `infect` changes a loaded model for a while."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

import tiny
import torch
from transformer_lens.conversion_utils.conversion_steps.base_tensor_conversion import BaseTensorConversion
from transformer_lens.hook_points import HookPoint

from circuitcheck.places import SITE_KINDS

KINDS = [kind.name for kind in SITE_KINDS.values()]
EFFECT = "a patch has the effect that its definition demands"
ONE_TOKEN = "a write at one token acts there and later alone"
OWN_VALUE = "written back in every layer it changes nothing"
AGAIN = "the same run twice gives the same logits"
LOOKS_BACK = "a token changes no logits before it"
ALONE = "a prompt alone gives the logits that it has in a batch"
SUM = "resid_pre + attn_out + mlp_out = resid_post"
SOFTMAX = "their softmax is the pattern"
ALL_AT_ONCE = "embed, all z and all mlp_out of another input give its logits"
LEFT = "no hook is left, no weight changed"
LAYER = 1  # the one that is broken


@dataclass(frozen=True)
class Defect:
    """`found` is the (subject, check) that must fail, `blamed` the other subjects that fail with it; None where that depends
    on chance."""

    name: str
    infect: Callable
    found: tuple[str, str]
    blamed: tuple[str, ...] | None = ()
    family: str = "gpt2"
    bos: str = "tokenizer"
    layers: int = 2

    @property
    def which(self):
        """The model, as fixtures name it."""
        return self.family, "float32", "", self.bos, self.layers

    def __str__(self):
        return self.name.replace(" ", "_")


# Hook points -----------------------------------------------------------------------------------------------------------


class Deaf(HookPoint):
    """Shows a copy of the value, and goes on with the value itself."""

    def __call__(self, value):
        super().__call__(value.clone())
        return value


class Twice(HookPoint):
    """Fires a second time for the same value."""

    def __call__(self, value):
        return super().__call__(super().__call__(value))


class Remembering(HookPoint):
    """Keeps what came in, for those who go on with that."""

    def __call__(self, value):
        self.ctx["came in"] = value
        return super().__call__(value)


def fainter(by):
    """A hook point at which a write has less effect, by this part."""

    def call(self, value):
        written = HookPoint.__call__(self, value)
        return value if written is value else value + (1 - by) * (written - value)

    return type("Faint", (HookPoint,), {"__call__": call})


def point(loaded, kind, layer=LAYER):
    names = [name.format(layer=layer) for name in SITE_KINDS[kind].points]
    return next(loaded.model.hook_dict[name] for name in names if name in loaded.model.hook_dict)


def becomes(kind, other_point, layer=LAYER):
    return lambda loaded, patches: patches.setattr(point(loaded, kind, layer), "__class__", other_point)


def all_become(kinds, other_point):
    def infect(loaded, patches):
        for kind in kinds:
            becomes(kind, other_point, 0 if kind == "embed" else LAYER)(loaded, patches)

    return infect


def lies_at(kind, name):
    """circuitcheck's own table says that the site is at another hook point."""
    return lambda _, patches: tiny.lies_at(patches, kind, name)


class HeadsReversed(BaseTensorConversion):
    """Shows heads in another order; `both_ways` puts what is written back in order."""

    def __init__(self, honest, both_ways):
        super().__init__()
        self.honest, self.both_ways = honest, both_ways

    def handle_conversion(self, value, *context):
        return self.honest.convert(value, *context).flip(2)

    def revert(self, value, *context):
        return self.honest.revert(value.flip(2) if self.both_ways else value, *context)


def shows_heads_reversed(kind, *, both_ways):
    def infect(loaded, patches):
        there = point(loaded, kind)
        patches.setattr(there, "hook_conversion", HeadsReversed(there.hook_conversion, both_ways))

    return infect


# Modules ---------------------------------------------------------------------------------------------------------------


def method(module, name, patches, make):
    """`make` gives the new method, from the old one. The bridge's own way to set attributes would reach past it."""
    patches.setitem(vars(module), name, make(getattr(module, name)))


def forward_of(find, change):
    """The output of a block's part becomes `change` of it."""

    def make(honest):
        def forward(*args, **kwargs):
            given = honest(*args, **kwargs)
            return (change(given[0]), *given[1:]) if isinstance(given, tuple) else change(given)

        return forward

    return lambda loaded, patches: method(find(loaded.model.blocks[LAYER]), "forward", patches, make)


def noise(size):
    dice = torch.Generator().manual_seed(0)
    return lambda value: value + size * value.abs().mean() * torch.randn(value.shape, generator=dice).to(value)


def leaks_between_prompts(part):
    return lambda value: value + part * (value.mean(0, keepdim=True) - value)


def looks_ahead(loaded, patches):
    """The mask is off by one."""

    def mask(attn_scores, attention_mask, seq_len, q_seq_len=None):
        hidden = torch.ones(seq_len, seq_len, dtype=torch.bool).triu(2)
        return attn_scores.masked_fill(hidden, torch.finfo(attn_scores.dtype).min)

    patches.setitem(vars(loaded.model.blocks[LAYER].attn), "_apply_reconstruct_attention_mask", mask)


def masks_softly(by):
    """What is masked gets a score lower by this much, where it should be minus infinity."""

    def infect(loaded, patches):
        def mask(attn_scores, attention_mask, seq_len, q_seq_len=None):
            return attn_scores - by * torch.ones(seq_len, seq_len).triu(1)

        patches.setitem(vars(loaded.model.blocks[LAYER].attn), "_apply_reconstruct_attention_mask", mask)

    return infect


def positions_go_on_from_call_to_call(loaded, patches):
    """As with a cache that nobody emptied."""
    calls = []

    def make(honest):
        def forward(position_ids, *args, **kwargs):
            calls.append(position_ids)
            return honest(position_ids + len(calls) % 5, *args, **kwargs)

        return forward

    method(loaded.model.pos_embed, "forward", patches, make)


def positions_go_on_from_prompt_to_prompt(loaded, patches):
    """Counted through a flattened batch."""
    sizes = []

    def embeds(honest):
        def forward(input_ids, *args, **kwargs):
            sizes.append(input_ids.shape)
            return honest(input_ids, *args, **kwargs)

        return forward

    def places(honest):
        def forward(position_ids, *args, **kwargs):
            rows, columns = sizes[-1]
            return honest(torch.arange(rows * columns).reshape(rows, columns), *args, **kwargs)

        return forward

    method(loaded.model.embed, "forward", patches, embeds)
    method(loaded.model.pos_embed, "forward", patches, places)


def embeds_twice(loaded, patches):
    """The hook point has half of what the stream gets."""
    weight = loaded.model.embed.W_E

    def make(honest):
        return lambda input_ids, *args, **kwargs: honest(input_ids, *args, **kwargs) + weight[input_ids]

    method(loaded.model.embed, "forward", patches, make)


def embeds_again_later(loaded, patches):
    """A second way from the tokens into the stream, past the first layer."""
    weight, seen = loaded.model.embed.W_E, []

    def embeds(honest):
        def forward(input_ids, *args, **kwargs):
            seen.append(input_ids)
            return honest(input_ids, *args, **kwargs)

        return forward

    def block(honest):
        return lambda stream, *args, **kwargs: honest(stream + weight[seen[-1]], *args, **kwargs)

    method(loaded.model.embed, "forward", patches, embeds)
    method(loaded.model.blocks[LAYER], "forward", patches, block)


def fused_kernel(loaded, patches):
    """Scores and pattern are worked out to be shown; what attention gives is worked out from the unwritten scores."""
    attention = loaded.model.blocks[LAYER].attn
    patches.setattr(attention.hook_attn_scores, "__class__", Remembering)

    def softmax(attn_scores, **_):
        attention.hook_pattern(attn_scores.softmax(dim=-1))
        return attention.hook_attn_scores.ctx["came in"].softmax(dim=-1)

    patches.setitem(vars(attention), "_softmax_dropout_pattern", softmax)


def other_output_weights(loaded, patches):
    """W_O as the library gives it out has its heads in another order than the layer uses."""
    kind = type(loaded.model.blocks[0].attn)
    honest = kind.W_O
    patches.setattr(kind, "W_O", property(lambda self: honest.fget(self).flip(0)))


def own_resid_mid_hook(_loaded, patches):
    """The 3.9 bridge's: what is written there reaches the MLP, and not the stream."""
    patches.setitem(SITE_KINDS, "resid_mid", replace(SITE_KINDS["resid_mid"], written="at its point"))


def says_that_blocks_are_parallel(loaded, patches):
    card = loaded.card
    patches.setattr(loaded, "card", replace(card, architecture=replace(card.architecture, parallel=True)))


# What is left behind ---------------------------------------------------------------------------------------------------


def leaves_hooks(loaded, patches):
    """A run puts a hook on the model, which does nothing."""
    there = point(loaded, "z")
    patches.setattr(there, "fwd_hooks", [])
    patches.setattr(there, "_forward_hooks", OrderedDict())

    def make(honest):
        def forward(*args, **kwargs):
            given = honest(*args, **kwargs)
            there.add_hook(lambda value, hook: None)
            return given

        return forward

    method(loaded.model.blocks[LAYER], "forward", patches, make)


def torch_hook_on_a_hook_point(loaded, patches):
    """By way of torch, on a point that the library's own list of hooks does not show."""
    there = point(loaded, "z")
    patches.setattr(there, "_forward_hooks", OrderedDict())
    there.register_forward_hook(lambda *given: given[-1] / 2)


def touches_weights(loaded, patches):
    """A run writes weights, the same ones as before."""

    def make(honest):
        def forward(*args, **kwargs):
            with torch.no_grad():
                next(loaded.model.blocks[LAYER].parameters()).mul_(1)
            return honest(*args, **kwargs)

        return forward

    method(loaded.model.blocks[LAYER], "forward", patches, make)


# Text ------------------------------------------------------------------------------------------------------------------


def second_bos(loaded, patches):
    honest = loaded.tokenizer._with_bos
    patches.setattr(loaded.tokenizer, "_with_bos", lambda encoding: honest(honest(encoding)))


def no_bos(loaded, patches):
    patches.setattr(loaded.tokenizer, "_with_bos", lambda encoding: encoding)


def bos_at_the_end(loaded, patches):
    def with_bos(encodings):
        bos = loaded.tokenizer.inner.bos_token_id
        return [type(each)((*each.ids, bos), (*each.offsets, (0, 0))) for each in encodings]

    patches.setattr(loaded.tokenizer, "_with_bos", with_bos)


def forgets_the_policy(loaded, patches):
    """`bos="always"`, and no BOS."""
    patches.setattr(loaded.tokenizer, "prepends_bos", False)


def takes_a_text_with_bos(loaded, patches):
    honest, bos = loaded.tokenizer.encode, loaded.tokenizer.inner.bos_token
    patches.setattr(loaded.tokenizer, "encode", lambda text: honest(text.removeprefix(bos)))


def lower_case(loaded, patches):
    honest = loaded.tokenizer.encode
    patches.setattr(loaded.tokenizer, "encode", lambda text: honest(text.lower()))
