"""What a user names as parts of the logits, for one model."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from circuitcheck.errors import BadMetric, UnknownSite
from circuitcheck.given import whole_of
from circuitcheck.places import Architecture, Position, Site, Sites, parse_at, parse_position, parse_sites, site_kind
from circuitcheck.places.units import unit_words
from circuitcheck.plan import Attribution, Features, Lens, Term, Toward, View
from circuitcheck.plan.metrics.attribution import Part, depth_of, joins_at
from circuitcheck.prompts import Tokenizer
from circuitcheck.quantities.dictionaries import FeatureSet
from circuitcheck.quantities.view_arguments import check_found_here
from circuitcheck.quantities.views import ModelView
from circuitcheck.text import shown

_STREAM = "is all that later layers know"
_DIRECT = ("embed", "resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out", "z", "result", "neurons")
_BIAS = re.compile(r"L(\d{1,9})(?:-(\d{1,9}))?\.(b_O|b_out)")
_TOWARD = "'answer-distractor', 'answer', or one token, as text (' Mary') or by its number"
_NO_TOKENS = ("distractor", "logit_diff", "logit-diff", "pair", "answer - distractor")


def attribution_of(
    view: ModelView, sites: Sites | FeatureSet, toward: str | int, at: str, key: str | Iterable[str] | None = None
) -> Attribution:
    """Raises UnknownSite, UnknownPosition, BadMetric."""
    check_found_here(sites, view.card.ref)
    architecture = view.card.architecture
    parts: tuple[Part, ...] = (_direct(sites.plan),) if isinstance(sites, FeatureSet) else _parts(sites, architecture)
    _check_apart(parts)
    _check_reaches(parts, view.data)
    words = sites if isinstance(sites, str) else str(getattr(sites, "words", ""))
    found, source = _toward(toward, view.tokenizer), _source(key, parts)
    return Attribution(parts, _one_token(at), found, architecture.n_layers, architecture.attn_only, words, source)


def lens_of(view: ModelView, site: str | Site, toward: str | int, at: str) -> Lens:
    """Raises UnknownSite, UnknownPosition, BadMetric."""
    architecture = view.card.architecture
    found = parse_sites(site, architecture)
    if len(found) != 1 or site_kind(found[0].kind).rule != _STREAM:
        raise BadMetric(
            f"lens of {shown(site)}: expected one residual stream, such as 'L5.resid_post'. What a head or a layer "
            f"writes is read by task.attribution(view, 'L5H1')."
        )
    return Lens(found[0], _one_token(at), _toward(toward, view.tokenizer), architecture.n_layers)


def _parts(sites: Sites, architecture: Architecture) -> tuple[Site | Term, ...]:
    words = list(unit_words(sites))
    terms = [term for word in words for term in _terms(word, architecture)]
    others = [word for word in words if not _terms(word, architecture)]
    found = [_as_z(site) for site in parse_sites(others, architecture)] if others or not terms else []
    wrong = [site for site in found if site.kind not in _DIRECT]
    if wrong:
        raise BadMetric(
            f"{wrong[0]} has no direct path to the logits: attention, or an MLP, which are not linear, come between. Parts "
            f"are embed, pos_embed, heads, neurons, layers (L5.attn, L5.mlp), streams and biases (bias, L5.b_O, b_U); "
            f"model.patch_path(...) measures what goes through others."
        )
    parts: list[Site | Term] = [*found, *terms]
    twice = [str(part) for part, times in Counter(parts).items() if times > 1]
    if twice:
        raise UnknownSite(f"{', '.join(twice)} named more than once in {shown(sites)} (bias is every b_O, and b_U).")
    return tuple(parts)


def _direct(features: Features) -> Features:
    """Raises BadMetric for those of a dictionary that writes where nothing adds up to the logits."""
    writes = features.dictionary.writes
    if writes.kind not in _DIRECT:
        raise BadMetric(
            f"{features} write to {writes}, which has no direct path to the logits: attention, or an MLP, which are not "
            f"linear, come between. model.remove(features) measures what would be lost without them."
        )
    return features


def _source(key: str | Iterable[str] | None, parts: Iterable[Part]) -> tuple[Position, ...] | None:
    """Raises BadMetric for a source of what is no head, UnknownPosition."""
    others = [part for part in parts if isinstance(part, Features) or part.kind != "z"] if key is not None else []
    if others:
        raise BadMetric(
            f"key={shown(key)}: heads bring something from other tokens, and {others[0]} does not. Leave key= out."
        )
    return parse_at(key)


def _as_z(site: Site) -> Site:
    """A head's result is what its z writes."""
    return Site("z", site.layer, site.index) if site.kind == "result" else site


