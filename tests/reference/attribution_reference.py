"""Direct logit attribution by hand: forward hooks on the bare `transformers` model, and sums written out.

A model's last stream is what enters its first block and all that attention and MLP layers add. Its final norm divides by a
scale; given that scale it is linear, so the logits are a sum over what was added, and biases. Of attention, the output
projection adds up what its columns of each head make of that head's values, and a bias; where a norm follows (Gemma, OLMo 2)
it divides by a scale of its own.

Nothing here knows circuitcheck.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True)
class Names:
    """Where the modules are. `attn_norm` and `mlp_norm` follow the layers, where there are any."""

    body: str
    blocks: str
    embed: str
    final: str
    attn_out: str  # the output projection of attention
    mlp_out: str  # the last projection of an MLP
    positions: str | None = None
    attn_norm: str | None = None
    mlp_norm: str | None = None
    centres: bool = False  # LayerNorm, not RMSNorm
    one_more: bool = False  # Gemma's norms multiply by 1 + weight


_LLAMA = Names("model", "layers", "embed_tokens", "norm", "self_attn.o_proj", "mlp.down_proj")
_GPT2 = Names("transformer", "h", "wte", "ln_f", "attn.c_proj", "mlp.c_proj", "wpe", centres=True)
_GEMMA = Names(
    "model", "layers", "embed_tokens", "norm", "self_attn.o_proj", "mlp.down_proj", None,
    "post_attention_layernorm", "post_feedforward_layernorm", one_more=True,
)  # fmt: skip
NAMES = {
    "gpt2": _GPT2,
    "gpt_bigcode": _GPT2,
    "llama": _LLAMA,
    "granite": _LLAMA,
    "qwen2": _LLAMA,
    "qwen3": _LLAMA,
    "gemma2": _GEMMA,
    "gemma3_text": _GEMMA,
    "olmo2": Names(**{**vars(_GEMMA), "one_more": False}),
    "gpt_neox": Names(
        "gpt_neox", "layers", "embed_in", "final_layer_norm", "attention.dense", "mlp.dense_4h_to_h", centres=True
    ),
    "opt": Names(
        "model.decoder", "layers", "embed_tokens", "final_layer_norm", "self_attn.out_proj", "fc2", "embed_positions",
        centres=True,
    ),
    "phi": Names("model", "layers", "embed_tokens", "final_layernorm", "self_attn.dense", "mlp.fc2", centres=True),
    "falcon": Names(
        "transformer", "h", "word_embeddings", "ln_f", "self_attention.dense", "mlp.dense_4h_to_h", centres=True
    ),
    "bloom": Names(
        "transformer", "h", "word_embeddings_layernorm", "ln_f", "self_attention.dense", "mlp.dense_4h_to_h", centres=True
    ),
}  # fmt: skip


def module(root, path):
    for name in path.split("."):
        root = getattr(root, name)
    return root


def normed(values: Tensor, stream: Tensor, norm, names: Names) -> Tensor:
    """What becomes of parts `values` of `stream` in a norm, its bias aside: both [prompt, d_model]."""
    weight = norm.weight.double() + names.one_more
    eps = getattr(norm, "eps", None) or getattr(norm, "variance_epsilon", None)
    if names.centres:
        scale = (stream.var(1, unbiased=False) + eps).sqrt()
        return (values - values.mean(1, keepdim=True)) / scale[:, None] * weight
    return values / (stream.square().mean(1) + eps).sqrt()[:, None] * weight


@dataclass
class Run:
    """One pass of a bare model over prompts of one length; everything [prompt, d_model] at one token, in float64."""

    model: object
    tokens: Tensor
    column: int
    cut: tuple[int, int] | None = None  # (layer, head): its values at the token are 0 in this run
    attends: bool = False  # for `head_from`
    held: dict = field(default_factory=dict)

    def __post_init__(self):
        config = self.model.config
        self.names = NAMES[config.model_type]
        self.body = module(self.model, self.names.body)
        self.blocks = list(module(self.body, self.names.blocks))
        self.heads, self.config = config.num_attention_heads, config
        self.factor = getattr(config, "residual_multiplier", 1.0)  # Granite's, of all that layers add
        self.final = module(self.body, self.names.final)
        handles = [*self._cuts(), *self._hooks()]
        with torch.no_grad():
            out = self.model(self.tokens, use_cache=False, output_attentions=self.attends)
        self.logits, self.attentions = out.logits[:, self.column].double(), out.attentions
        for handle in handles:
            handle.remove()

    def _cuts(self):
        if self.cut is not None:
            layer, head = self.cut
            projection = module(self.blocks[layer], self.names.attn_out)
            columns = torch.arange(len(self._inputs_first(projection))).chunk(self.heads)[head]

            def cut(_module, inputs):
                values = inputs[0].clone()
                values[:, self.column, columns] = 0
                return (values,)

            yield projection.register_forward_pre_hook(cut)

    def _hooks(self):
        def hold(key, path, of=None, given=False):
            found = module(of or self.body, path) if path else of

            def look(_module, inputs, output=None):
                value = inputs[0] if given else output[0] if isinstance(output, tuple) else output
                value = value.expand(len(self.tokens), *value.shape[-2:]) if value.dim() == 3 else value.unsqueeze(0)
                self.held[key] = value[:, self.column].double()

            return found.register_forward_pre_hook(look) if given else found.register_forward_hook(look)

        names = self.names
        yield hold("embed", names.embed)
        if names.positions:
            yield hold("pos_embed", names.positions)
        yield hold("last", names.final, given=True)
        for layer, block in enumerate(self.blocks):
            if not layer:
                yield hold("enters", "", block, given=True)
            yield hold(("z", layer), names.attn_out, block, given=True)
            yield hold(("neurons", layer), names.mlp_out, block, given=True)
            yield hold(("projected", layer), names.attn_out, block)
            yield hold(("mlp projected", layer), names.mlp_out, block)
            yield hold(("attn", layer), names.attn_norm or names.attn_out, block)
            yield hold(("mlp", layer), names.mlp_norm or names.mlp_out, block)
            yield self._values(layer, block)

    def _values(self, layer, block):
        """What keys are worth, of all tokens [prompt, pos, heads x d_head]."""
        fused = self.names.attn_out == "attn.c_proj"
        projection = module(block, "attn.c_attn" if fused else self.names.attn_out.replace("o_proj", "v_proj"))

        def look(_module, _inputs, output):
            width = self.config.hidden_size if fused else output.shape[-1]
            self.held["v", layer] = output[..., -width:].double()

        return projection.register_forward_hook(look)

    def along(self, one: Tensor, other: Tensor | None):
        """({part: [prompt]}, what they add up to [prompt]): toward token ids [prompt], less those of others."""
        unembedding = self.model.get_output_embeddings()
        rows, bias = unembedding.weight, unembedding.bias
        direction = rows[one].double() - (0 if other is None else rows[other].double())
        found = {name: (self._final(value) * direction).sum(1) for name, value in self._parts()}
        b_u = direction @ self.final.bias.double() if self.names.centres else torch.zeros(len(one), dtype=torch.float64)
        if bias is not None:
            b_u = b_u + bias.double()[one] - (0 if other is None else bias.double()[other])
        found["b_U"] = b_u
        logits = self._uncapped()
        at = torch.arange(len(one))
        return found, logits[at, one] - (0 if other is None else logits[at, other])

    def lens(self, stream: str, one: Tensor, other: Tensor):
        """[prompt]: the logit difference that the model would give, were this its last stream; after its softcap."""
        value = self.streams()[stream]
        out = normed(value, value, self.final, self.names)
        if self.names.centres:
            out = out + self.final.bias.double()
        return self._logits(out, one) - self._logits(out, other)

    def _logits(self, out, ids):
        unembedding = self.model.get_output_embeddings()
        logits = (out * unembedding.weight[ids].double()).sum(1)
        if unembedding.bias is not None:
            logits = logits + unembedding.bias[ids].double()
        cap = getattr(self.model.config, "final_logit_softcapping", None)
        return logits if cap is None else cap * torch.tanh(logits / cap)

    def streams(self):
        found, stream = {}, self.held["enters"]
        for layer in range(len(self.blocks)):
            found[f"L{layer}.resid_pre"] = stream
            stream = stream + self.factor * (self.held["attn", layer] + self.held["mlp", layer])
            found[f"L{layer}.resid_post"] = stream
        return found

    def features(self, sae, numbers, site, one, other):
        """[prompt]: what features of a dictionary write at a site of layer 1, whose values it encodes; a transcoder reads
        the stream before the MLP, and writes what that adds."""
        block, columns = self.blocks[1], torch.arange(self.held["z", 1].shape[1])
        middle = self.streams()["L1.resid_pre"] + self.held["attn", 1]
        read = {"resid_post": self.streams()["L1.resid_post"], "mlp": self.held["mlp", 1], "transcoder": middle}
        read |= {"z": self.held["z", 1], "H2.z": self.held["z", 1][:, columns.chunk(self.heads)[2]]}
        active = sae.encode(read[site].float()).double()[:, numbers]
        written = active @ sae.W_dec[numbers].double()
        if site.endswith("z"):
            rows = columns if site == "z" else columns.chunk(self.heads)[2]
            written = written @ self._inputs_first(module(block, self.names.attn_out))[rows]
            written = self._through(written, self.held["projected", 1], block, self.names.attn_norm)
        rows = self.model.get_output_embeddings().weight
        return (self._final(written) * (rows[one] - rows[other]).double()).sum(1)

    def _final(self, value):
        return normed(value, self.held["last"], self.final, self.names)

    def _uncapped(self):
        cap = getattr(self.model.config, "final_logit_softcapping", None)
        return self.logits if cap is None else cap * torch.atanh(self.logits / cap)

    def _parts(self):
        scaled = self.config.model_type in ("gemma2", "granite")  # they scale the embedding outside of its module
        yield "embed", self.held["enters"] if scaled else self.held["embed"]
        if self.names.positions:
            yield "pos_embed", self.held["pos_embed"].expand_as(self.held["enters"])
        yield from self.streams().items()
        for layer, block in enumerate(self.blocks):
            yield f"L{layer}.attn", self.factor * self.held["attn", layer]
            yield f"L{layer}.mlp", self.factor * self.held["mlp", layer]
            yield from self._of_heads(layer, block)
            yield from self._of_neurons(layer, block)

    def _of_heads(self, layer, block):
        projection, whole = module(block, self.names.attn_out), self.held["projected", layer]
        weight = self._inputs_first(projection)
        for head, columns in enumerate(torch.arange(len(weight)).chunk(self.heads)):
            result = self.held["z", layer][:, columns] @ weight[columns]
            yield f"L{layer}H{head}", self._through(result, whole, block, self.names.attn_norm)
        bias = getattr(projection, "bias", None)
        if bias is not None:
            yield f"L{layer}.b_O", self._through(bias.double().expand_as(whole), whole, block, self.names.attn_norm)

    def _of_neurons(self, layer, block):
        projection, whole = module(block, self.names.mlp_out), self.held["mlp projected", layer]
        weight = self._inputs_first(projection)
        for neuron in (0, 3):
            result = self.held["neurons", layer][:, neuron, None] * weight[neuron]
            yield f"L{layer}.mlp[{neuron}]", self._through(result, whole, block, self.names.mlp_norm)

    def _through(self, part, whole, block, norm):
        return self.factor * (part if norm is None else normed(part, whole, module(block, norm), self.names))

    def head_from(self, layer, head, keys, one, other):
        """[prompt]: what a head brings from the tokens `keys`: its attention to each, times that token's value."""
        block, whole = self.blocks[layer], self.held["projected", layer]
        weight = self._inputs_first(module(block, self.names.attn_out))
        columns = torch.arange(len(weight)).chunk(self.heads)[head]
        size = len(columns)
        shared = self.heads // (getattr(self.config, "num_key_value_heads", None) or self.heads)
        value = self.held["v", layer][:, :, size * (head // shared) : size * (head // shared + 1)]
        brought = torch.zeros(len(self.tokens), size, dtype=torch.float64)
        for key in keys:
            brought = brought + self.attentions[layer][:, head, self.column, key, None].double() * value[:, key]
        result = self._through(brought @ weight[columns], whole, block, self.names.attn_norm)
        rows = self.model.get_output_embeddings().weight
        return (self._final(result) * (rows[one] - rows[other]).double()).sum(1)

    @staticmethod
    def _inputs_first(projection):
        weight = projection.weight.double()
        return weight.T if isinstance(projection, torch.nn.Linear) else weight
