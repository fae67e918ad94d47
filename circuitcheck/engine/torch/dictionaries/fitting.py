"""Does a dictionary belong to a model? What it was made for against what the model is."""

import re
from functools import lru_cache
from typing import Any

from circuitcheck.engine.protocol import DictionaryCard
from circuitcheck.engine.torch.loaded.model import LoadedModel
from circuitcheck.engine.torch.loading.known_names import aliases
from circuitcheck.errors import BadDictionary
from circuitcheck.models import INSTANCE_PREFIX
from circuitcheck.places import Site, check_sites, site_kind

_SNAPSHOT = re.compile(r"models--(?:[^/]*--)?([^/]+)/snapshots/")


def check_fits(card: DictionaryCard, loaded: LoadedModel) -> None:
    """Raises UnknownSite for a site that the model lacks; BadDictionary for another width, base model, processing or BOS
    policy, with both."""
    ref, model = card.ref, loaded.card
    check_sites([ref.reads, ref.writes], model.architecture)
    for what, site, width in (("reads", ref.reads, card.d_in), ("writes", ref.writes, card.d_out)):
        there = _width(site, loaded.model.cfg)
        if there is None:
            raise BadDictionary(f"{ref} cannot be attached at {site}, which holds attention, no vector of fixed width.")
        if there != width:
            raise BadDictionary(
                f"{ref} {what} {width} numbers, and {site} of {model.ref} has {there}. Attach it where it was trained: one "
                f"head's slice is L1H11.q, all heads side by side L1.z."
            )
    _check_model(card, loaded)
    _check_processing(card, loaded)
    _check_bos(card, loaded)


def _width(site: Site, cfg: Any) -> int | None:
    kind = site_kind(site.kind)
    if kind.of_queries:
        return None
    if kind.index is None:
        return int(cfg.d_model)
    if kind.index == "neuron":
        return 1 if site.index is not None else cfg.d_mlp
    each = int(cfg.d_model if kind.axes[-1] == "d_model" else cfg.d_head)
    heads = getattr(cfg, "n_key_value_heads", None) or cfg.n_heads if kind.index == "key/value head" else cfg.n_heads
    return each if site.index is not None else each * int(heads)


def _check_model(card: DictionaryCard, loaded: LoadedModel) -> None:
    said, spec = card.ref.made_for.model, loaded.card.ref.spec
    if said is None or spec.startswith(INSTANCE_PREFIX) or _base(said) == _base(spec):
        return
    raise BadDictionary(
        f"{card.ref} was made for the model {said!r}, and is used on {spec!r}: its features mean nothing there. If {spec!r} "
        f"is that model under another name, or one made from it on purpose, say so where the dictionary is loaded: "
        f"model={spec!r}."
    )


@lru_cache(maxsize=64)
def _base(name: str) -> str:
    """What is the same for all names of one model: its hub id without the owner, in small letters."""
    snapshot = _SNAPSHOT.search(name)
    plain = snapshot[1] if snapshot else name.removesuffix("+folded").partition("@")[0].rstrip("/")
    hub_id = next((hub_id for hub_id, short in aliases().items() if plain in short), plain)
    return hub_id.rsplit("/", 1)[-1].lower()


def _check_processing(card: DictionaryCard, loaded: LoadedModel) -> None:
    """Folding moves what lies in the residual stream alone: writing weights are centred then."""
    said, has = card.ref.made_for.processing, loaded.card.fingerprint["processing"]
    if said is None or has not in ("none", "folded") or said == has:
        return
    if not any(site_kind(site.kind).axes[-1] == "d_model" for site in (card.ref.reads, card.ref.writes)):
        return
    plain = loaded.card.ref.spec.removesuffix("+folded")
    right = f"{plain}+folded" if said == "folded" else plain
    words = {"none": "weights as they are", "folded": "folded and centred weights"}
    raise BadDictionary(
        f"{card.ref} was made for {words[said]}, and {loaded.card.ref} has {words[has]}: what lies in the residual stream "
        f"is not the same. Load {right!r}; or, if the dictionary's config is wrong, say processing={has!r} where it is "
        f"loaded."
    )


def _check_bos(card: DictionaryCard, loaded: LoadedModel) -> None:
    said, has = card.ref.made_for.prepend_bos, loaded.card.fingerprint["bos"] == "prepended"
    if said is None or said == has:
        return
    policy = "always" if said else "never"
    raise BadDictionary(
        f"{card.ref} was made on prompts {'with' if said else 'without'} a BOS token, and prompts of {loaded.card.ref} are "
        f"{'with' if has else 'without'} one: the first tokens' values are others. Load the model with bos={policy!r}; or, "
        f"if the dictionary's config is wrong, say prepend_bos={has} where it is loaded."
    )