def _terms(word: object, architecture: Architecture) -> list[Term]:
    """Of a word that names biases or position embeddings; none of others. Raises UnknownSite."""
    if word == "bias":
        return [*(Term("b_O", layer) for layer in range(architecture.n_layers)), Term("b_U")]
    if word == "b_U" or word == "pos_embed":
        return [Term(word)]
    match = _BIAS.fullmatch(word) if isinstance(word, str) else None
    if match is None:
        return []
    first, last = int(match[1]), int(match[2] or match[1])
    if not first <= last < architecture.n_layers:
        raise UnknownSite(f"{word} does not exist: this model has {architecture.describe()}.")
    return [Term("b_O" if match[3] == "b_O" else "b_out", layer) for layer in range(first, last + 1)]


def _check_apart(parts: tuple[Part, ...]) -> None:
    """Raises BadMetric where one part is in another: it would count twice."""
    for whole, inside in _in_others([joins_at(part) for part in parts]):
        instead = " Say b_U instead of bias, which holds every b_O." if inside.kind == "b_O" else ""
        raise BadMetric(f"{inside} is a part of {whole}: it would count twice.{instead} Name one of them.")


def _in_others(parts: list[Site | Term]) -> Iterator[tuple[Site | Term, Site | Term]]:
    inner = {"attn_out": ("z", "b_O"), "mlp_out": ("neurons", "b_out")}
    for whole in parts:
        is_stream = isinstance(whole, Site) and whole.kind.startswith("resid_")
        for part in parts:
            below = is_stream and part != whole and depth_of(part) <= depth_of(whole)
            if below or (part.kind in inner.get(whole.kind, ()) and part.layer == whole.layer):
                yield whole, part


def _check_reaches(parts: tuple[Part, ...], view: View) -> None:
    """Raises BadMetric where the view writes to the stream after a part: what is there then is not what the parts gave."""
    first = min(parts, key=depth_of)
    for intervention in view.interventions:
        for site, _ in intervention.writes:
            if site_kind(site.kind).rule == _STREAM and depth_of(site) > depth_of(first):
                raise BadMetric(
                    f"{intervention.describe()} writes to the stream after {first}, so what {first} gave is not what the "
                    f"logits are made of. Name parts that come later, or change what heads and layers give instead of the "
                    f"stream."
                )


def _one_token(at: str) -> Position:
    found = parse_position(at)
    if found.span:
        raise BadMetric(f"at={at!r} is several tokens, and logits are read at one: {found.name}.")
    return found


def _toward(given: str | int, tokenizer: Tokenizer) -> Toward:
    if given == "answer-distractor":
        return Toward()
    if given == "answer":
        return Toward("answer")
    number = None if isinstance(given, str) else whole_of(given)
    if number is not None and number >= 0:
        return Toward("token", number, f"token {number}")
    if not isinstance(given, str) or given in _NO_TOKENS:
        raise BadMetric(f"toward={shown(given)}; expected {_TOWARD}.")
    encoded = tokenizer.encode(given)
    ids = [each for each, (start, end) in zip(encoded.ids, encoded.offsets, strict=True) if end > start]
    if len(ids) != 1:
        raise BadMetric(f"toward={given!r} is {_counted(ids, tokenizer)} here; expected {_TOWARD}.")
    return Toward("token", ids[0], repr(given))


def _counted(ids: Iterable[int], tokenizer: Tokenizer) -> str:
    pieces = [tokenizer.decode([each]) for each in ids]
    return f"{len(pieces)} tokens ({', '.join(map(repr, pieces))})"
