"""Places in the computation, named by what they mean and never by a library's hook."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from circuitcheck.errors import UnknownSite, UnknownUnit
from circuitcheck.places.site_kinds import SITE_KINDS, Index, KindName, SiteKind, site_kind
from circuitcheck.places.units import (
    Architecture,
    AttnLayer,
    Head,
    MlpLayer,
    Neuron,
    Unit,
    UnitSource,
    meant_unit,
    names_a_unit,
    parse_units,
    unit_words,
)
from circuitcheck.text import shown


@dataclass(frozen=True, order=True)
class Site:
    """A place whose value can be read and written, by its causal meaning, which `circuitcheck.places.site_kinds` gives.
    `index` is the head, key/value head or neuron; None means all of the layer. The layer of `embed` is 0."""

    kind: KindName
    layer: int
    index: int | None = None

    def __str__(self) -> str:
        if site_kind(self.kind).first_layer_only:
            return self.kind
        if site_kind(self.kind).index == "neuron":
            return f"L{self.layer}.{self.kind}" if self.index is None else str(Neuron(self.layer, self.index))
        return f"L{self.layer}{'' if self.index is None else f'H{self.index}'}.{self.kind}"

    @property
    def words(self) -> str:
        """As a claim says it: an output by its unit, `L8H2` for `L8H2.z`."""
        unit = unit_of(self)
        return str(self) if unit is None else str(unit)


@dataclass(frozen=True, order=True)
class Part:
    """A head, key/value head or neuron of a layer, whichever of its sites is meant, or a feature of the dictionary `of`:
    what controls exchange for another."""

    layer: int
    index: Index | Literal["feature"]
    number: int
    of: str = ""

    def __str__(self) -> str:
        if self.index == "feature":
            return f"{self.of}[{self.number}]"
        if self.index == "neuron":
            return str(Neuron(self.layer, self.number))
        return f"{'' if self.index == 'head' else 'key/value head '}{Head(self.layer, self.number)}"


def parts_of(sites: Iterable[Site]) -> tuple[Part, ...]:
    """The parts that sites belong to, sorted, each once; none where a site is of a whole layer."""
    found: set[Part] = set()
    for site in sites:
        index = site_kind(site.kind).index
        if index is None or site.index is None:
            return ()
        found.add(Part(site.layer, index, site.index))
    return tuple(sorted(found))


def with_parts(sites: tuple[Site, ...], old: tuple[Part, ...], new: tuple[Part, ...]) -> tuple[Site, ...]:
    """`sites` with the parts `old` exchanged for `new`, one for one: L1H2.q and L1H2.k become L3H0.q and L3H0.k. Sites of
    other parts than exactly `old` are left as they are."""
    if parts_of(sites) != old:
        return sites
    instead = dict(zip(old, new, strict=True))
    return tuple(_with_part(site, instead) for site in sites)


def _with_part(site: Site, instead: Mapping[Part, Part]) -> Site:
    (old,) = parts_of([site])
    return Site(site.kind, instead[old].layer, instead[old].number)


Sites = str | Unit | Site | UnitSource | Iterable[str | Unit | Site | UnitSource]


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


def unit_of(site: Site) -> Unit | None:
    """The unit whose output is at the site, None where there is none."""
    match site:
        case Site("z", layer, int(head)):
            return Head(layer, head)
        case Site("neurons", layer, int(index)):
            return Neuron(layer, index)
        case Site("attn_out", layer):
            return AttnLayer(layer)
        case Site("mlp_out", layer):
            return MlpLayer(layer)
    return None


_HEAD_SITE = re.compile(r"L(\d{1,9})H(\d{1,9})(?:-(\d{1,9}))?\.(\w+)")
_LAYER_SITE = re.compile(r"L(\d{1,9})(?:-(\d{1,9}))?\.(\w+)")
_FORMS = "L5.resid_pre, L0-3.resid_post, L9H9.q, L9.pattern (all heads), L3.mlp[12], embed, or a unit such as L8H2 or L8.mlp"


def parse_sites(sites: Sites, architecture: Architecture) -> tuple[Site, ...]:
    """Sites in the order given; a unit means its output.

    Raises UnknownSite for words that are neither, an empty set, a site named twice (also as part of its layer), or one that
    this model does not have.
    """
    found = [site for word in unit_words(sites) for site in _parse(word, architecture)]
    if not found:
        raise UnknownSite(f"no sites in {shown(sites)}. Expected {_FORMS}.")
    check_sites(found, architecture)
    whole = {(site.kind, site.layer) for site in found if site.index is None}
    twice = {str(site) for site, times in Counter(found).items() if times > 1}
    twice |= {str(site) for site in found if site.index is not None and (site.kind, site.layer) in whole}
    if twice:
        raise UnknownSite(f"{', '.join(sorted(twice))} named more than once in {shown(sites)}: name each site once.")
    return tuple(found)


def parse_targets(given: Sites, architecture: Architecture) -> tuple[Site, ...]:
    """Sites that an intervention is to change: units by their outputs, sorted, or sites as `parse_sites` takes them. Raises
    UnknownUnit, UnknownSite."""
    words = list(unit_words(given))
    if not all(names_a_unit(word) if isinstance(word, str) else isinstance(word, Unit | UnitSource) for word in words):
        return parse_sites(words, architecture)
    return tuple(site_of(unit) for unit in parse_units(words, architecture))


def check_sites(sites: Iterable[Site], architecture: Architecture) -> None:
    """Raises UnknownSite for one that this model does not have."""
    for site in sites:
        _check(site, site_kind(site.kind), architecture)


def count_parts(index: Index | Literal["feature"] | None, architecture: Architecture) -> int | None:
    """How many heads, key/value heads or neurons a layer has. None: nobody knows, or there is nothing to count."""
    match index:
        case "head":
            return architecture.n_heads
        case "key/value head":
            return architecture.n_key_value_heads
        case "neuron":
            return architecture.d_mlp
    return None


def _parse(word: "str | Unit | Site | UnitSource", architecture: Architecture) -> list[Site]:
    if isinstance(word, Site):
        return [word]
    if isinstance(word, str):
        if word in [kind.name for kind in SITE_KINDS.values() if kind.first_layer_only]:
            return [Site(word, 0)]
        for form, of_heads in ((_HEAD_SITE, True), (_LAYER_SITE, False)):
            match = form.fullmatch(word)
            if match and match.groups()[-1] in {kind.name for kind in SITE_KINDS.values()}:
                return _spread(word, match, of_heads)
    try:
        return [site_of(unit) for unit in parse_units(word, architecture)]
    except UnknownUnit as error:
        if not isinstance(word, str) or names_a_unit(word):
            raise
        raise UnknownSite(
            f"{shown(word)} is no unit and no site.{_meant(word)} Expected {_FORMS}; kinds are {_kinds()}."
        ) from error


_FOREIGN = re.compile(r"(?:(?:blocks\.|[lL])(\d{1,9})(?:[hH](\d{1,9}))?\.)?((?:\w+\.)*?)(?:hook_)?(\w+)")
_NAMES_ELSEWHERE = {
    "attn_scores": "scores",
    "query": "q",
    "key": "k",
    "value": "v",
    "post": "neurons",
    "in": "mlp_in",
    "hook_z": "z",
}


def named_elsewhere(word: str) -> tuple[KindName, int | None, int | None] | None:
    """The kind, the layer and the head of what other tools, and slips, call a site: `blocks.2.hook_resid_post`,
    `L2H2.attn_scores`, `resid_psot`."""
    match = _FOREIGN.fullmatch(word)
    if match is None:
        return None
    last = _NAMES_ELSEWHERE.get(match[4], match[4])
    close = get_close_matches(last, SITE_KINDS, 1, cutoff=0.75)
    if not close:
        return None
    layer, head = (None if number is None else int(number) for number in (match[1], match[2]))
    return close[0], layer, head


def _meant(word: str) -> str:
    """A suggestion."""
    if (turned := re.fullmatch(r"(\w+)\.(\d{1,9})", word)) and turned[1] in SITE_KINDS:
        return f" Did you mean 'L{turned[2]}.{turned[1]}'?"
    slip = re.fullmatch(r"([lL]\d{1,9})\.(\w+)", word)
    unit = get_close_matches(slip[2], ("attn", "mlp"), 1) if slip else []
    if slip and unit:
        return f" Did you mean '{slip[1].upper()}.{unit[0]}'?"
    found = named_elsewhere(word)
    if found is None:
        return meant_unit(word)
    kind, layer, head = found
    if site_kind(kind).first_layer_only:
        return f" Did you mean {kind!r}?"
    if layer is None:
        return f" Say of which layer: 'L2.{kind}', or 'L0-3.{kind}' for several."
    return f" Did you mean {_words_for(site_kind(kind), layer, head)}?"


def _words_for(kind: SiteKind, layer: int, head: int | None) -> str:
    if kind.index == "neuron":
        return f"'L{layer}.mlp[0]' (one neuron) or 'L{layer}.{kind.name}' (all)"
    if has_heads(kind) and head is None:
        return f"'L{layer}H0.{kind.name}' (one head) or 'L{layer}.{kind.name}' (all heads)"
    return f"'L{layer}{'' if head is None or not has_heads(kind) else f'H{head}'}.{kind.name}'"


def _spread(word: str, match: re.Match[str], of_heads: bool) -> list[Site]:
    kind = site_kind(match.groups()[-1])
    numbers = [int(each) for each in match.groups()[:-1] if each is not None]
    if of_heads and not has_heads(kind):
        of_them = ", ".join(each.name for each in SITE_KINDS.values() if has_heads(each))
        raise UnknownSite(f"{word!r}: {kind.name} belongs to a layer, not to a head. Kinds of heads are {of_them}.")
    first, last = numbers[of_heads], numbers[-1]
    if last < first:
        raise UnknownSite(f"{word!r} counts backwards: write the smaller number first.")
    return [Site(kind.name, numbers[0], each) if of_heads else Site(kind.name, each) for each in range(first, last + 1)]


def has_heads(kind: SiteKind) -> bool:
    return kind.index in ("head", "key/value head")


def _check(site: Site, kind: SiteKind, architecture: Architecture) -> None:
    if site.layer not in range(architecture.n_layers):
        raise UnknownSite(f"{site} does not exist: this model has {architecture.describe()}.")
    if kind.not_in_parallel_blocks and architecture.parallel:
        raise UnknownSite(f"{site} does not exist: {kind.not_in_parallel_blocks}. {kind.instead}")
    if site.index is None:
        return
    parts = count_parts(kind.index, architecture)
    if kind.index == "key/value head" and site.index not in range(architecture.n_key_value_heads):
        shared = architecture.n_heads // architecture.n_key_value_heads
        hint = f"; query head {site.index} reads key/value head {site.index // shared}" if shared > 1 else ""
        raise UnknownSite(f"{site} does not exist: this model has {architecture.n_key_value_heads} key/value heads{hint}.")
    if parts is not None and site.index not in range(parts):
        raise UnknownSite(f"{site} does not exist: this model has {architecture.describe()}.")


def _kinds() -> str:
    return ", ".join(kind.name for kind in SITE_KINDS.values())
