"""Reference for reading and writing named places ("sites") in a causal language model: plain, slow and explicit.

Every site lies on one hand-written forward pass (`forward.py`), so writing a site changes all that is computed from it
and nothing else. `resid_post` of a block comes before `resid_pre` of the next (and `resid_final` after the last one):
writing the later of the two is not seen by reading the earlier.

Kinds. Without layer: embed, resid_final. With a layer: resid_pre, resid_mid (not in parallel blocks), resid_post,
attn_out, mlp_out, neurons, and mlp_in (the residual stream as this MLP alone reads it, before the MLP's norm). With a
layer and a query head: q, scores, pattern, z, result. With a layer and a key/value head: k, v.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from families import family_of
from forward import run
from torch import Tensor
from transformers import PreTrainedModel

WHOLE_MODEL_KINDS = frozenset({"embed", "resid_final"})
LAYER_KINDS = frozenset({"resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out", "neurons", "mlp_in"})
QUERY_HEAD_KINDS = frozenset({"q", "scores", "pattern", "z", "result"})
KEY_VALUE_HEAD_KINDS = frozenset({"k", "v"})

Place = tuple[str, int | None, int | None]
"""A site by (kind, layer, head), with None where the kind has no layer or head."""


class Write(NamedTuple):
    """Replace a site's value by function(value), which returns a new tensor of the same shape."""

    kind: str
    layer: int | None
    head: int | None
    function: Callable[[Tensor], Tensor]


class Plain:
    """A `transformers` causal language model whose named places can be read and written."""

    def __init__(self, model: PreTrainedModel):
        """`model`: GPT-2, GPT-NeoX, Llama, Qwen2, Qwen3 or Gemma 3 (text), loaded with eager attention."""
        self._family = family_of(model)
        self.n_layers: int = self._family.n_layers
        self.n_heads: int = self._family.n_heads
        self.n_key_value_heads: int = self._family.n_key_value_heads
        self.parallel: bool = self._family.parallel

    def logits(self, tokens: Tensor, writes: Sequence[Write] = ()) -> Tensor:
        """Logits [prompt, position, vocabulary] of a run over tokens [prompt, position] with these writes.

        Each write happens when its site is computed; several writes of one site happen in the given order.
        """
        return self._run(tokens, writes)[0]

    def read(
        self,
        tokens: Tensor,
        kind: str,
        layer: int | None = None,
        head: int | None = None,
        writes: Sequence[Write] = (),
    ) -> Tensor:
        """The site's value [prompt, position, ...] in a run with these writes, those of the site itself included."""
        self._check_site(kind, layer, head)
        return self._run(tokens, writes)[1][kind, layer, head]

    def read_all(self, tokens: Tensor, writes: Sequence[Write] = ()) -> dict[Place, Tensor]:
        """Every site's value in a run with these writes, by (kind, layer, head)."""
        return self._run(tokens, writes)[1]

    def path_patched_logits(
        self,
        tokens: Tensor,
        source_tokens: Tensor,
        senders: Sequence[tuple],
        receivers: Sequence[tuple],
        sender_at: Sequence[int] | None = None,
        receiver_at: Sequence[int] | None = None,
    ) -> Tensor:
        """Logits on `tokens` when the receivers see the senders as they are on `source_tokens`, by the direct path.

        senders: ("z", layer, head) or ("mlp_out", layer), changed at positions `sender_at` (None: all).
        receivers: ("q" | "k" | "v", layer, head), ("mlp_in", layer), or ("logits",) alone; what they compute from the
        residual stream is changed at positions `receiver_at` (None: all). The stream a receiver reads is the clean one
        plus what the senders before it now add differently, all else keeping its clean output. Then one clean run has
        all receivers replaced at those positions, and everything else in it runs normally.
        """
        if tokens.shape != source_tokens.shape:
            raise ValueError(f"tokens {tuple(tokens.shape)} and source_tokens {tuple(source_tokens.shape)} must match")
        clean = self.read_all(tokens)
        additions = self._changed_additions(tokens, clean, self.read_all(source_tokens), senders, sender_at)
        to_logits = [tuple(receiver) == ("logits",) for receiver in receivers]
        if any(to_logits):
            if not all(to_logits):
                raise ValueError("logits cannot be a receiver together with others")
            final = clean["resid_final", None, None] + _sum_of(additions, self.n_layers, False)
            return self.logits(tokens, [Write("resid_final", None, None, _replacing(final, receiver_at))])
        replacements = []
        for receiver in receivers:
            kind, layer, head = _receiver_site(receiver)
            self._check_site(kind, layer, head)
            attention_of_layer_counts = kind == "mlp_in" and not self.parallel
            added = _sum_of(additions, layer, attention_of_layer_counts)
            stream_kind = "mlp_in" if kind == "mlp_in" else "resid_pre"
            changed_stream = Write(stream_kind, layer, None, lambda stream, added=added: stream + added)
            seen = self.read(tokens, kind, layer, head, [changed_stream])
            replacements.append(Write(kind, layer, head, _replacing(seen, receiver_at)))
        return self.logits(tokens, replacements)

    def _run(self, tokens: Tensor, writes: Sequence[Write]) -> tuple[Tensor, dict[Place, Tensor]]:
        """The logits and the value of every site, after its writes."""
        for write in writes:
            self._check_site(write.kind, write.layer, write.head)
        values = {}

        def site(kind: str, layer: int | None, head: int | None, value: Tensor) -> Tensor:
            for write in writes:
                if (write.kind, write.layer, write.head) == (kind, layer, head):
                    written = write.function(value)
                    if written.shape != value.shape:
                        place = f"{kind} of layer {layer}, head {head}"
                        raise ValueError(f"{place} is {tuple(value.shape)}, the write gave {tuple(written.shape)}")
                    value = written
            values[kind, layer, head] = value
            return value

        logits = run(self._family, tokens, site)
        return logits, values

    def _check_site(self, kind: str, layer: int | None, head: int | None) -> None:
        """ValueError unless the model has this site."""
        if kind == "resid_mid" and self.parallel:
            raise ValueError("resid_mid does not exist: attention and MLP run in parallel in this model")
        per_query_head, per_key_value_head = kind in QUERY_HEAD_KINDS, kind in KEY_VALUE_HEAD_KINDS
        per_layer = kind in LAYER_KINDS or per_query_head or per_key_value_head
        if not (per_layer or kind in WHOLE_MODEL_KINDS):
            raise ValueError(f"unknown kind of site {kind!r}")
        head_count = self.n_heads if per_query_head else self.n_key_value_heads if per_key_value_head else None
        for name, given, count in (("layer", layer, self.n_layers if per_layer else None), ("head", head, head_count)):
            if count is None and given is not None:
                raise ValueError(f"{kind} takes no {name}")
            if count is not None and (given is None or not 0 <= given < count):
                raise ValueError(f"{kind} needs a {name} from 0 to {count - 1}, not {given}")

    def _changed_additions(
        self,
        tokens: Tensor,
        clean: dict[Place, Tensor],
        source: dict[Place, Tensor],
        senders: Sequence[tuple],
        sender_at: Sequence[int] | None,
    ) -> dict[tuple[str, int], Tensor]:
        """By ("attn_out" | "mlp_out", layer): how much more it adds to the stream once the senders there changed."""
        writes: dict[tuple[str, int], list[Write]] = {}
        for sender in senders:
            kind, layer, head = _sender_site(sender)
            self._check_site(kind, layer, head)
            output = "attn_out" if kind == "z" else "mlp_out"
            from_source = Write(kind, layer, head, _replacing(source[kind, layer, head], sender_at))
            writes.setdefault((output, layer), []).append(from_source)
        # Writes of one layer's heads, or of its MLP, leave that layer's input clean, so the rest of it stays clean.
        return {
            (output, layer): self.read(tokens, output, layer, writes=layer_writes) - clean[output, layer, None]
            for (output, layer), layer_writes in writes.items()
        }


