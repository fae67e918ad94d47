"""Does the config that `transformers` made of a GGUF file's header say what the header says? It passes over many words."""

import math
from collections.abc import Iterator
from itertools import chain
from typing import Any

from circuitcheck.engine.torch.loading.gguf_header import GgufHeader, Value
from circuitcheck.errors import CorruptCheckpoint
from circuitcheck.models import ModelSpec

_SAME_TO = 1e-5  # relative: headers hold 32-bit numbers
# word of the header -> the names that configs have for it, and the values that change nothing where a config has none
_WORDS: dict[str, tuple[tuple[str, ...], tuple[Value, ...]]] = {
    "embedding_length": (("hidden_size", "n_embd", "d_model"), ()),
    "attention.head_count": (("num_attention_heads", "n_head"), ()),
    "attention.head_count_kv": (("num_key_value_heads", "num_attention_heads", "n_head"), ()),
    "attention.layer_norm_rms_epsilon": (("rms_norm_eps", "layer_norm_epsilon", "norm_eps"), ()),
    "attention.layer_norm_epsilon": (
        ("layer_norm_epsilon", "layer_norm_eps", "norm_epsilon", "norm_eps", "rms_norm_eps"),
        (),
    ),
    "attention.key_length": (("head_dim", "global_head_dim"), ()),
    "attention.value_length": (("head_dim", "global_head_dim"), ()),
    "expert_count": (("num_experts", "num_local_experts", "n_routed_experts"), (0,)),
    "expert_used_count": (("num_experts_per_tok",), (0,)),
    "attn_logit_softcapping": (("attn_logit_softcapping",), (0,)),
    "final_logit_softcapping": (("final_logit_softcapping",), (0,)),
    "logit_scale": (("logit_scale",), (0, 1)),
    "residual_scale": (("residual_multiplier",), (0, 1)),
    "embedding_scale": (("embedding_multiplier",), (0, 1)),
    "attention.scale": (("attention_multiplier",), (0,)),
    "attention.clamp_kqv": (("clip_qkv",), (0,)),
    "attention.max_alibi_bias": (("alibi_bias_max",), (0,)),
    "attention.causal": (("is_causal",), (True,)),
    "use_parallel_residual": (("use_parallel_residual",), (False,)),
    "rope.freq_base": (("rope_theta",), ()),
    "rope.dimension_count": (("rotary_dim",), ()),
    "rope.scaling.attn_factor": (("attention_factor",), (0, 1)),
}


def check_words(spec: ModelSpec, header: GgufHeader, config: Any) -> None:
    """`config` is what `transformers` made of the header. Raises CorruptCheckpoint where they do not say the same."""
    word = next(chain(_foreign(header), _passed_over(header, config)), None)
    if word is not None:
        raise CorruptCheckpoint(
            f"the header of {spec} says {word}={header.words[word]!r}, and transformers makes a "
            f"{config.model_type} model without it: another model would run. Use the model as safetensors."
        )


def _foreign(header: GgufHeader) -> Iterator[str]:
    """Words of another family, which are taken for those of this one."""
    from transformers.integrations import GGUF_CONFIG_MAPPING

    families = set(GGUF_CONFIG_MAPPING) - {"general", "tokenizer", header.family}
    return (word for word in header.words if word.partition(".")[0] in families)


def _passed_over(header: GgufHeader, config: Any) -> Iterator[str]:
    said = _said(config.get_text_config())
    for word, (names, neutral) in _WORDS.items():
        value = header.of_family(word)
        expected = [each for name in names for each in said.get(name, ())] or neutral
        if value is not None and expected and not any(_same(value, each) for each in expected):
            yield f"{header.family}.{word}"
    if not _same_rope(header, said):
        word = "type" if header.of_family("rope.scaling.type") is not None else "factor"
        yield f"{header.family}.rope.scaling.{word}"


def _said(config: Any) -> dict[str, list[Any]]:
    """All that a config says under each name, also in the objects inside it: those of rotary embeddings hold their own."""
    found: dict[str, list[Any]] = {}

    def collect(part: dict[str, Any]) -> None:
        for name, value in part.items():
            if isinstance(value, dict):
                collect(value)
            elif value is not None:
                found.setdefault(name, []).append(value)

    collect(config.to_dict())
    for name in ("hidden_size", "num_attention_heads"):  # which some families call by another name
        found.setdefault(name, [getattr(config, name)] if hasattr(config, name) else [])
    if not found.get("head_dim") and found["hidden_size"] and found["num_attention_heads"]:
        found["head_dim"] = [found["hidden_size"][0] // found["num_attention_heads"][0]]
    sizes = [*found.get("head_dim", ()), *found.get("global_head_dim", ())]
    found.setdefault("rotary_dim", [int(size * part) for size in sizes for part in found.get("partial_rotary_factor", [1])])
    return found


def _same_rope(header: GgufHeader, said: dict[str, list[Any]]) -> bool:
    kind, factor = (header.of_family(f"rope.scaling.{name}") for name in ("type", "factor"))
    if kind in (None, "none", "linear") and factor in (None, 0, 1):
        return True
    kinds = [each for name in ("rope_type", "type") for each in said.get(name, ())]
    wanted = "linear" if kind is None else kind
    return wanted in kinds and (factor is None or any(_same(factor, each) for each in said.get("factor", ())))


def _same(one: Value, other: Any) -> bool:
    numbers = isinstance(one, int | float) and isinstance(other, int | float)
    return math.isclose(one, other, rel_tol=_SAME_TO) if numbers else one == other  # type: ignore[arg-type]
