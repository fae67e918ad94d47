"""Places in the computation, named by what they mean and never by a library's hook."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from circuitcheck.errors import UnknownSite, UnknownUnit
from circuitcheck.plan.units import Architecture, AttnLayer, Head, MlpLayer, Neuron, Unit, parse_units, unit_words

SiteKind = Literal[
    "embed",
    "resid_pre",
    "resid_mid",
    "resid_post",
    "attn_out",
    "mlp_out",
    "mlp_in",
    "z",
    "result",
    "q",
    "k",
    "v",
    "scores",
    "pattern",
    "neurons",
]
ATTENTION_KINDS: tuple[SiteKind, ...] = ("scores", "pattern")
HEAD_KINDS: tuple[SiteKind, ...] = ("z", "result", "q", "k", "v", *ATTENTION_KINDS)
KEY_VALUE_KINDS: tuple[SiteKind, ...] = ("k", "v")  # as many as key/value heads
RESIDUAL_KINDS: tuple[SiteKind, ...] = (
    "embed",
    "resid_pre",
    "resid_mid",
    "resid_post",
    "attn_out",
    "mlp_out",
    "mlp_in",
)


@dataclass(frozen=True)
class Site:
    """A place whose value can be read and written, by its causal meaning. Shapes are of one prompt.

    `embed`: what the token embedding contributes, after any scale, before positions ([pos, d_model]; its layer is 0).
    `resid_pre`, `resid_mid`, `resid_post`: the residual stream that enters a block, that its MLP reads (blocks with parallel
    attention and MLP have none), that leaves it ([pos, d_model]). `attn_out`, `mlp_out`: what the attention or MLP
    layer adds to the residual stream, after a post-norm where there is one ([pos, d_model]).
    `q`, `k`, `v`: a head's query, or a key/value head's key or value, as projected: before any norm and rotation
    ([pos, d_head]). `scores`, `pattern`: a head's attention before and after the softmax ([query, key]; its position is the
    query's). `mlp_in`: the residual stream as that MLP alone reads it, before its norm ([pos, d_model]). `z`: a head's mix
    of values ([pos, d_head]). `result`: what the output projection makes of it, without bias ([pos, d_model]). `neurons`:
    what the MLP's output projection reads ([pos], or [pos, d_mlp]). `index` is the head, key/value head or neuron; None
    means all of the layer.
    """

    kind: SiteKind
    layer: int
    index: int | None = None

    def __str__(self) -> str:
        if self.kind == "embed":
            return "embed"
        if self.kind == "neurons":
            return f"L{self.layer}.neurons" if self.index is None else str(Neuron(self.layer, self.index))
        return f"L{self.layer}{'' if self.index is None else f'H{self.index}'}.{self.kind}"


def site_of(unit: Unit) -> Site:
    """The site whose value is the unit's output."""
    match unit:
        case Head():
            return Site("z", unit.layer, unit.head)
        case Neuron():
            return Site("neurons", unit.layer, unit.index)
        case AttnLayer():
            return Site("attn_out", unit.layer)
        case MlpLayer():
            return Site("mlp_out", unit.layer)


_HEAD_SITE = re.compile(r"L(\d+)H(\d+)(?:-(\d+))?\.(\w+)")
_LAYER_SITE = re.compile(r"L(\d+)(?:-(\d+))?\.(\w+)")
_FORMS = "L5.resid_pre, L0-3.resid_post, L9H9.q, L9.pattern (all heads), L3.mlp[12], embed, or a unit such as L8H2 or L8.mlp"


def parse_sites(sites: "str | Unit | Site | Iterable[str | Unit | Site]", architecture: Architecture) -> tuple[Site, ...]:
    """Sites in the order given; a unit means its output.

    Raises UnknownSite for words that are neither, an empty set, a site named twice (also as part of its layer), or one that
    this model does not have.
    """
    found = [site for word in unit_words(sites) for site in _parse(word, architecture)]
    if not found:
        raise UnknownSite(f"no sites in {sites!r}. Expected {_FORMS}.")
    check_sites(found, architecture)
    whole = {(site.kind, site.layer) for site in found if site.index is None}
    twice = {str(site) for site, times in Counter(found).items() if times > 1}
    twice |= {str(site) for site in found if site.index is not None and (site.kind, site.layer) in whole}
    if twice:
        raise UnknownSite(f"{', '.join(sorted(twice))} named more than once in {sites!r}: name each site once.")
    return tuple(found)


def check_sites(sites: Iterable[Site], architecture: Architecture) -> None:
    """Raises UnknownSite for one that this model does not have."""
    for site in sites:
        _check(site, architecture)


def _parse(word: "str | Unit | Site", architecture: Architecture) -> list[Site]:
    if isinstance(word, Site):
        return [word]
    if word == "embed":
        return [Site("embed", 0)]
    if isinstance(word, str):
        for form, of_heads in ((_HEAD_SITE, True), (_LAYER_SITE, False)):
            match = form.fullmatch(word)
            if match and match.groups()[-1] in get_args(SiteKind):
                return _spread(word, match, of_heads)
    try:
        return [site_of(unit) for unit in parse_units(word, architecture)]
    except UnknownUnit as error:
        if isinstance(word, str) and "." not in word:
            raise
        raise UnknownSite(f"{word!r} is no site of this model. Expected {_FORMS}; kinds are {_kinds()}.") from error


def _spread(word: str, match: re.Match[str], of_heads: bool) -> list[Site]:
    kind = next(each for each in get_args(SiteKind) if each == match.groups()[-1])
    numbers = [int(each) for each in match.groups()[:-1] if each is not None]
    if of_heads and kind not in HEAD_KINDS:
        raise UnknownSite(f"{word!r}: {kind} belongs to a layer, not to a head. Kinds of heads are {', '.join(HEAD_KINDS)}.")
    first, last = numbers[of_heads], numbers[-1]
    if last < first:
        raise UnknownSite(f"{word!r} counts backwards: write the smaller number first.")
    return [Site(kind, numbers[0], each) if of_heads else Site(kind, each) for each in range(first, last + 1)]


def _check(site: Site, architecture: Architecture) -> None:
    if site.layer not in range(architecture.n_layers):
        raise UnknownSite(f"{site} does not exist: this model has {architecture.describe()}.")
    if site.kind == "resid_mid" and architecture.parallel:
        raise UnknownSite(
            f"{site} does not exist: attention and MLP of this model's blocks run side by side, on the same residual "
            f"stream. Use resid_pre or resid_post."
        )
    if site.index is None:
        return
    if site.kind in KEY_VALUE_KINDS and site.index not in range(architecture.n_key_value_heads):
        shared = architecture.n_heads // architecture.n_key_value_heads
        hint = f"; query head {site.index} reads key/value head {site.index // shared}" if shared > 1 else ""
        raise UnknownSite(f"{site} does not exist: this model has {architecture.n_key_value_heads} key/value heads{hint}.")
    limit = architecture.d_mlp if site.kind == "neurons" else architecture.n_heads
    if limit is not None and site.index not in range(limit):
        raise UnknownSite(f"{site} does not exist: this model has {architecture.describe()}.")


def _kinds() -> str:
    return ", ".join(get_args(SiteKind))