def _sum_of(additions: dict[tuple[str, int], Tensor], before: int, and_its_attention: bool) -> Tensor | float:
    """What blocks below `before` (and the attention of block `before`, if asked) add differently, together."""
    total: Tensor | float = 0.0
    for (output, layer), addition in additions.items():
        if layer < before or (and_its_attention and (output, layer) == ("attn_out", before)):
            total = total + addition
    return total


def _replacing(new: Tensor, at: Sequence[int] | None) -> Callable[[Tensor], Tensor]:
    """A write that takes the values at positions `at` (None: all) from `new`."""

    def function(value: Tensor) -> Tensor:
        if at is None:
            return new
        mixed = value.clone()
        mixed[:, list(at)] = new[:, list(at)]
        return mixed

    return function


def _sender_site(sender: tuple) -> tuple[str, int, int | None]:
    match tuple(sender):
        case ("z", layer, head):
            return "z", layer, head
        case ("mlp_out", layer):
            return "mlp_out", layer, None
    raise ValueError(f"a sender is ('z', layer, head) or ('mlp_out', layer), not {sender!r}")


def _receiver_site(receiver: tuple) -> tuple[str, int, int | None]:
    match tuple(receiver):
        case (("q" | "k" | "v") as kind, layer, head):
            return kind, layer, head
        case ("mlp_in", layer):
            return "mlp_in", layer, None
    known = "('q' | 'k' | 'v', layer, head), ('mlp_in', layer) or ('logits',)"
    raise ValueError(f"a receiver is {known}, not {receiver!r}")
