"""What differs between the families: where the parameters lie and which small steps a block takes.

Each class answers the same questions for `forward.py`. Values of one head are [prompt, position, d_head].
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel


class Family:
    """The questions, with the answers most families share. `parallel`: attention and MLP both read resid_pre."""

    parallel = False
    n_layers: int
    n_heads: int
    n_key_value_heads: int
    d_head: int

    def __init__(self, model: PreTrainedModel):
        self.model = model
        self.config = model.config
        self._angles: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}

    def embed(self, tokens: Tensor) -> Tensor:
        raise NotImplementedError

    def add_positions(self, embedded: Tensor) -> Tensor:
        return embedded

    def attention_norm(self, layer: int, stream: Tensor) -> Tensor:
        raise NotImplementedError

    def queries_keys_values(self, layer: int, normed: Tensor) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        raise NotImplementedError

    def placed_query(self, layer: int, query: Tensor) -> Tensor:
        """The query as it meets the keys: after any norm and rotary embedding."""
        return query

    def placed_key(self, layer: int, key: Tensor) -> Tensor:
        return key

    def cos_sin(self, layer: int, value: Tensor) -> tuple[Tensor, Tensor]:
        """The rotary embedding's, for the positions of a value."""
        raise NotImplementedError

    def angles(self, layer: int, value: Tensor) -> tuple[Tensor, Tensor]:
        """`cos_sin`, worked out once for each length: all heads of a layer turn alike."""
        key = (layer, value.shape[1])
        if key not in self._angles:
            self._angles[key] = self.cos_sin(layer, value)
        return self._angles[key]

    def scale(self, layer: int) -> float:
        return self.d_head**-0.5

    def window(self, layer: int) -> int | None:
        """How many positions, its own included, a query sees; None: all before it."""
        return None

    def softmax(self, scores: Tensor) -> Tensor:
        # All families but GPT-2 take the softmax in fp32 whatever the model's dtype, fp64 included.
        return torch.softmax(scores.float(), dim=-1).to(scores.dtype)

    def output_weight(self, layer: int, head: int) -> Tensor:
        """The head's [d_head, d_model] part of the output projection."""
        raise NotImplementedError

    def output_bias(self, layer: int) -> Tensor | None:
        raise NotImplementedError

    def attention_post_norm(self, layer: int, projected: Tensor) -> Tensor:
        return projected

    def mlp_norm(self, layer: int, stream: Tensor) -> Tensor:
        raise NotImplementedError

    def neurons(self, layer: int, normed: Tensor) -> Tensor:
        raise NotImplementedError

    def mlp_project(self, layer: int, neurons: Tensor) -> Tensor:
        """From the neurons to what the residual stream receives, after any post-norm."""
        raise NotImplementedError

    def unembed(self, stream: Tensor) -> Tensor:
        raise NotImplementedError


def columns_of_head(linear: nn.Linear, head: int, d_head: int) -> Tensor:
    return linear.weight[:, head * d_head : (head + 1) * d_head].T


def split_heads(value: Tensor, d_head: int) -> list[Tensor]:
    return list(value.split(d_head, dim=-1))


