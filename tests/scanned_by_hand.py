"""A scan done by hand: each piece of each text run alone, each token looked at in turn, nothing of the package's scan
used."""

import warnings
from dataclasses import dataclass, field

import numpy as np

TEXTS = (
    'Mary said "Go!" John went to the store, and then Mary went to the park. "No!" said John.',
    "Then Tom and Mary met at the park.",
    "John gave the ball to Tom. Tom said nothing; café naïve, 24 of them.",
    'Anna said "Come!" and Paul came to the house. Paul and Anna went home.',
    "The store was closed.",
    "Paul went to the store with Anna and bought a drink.",
    "When Mary and John went to the store, John gave a drink to Mary. When Tom and Anna went to the park, Anna sat.",
    '"Wait!" cried Tom, and then, after a while, "Wait!" again.',
    "Sarah and David met, and David gave a ring to Sarah.",
    "James left the garden, and Emma stayed in the garden until the night.",
    "Emma went away. James came back.",
    "Mark had a ball, and Mark gave the ball to Emma, and Emma gave it to Mark.",
)
PREDICATES = {"after a quote": '!"', "names": r"^ ?[A-Z][a-z]+$"}


def write_corpus(path, texts=TEXTS):
    path.write_text("<|endoftext|>".join(texts), encoding="utf-8")
    return path


def random_sae(d_in, width, *, k=None, seed=0):
    """A sae_lens object without a decoder's bias: topk where `k` is given, else ReLU whose features fire on a part of the
    time."""
    import torch

    with warnings.catch_warnings():  # of its imports
        warnings.simplefilter("ignore")
        from sae_lens import StandardSAE, StandardSAEConfig, TopKSAE, TopKSAEConfig

    made = StandardSAE(StandardSAEConfig(d_in, width)) if k is None else TopKSAE(TopKSAEConfig(d_in, width, k=k))
    chance = torch.Generator().manual_seed(seed)
    made.W_enc.data = torch.randn(d_in, width, generator=chance)
    made.W_dec.data = torch.randn(width, d_in, generator=chance)
    made.b_enc.data = torch.full((width,), 0.0 if k else -0.5)
    made.b_dec.data.zero_()
    return made


def encode_by_hand(sae, values, k=None):
    """[token, feature] of values [token, d_in]."""
    found = np.maximum(values @ sae.W_enc.detach().numpy() + sae.b_enc.detach().numpy(), 0).astype(np.float32)
    if k is None:
        return found
    kept = np.zeros_like(found)
    for row, values_of_row in enumerate(found):
        largest = np.argsort(-values_of_row)[:k]
        kept[row, largest] = values_of_row[largest]
    return kept


@dataclass
class ByHand:
    """Activations [feature] at each (document, token), in order, whether each predicate chose it, and how many pieces."""

    places: list = field(default_factory=list)
    rows: list = field(default_factory=list)
    chosen: list = field(default_factory=list)
    words: list = field(default_factory=list)
    pieces: int = 0


def walk(model, texts, documents, context, point, pick, encode):
    """All tokens of these documents. `pick` takes the slice of a head out of a site's values, `encode` activations of it."""
    import torch

    found = ByHand()
    bos = [model.tokenizer.inner.bos_token_id] if model.ref.bos == "always" else []
    for number in documents:
        encoded = model.tokenizer.inner(texts[number], add_special_tokens=False, return_offsets_mapping=True)
        ids, ends = encoded.input_ids, [end for _, end in encoded.offset_mapping]
        size = context - len(bos)
        for start in range(0, len(ids), size):
            piece = bos + ids[start : start + size]
            with torch.no_grad():
                _, cache = model.inner.run_with_cache(torch.tensor([piece]), prepend_bos=False)
            activations = encode(pick(cache[point][0].float().numpy()))
            found.pieces += 1
            for place in range(start, min(start + size, len(ids))):
                begin = ends[place - 1] if place else 0
                first = encoded.offset_mapping[start][0]
                found.places.append((number, place))
                found.rows.append(activations[place - start + len(bos)])
                found.words.append(texts[number][begin : ends[place]])
                found.chosen.append(_chosen(texts[number], first, begin, ends[place], last=_last(ends, place)))
    return found


def _last(ends, place):
    return place + 1 == len(ends) or ends[place + 1] != ends[place]


def _chosen(text, first, begin, end, last):
    """After a quote that the piece holds; a name."""
    import re

    quote = last and end - 2 >= first and text[end - 2 : end] == PREDICATES["after a quote"]
    return quote, re.search(PREDICATES["names"], text[begin:end]) is not None


def summary_by_hand(found, column, top):
    """(fires, total, largest, top [(value, document, token)], fires by predicate) of one feature, or of a function of
    rows."""
    fires, total, largest, values, chosen = 0, 0.0, float("-inf"), [], [0, 0]
    for place, row, picked in zip(found.places, found.rows, found.chosen, strict=True):
        value = float(column(row) if callable(column) else row[column])
        if value == 0:
            continue
        fires, total, largest = fires + 1, total + value, max(largest, value)
        values.append((value, *place))
        chosen = [count + int(yes) for count, yes in zip(chosen, picked, strict=True)]
    values.sort(key=lambda each: (-each[0], each[1], each[2]))
    return fires, total, largest, values[:top], chosen