def rotate(value: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding of the first cos.shape[-1] dimensions, dimension i paired with i + half of them."""
    turned_size = cos.shape[-1]
    turned, kept = value[..., :turned_size], value[..., turned_size:]
    first, second = turned[..., : turned_size // 2], turned[..., turned_size // 2 :]
    quarter_turn = torch.cat([-second, first], dim=-1)
    return torch.cat([turned * cos + quarter_turn * sin, kept], dim=-1)


class GPT2(Family):
    def __init__(self, model: PreTrainedModel):
        super().__init__(model)
        if self.config.reorder_and_upcast_attn or self.config.add_cross_attention:
            raise ValueError("GPT-2 with reorder_and_upcast_attn or cross attention is not supported")
        self.n_layers, self.n_heads = self.config.n_layer, self.config.n_head
        self.n_key_value_heads = self.n_heads
        self.d_head = self.config.n_embd // self.n_heads
        self.blocks = model.transformer.h

    def embed(self, tokens: Tensor) -> Tensor:
        return self.model.transformer.wte.weight[tokens]

    def add_positions(self, embedded: Tensor) -> Tensor:
        return embedded + self.model.transformer.wpe.weight[: embedded.shape[1]]

    def attention_norm(self, layer: int, stream: Tensor) -> Tensor:
        return self.blocks[layer].ln_1(stream)

    def queries_keys_values(self, layer: int, normed: Tensor) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        projection = self.blocks[layer].attn.c_attn
        joined = normed @ projection.weight + projection.bias
        queries, keys, values = joined.split(self.config.n_embd, dim=-1)
        return split_heads(queries, self.d_head), split_heads(keys, self.d_head), split_heads(values, self.d_head)

    def scale(self, layer: int) -> float:
        scale = self.d_head**-0.5 if self.config.scale_attn_weights else 1.0
        return scale / (layer + 1) if self.config.scale_attn_by_inverse_layer_idx else scale

    def softmax(self, scores: Tensor) -> Tensor:
        return torch.softmax(scores, dim=-1)

    def output_weight(self, layer: int, head: int) -> Tensor:
        return self.blocks[layer].attn.c_proj.weight[head * self.d_head : (head + 1) * self.d_head]

    def output_bias(self, layer: int) -> Tensor | None:
        return self.blocks[layer].attn.c_proj.bias

    def mlp_norm(self, layer: int, stream: Tensor) -> Tensor:
        return self.blocks[layer].ln_2(stream)

    def neurons(self, layer: int, normed: Tensor) -> Tensor:
        mlp = self.blocks[layer].mlp
        return mlp.act(normed @ mlp.c_fc.weight + mlp.c_fc.bias)

    def mlp_project(self, layer: int, neurons: Tensor) -> Tensor:
        projection = self.blocks[layer].mlp.c_proj
        return neurons @ projection.weight + projection.bias

    def unembed(self, stream: Tensor) -> Tensor:
        return self.model.get_output_embeddings()(self.model.transformer.ln_f(stream))


class NeoX(Family):
    def __init__(self, model: PreTrainedModel):
        super().__init__(model)
        self.parallel = self.config.use_parallel_residual
        self.n_layers, self.n_heads = self.config.num_hidden_layers, self.config.num_attention_heads
        self.n_key_value_heads = self.n_heads
        self.d_head = self.config.hidden_size // self.n_heads
        self.blocks = model.gpt_neox.layers

    def embed(self, tokens: Tensor) -> Tensor:
        return self.model.gpt_neox.embed_in.weight[tokens]

    def attention_norm(self, layer: int, stream: Tensor) -> Tensor:
        return self.blocks[layer].input_layernorm(stream)

    def queries_keys_values(self, layer: int, normed: Tensor) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        # The joint projection lists, head by head, that head's query, key and value.
        per_head = self.blocks[layer].attention.query_key_value(normed).split(3 * self.d_head, dim=-1)
        queries, keys, values = zip(*(joined.split(self.d_head, dim=-1) for joined in per_head), strict=True)
        return list(queries), list(keys), list(values)

    def cos_sin(self, layer: int, value: Tensor) -> tuple[Tensor, Tensor]:
        return self.model.gpt_neox.rotary_emb(value, torch.arange(value.shape[1]).unsqueeze(0))

    def placed_query(self, layer: int, query: Tensor) -> Tensor:
        return rotate(query, *self.angles(layer, query))

    placed_key = placed_query

    def output_weight(self, layer: int, head: int) -> Tensor:
        return columns_of_head(self.blocks[layer].attention.dense, head, self.d_head)

    def output_bias(self, layer: int) -> Tensor | None:
        return self.blocks[layer].attention.dense.bias

    def mlp_norm(self, layer: int, stream: Tensor) -> Tensor:
        return self.blocks[layer].post_attention_layernorm(stream)

    def neurons(self, layer: int, normed: Tensor) -> Tensor:
        mlp = self.blocks[layer].mlp
        return mlp.act(mlp.dense_h_to_4h(normed))

    def mlp_project(self, layer: int, neurons: Tensor) -> Tensor:
        return self.blocks[layer].mlp.dense_4h_to_h(neurons)

    def unembed(self, stream: Tensor) -> Tensor:
        return self.model.get_output_embeddings()(self.model.gpt_neox.final_layer_norm(stream))


class Llama(Family):
    """Llama, Qwen2 (its biases sit in the same linear layers) and Qwen3 (norms of each query and key)."""

    def __init__(self, model: PreTrainedModel):
        super().__init__(model)
        self.n_layers, self.n_heads = self.config.num_hidden_layers, self.config.num_attention_heads
        self.n_key_value_heads = self.config.num_key_value_heads
        self.d_head = getattr(self.config, "head_dim", None) or self.config.hidden_size // self.n_heads
        self.blocks = model.model.layers

    def embed(self, tokens: Tensor) -> Tensor:
        return self.model.model.embed_tokens.weight[tokens]

    def attention_norm(self, layer: int, stream: Tensor) -> Tensor:
        return self.blocks[layer].input_layernorm(stream)

    def queries_keys_values(self, layer: int, normed: Tensor) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        attention = self.blocks[layer].self_attn
        queries, keys, values = attention.q_proj(normed), attention.k_proj(normed), attention.v_proj(normed)
        return split_heads(queries, self.d_head), split_heads(keys, self.d_head), split_heads(values, self.d_head)

    def cos_sin(self, layer: int, value: Tensor) -> tuple[Tensor, Tensor]:
        return self.model.model.rotary_emb(value, torch.arange(value.shape[1]).unsqueeze(0))

    def placed_query(self, layer: int, query: Tensor) -> Tensor:
        norm: Callable[[Tensor], Tensor] = getattr(self.blocks[layer].self_attn, "q_norm", nn.Identity())
        return rotate(norm(query), *self.angles(layer, query))

    def placed_key(self, layer: int, key: Tensor) -> Tensor:
        norm: Callable[[Tensor], Tensor] = getattr(self.blocks[layer].self_attn, "k_norm", nn.Identity())
        return rotate(norm(key), *self.angles(layer, key))

    def window(self, layer: int) -> int | None:
        layer_types = getattr(self.config, "layer_types", None)
        is_sliding = layer_types is not None and layer_types[layer] == "sliding_attention"
        return self.config.sliding_window if is_sliding else None

    def output_weight(self, layer: int, head: int) -> Tensor:
        return columns_of_head(self.blocks[layer].self_attn.o_proj, head, self.d_head)

    def output_bias(self, layer: int) -> Tensor | None:
        return self.blocks[layer].self_attn.o_proj.bias

    def mlp_norm(self, layer: int, stream: Tensor) -> Tensor:
        return self.blocks[layer].post_attention_layernorm(stream)

    def neurons(self, layer: int, normed: Tensor) -> Tensor:
        mlp = self.blocks[layer].mlp
        return mlp.act_fn(mlp.gate_proj(normed)) * mlp.up_proj(normed)

    def mlp_project(self, layer: int, neurons: Tensor) -> Tensor:
        return self.blocks[layer].mlp.down_proj(neurons)

    def unembed(self, stream: Tensor) -> Tensor:
        return self.model.get_output_embeddings()(self.model.model.norm(stream))


class Gemma3(Llama):
    """Norms after attention and MLP too, scaled embeddings, sliding windows with their own rotary base."""

    def embed(self, tokens: Tensor) -> Tensor:
        table = self.model.model.embed_tokens
        return table.weight[tokens] * table.embed_scale.to(table.weight.dtype)

    def cos_sin(self, layer: int, value: Tensor) -> tuple[Tensor, Tensor]:
        positions = torch.arange(value.shape[1]).unsqueeze(0)
        return self.model.model.rotary_emb(value, positions, self.config.layer_types[layer])

    def scale(self, layer: int) -> float:
        return self.config.query_pre_attn_scalar**-0.5

    def attention_post_norm(self, layer: int, projected: Tensor) -> Tensor:
        return self.blocks[layer].post_attention_layernorm(projected)

    def mlp_norm(self, layer: int, stream: Tensor) -> Tensor:
        return self.blocks[layer].pre_feedforward_layernorm(stream)

    def mlp_project(self, layer: int, neurons: Tensor) -> Tensor:
        return self.blocks[layer].post_feedforward_layernorm(super().mlp_project(layer, neurons))

    def unembed(self, stream: Tensor) -> Tensor:
        logits = super().unembed(stream)
        cap = self.config.final_logit_softcapping
        return logits if cap is None else cap * torch.tanh(logits / cap)


BY_MODEL_TYPE: dict[str, type[Family]] = {
    "gpt2": GPT2,
    "gpt_neox": NeoX,
    "llama": Llama,
    "qwen2": Llama,
    "qwen3": Llama,
    "gemma3_text": Gemma3,
}


def family_of(model: PreTrainedModel) -> Family:
    """The family's answers for this model; ValueError for a family not written here."""
    model_type = model.config.model_type
    if model_type not in BY_MODEL_TYPE:
        raise ValueError(f"no reference forward pass for {model_type!r}; there is one for {sorted(BY_MODEL_TYPE)}")
    return BY_MODEL_TYPE[model_type](model)
