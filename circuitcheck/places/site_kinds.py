"""The kinds of site: the one place where each is described. Claims, the engine, the doctor and the table in
docs/interventions.md are all made from it; a new kind at a hook point of its own is one more record. `register_site_kind`
adds one of a user's."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from circuitcheck.digest import digest
from circuitcheck.errors import BadExtension, UnknownSite
from circuitcheck.text import shown

KindName = str
Index = Literal["head", "key/value head", "neuron"]
Written = Literal["at its point", "through what attention adds", "through the output projection"]
Lies = Literal["in the stream", "in attention", "in the MLP"]
Rule = Literal["is all that later layers know", "is added to the stream", "is read"]
Trait = Literal[
    "its head is the one of the weights",
    "its neuron is the one of the weights",
    "the MLP's output is linear in it",
    "it reaches its own heads alone",
    "it acts at its own tokens",
    "it knows no positions",
]


@dataclass(frozen=True)
class SiteKind:
    """One kind of site.

    `words` is how a claim names one, `meaning` its causal definition. `axes` are those of one prompt and one `index` (what
    `H3` or `[12]` counts; None where the kind has no parts). A position is that of the first axis.

    `points` are the library's hook points where it is read, the first that a model has: those of the 3.9 bridge, then those
    that only a HookedTransformer has. `written` says how a write gets there, `order` which of several that meet at one
    point comes first.

    `rule` is what the doctor demands of a patch: "is read" means that once it is patched, with the kinds `together`, the
    kind `seen_in` is that of the other run. `traits` are what tells it from its neighbours. `instead` is what to use where a
    model has no such place, or computes it out of reach; `ablations_refused` are kinds of ablation with what is wrong with
    them there.
    """

    name: KindName
    words: str
    meaning: str
    axes: tuple[str, ...]
    lies: Lies
    points: tuple[str, ...]
    rule: Rule
    index: Index | None = None
    written: Written = "at its point"
    order: int = 0
    together: tuple[KindName, ...] = ()
    seen_in: KindName = ""
    traits: tuple[Trait, ...] = ()
    instead: str = ""
    first_layer_only: bool = False
    not_in_parallel_blocks: str = ""
    reads_the_stream: bool = False
    compared_by_softmax: bool = False
    ablations_refused: tuple[tuple[str, str], ...] = ()

    @property
    def shape(self) -> str:
        """Of one of its parts in one prompt."""
        return f"[{', '.join(self.axes)}]"

    @property
    def of_queries(self) -> bool:
        """Does its position mean the token that attends?"""
        return self.axes[0] == "query"

    @property
    def d_model_wide(self) -> bool:
        """Is it a whole vector of the residual stream, to which directions can be added?"""
        return self.axes == _STREAM and self.index is None


_STREAM = ("pos", "d_model")
_HEAD = ("pos", "d_head")
_NO_MEAN = "prompts look at their own tokens, and have no attention in common. Use kind='resample' or 'counterfactual'"
_USE_Z = "Use z or attn_out."

_ALL = (
    SiteKind(
        "embed",
        "embed",
        "what the token embedding contributes, after any scale, before positions",
        _STREAM,
        "in the stream",
        ("hook_embed",),
        "is all that later layers know",
        traits=("it knows no positions",),
        instead="Use L0.resid_pre.",
        first_layer_only=True,
    ),
    SiteKind(
        "resid_pre",
        "L5.resid_pre",
        "the residual stream that enters a block",
        _STREAM,
        "in the stream",
        ("blocks.{layer}.hook_resid_pre",),
        "is all that later layers know",
    ),
    SiteKind(
        "resid_mid",
        "L5.resid_mid",
        "the residual stream between attention and MLP, which the MLP reads",
        _STREAM,
        "in the stream",
        ("blocks.{layer}.hook_resid_mid",),
        "is all that later layers know",
        written="through what attention adds",
        order=3,
        instead="Use resid_pre or resid_post.",
        not_in_parallel_blocks="attention and MLP of this model's blocks run side by side, on the same residual stream",
    ),
    SiteKind(
        "resid_post",
        "L5.resid_post",
        "the residual stream that leaves a block",
        _STREAM,
        "in the stream",
        ("blocks.{layer}.hook_resid_post",),
        "is all that later layers know",
    ),
    SiteKind(
        "attn_out",
        "L5.attn_out (L5.attn)",
        "what the attention layer adds to the residual stream, after a post-norm where there is one",
        _STREAM,
        "in attention",
        ("blocks.{layer}.hook_attn_out",),
        "is added to the stream",
        order=2,
    ),
    SiteKind(
        "mlp_out",
        "L5.mlp_out (L5.mlp)",
        "what the MLP adds to the residual stream, after a post-norm where there is one",
        _STREAM,
        "in the MLP",
        ("blocks.{layer}.hook_mlp_out",),
        "is added to the stream",
    ),
    SiteKind(
        "mlp_in",
        "L5.mlp_in",
        "the residual stream as that MLP alone reads it, before its norm",
        _STREAM,
        "in the MLP",
        ("blocks.{layer}.ln2.hook_in",),
        "is added to the stream",
        instead="Use resid_mid, or mlp_out.",
        reads_the_stream=True,
    ),
    SiteKind(
        "z",
        "L5H3.z (L5H3)",
        "a head's mix of values, before the output projection",
        _HEAD,
        "in attention",
        ("blocks.{layer}.attn.hook_z",),
        "is read",
        index="head",
        seen_in="attn_out",
        traits=("its head is the one of the weights",),
    ),
    SiteKind(
        "result",
        "L5H3.result",
        "what the output projection makes of a head's z, without the bias",
        _STREAM,
        "in attention",
        ("blocks.{layer}.attn.hook_z",),
        "is read",
        index="head",
        written="through the output projection",
        order=1,
        seen_in="attn_out",
        instead="Use z.",
    ),
    SiteKind(
        "q",
        "L5H3.q",
        "a head's query as projected, before norm and rotation",
        _HEAD,
        "in attention",
        ("blocks.{layer}.attn.hook_q",),
        "is read",
        index="head",
        together=("k",),
        seen_in="pattern",
        traits=("it reaches its own heads alone", "it acts at its own tokens", "it knows no positions"),
        instead=_USE_Z,
        reads_the_stream=True,
    ),
    SiteKind(
        "k",
        "L5H1.k",
        "a key/value head's key as projected, before norm and rotation",
        _HEAD,
        "in attention",
        ("blocks.{layer}.attn.hook_k",),
        "is read",
        index="key/value head",
        together=("q",),
        seen_in="pattern",
        traits=("it reaches its own heads alone", "it acts at its own tokens", "it knows no positions"),
        instead=_USE_Z,
        reads_the_stream=True,
    ),
    SiteKind(
        "v",
        "L5H1.v",
        "a key/value head's value as projected",
        _HEAD,
        "in attention",
        ("blocks.{layer}.attn.hook_v",),
        "is read",
        index="key/value head",
        together=("pattern",),
        seen_in="z",
        traits=("it reaches its own heads alone",),
        instead=_USE_Z,
        reads_the_stream=True,
    ),
    SiteKind(
        "scores",
        "L5H3.scores",
        "a head's attention before the softmax; its position is the query's",
        ("query", "key"),
        "in attention",
        ("blocks.{layer}.attn.hook_attn_scores",),
        "is read",
        index="head",
        seen_in="pattern",
        instead=_USE_Z,
        compared_by_softmax=True,
        ablations_refused=(
            (
                "zero",
                "a score of zero is attention like any other's, also to tokens that come later. Use knock_out_attention",
            ),
            ("mean", _NO_MEAN),
        ),
    ),
    SiteKind(
        "pattern",
        "L5H3.pattern",
        "a head's attention after the softmax; its position is the query's",
        ("query", "key"),
        "in attention",
        ("blocks.{layer}.attn.hook_pattern",),
        "is read",
        index="head",
        together=("v",),
        seen_in="z",
        instead=_USE_Z,
        ablations_refused=(("mean", _NO_MEAN),),
    ),
    SiteKind(
        "neurons",
        "L5.mlp[12], L5.mlp[12-20]",
        "a neuron's activation, as the output projection reads it",
        ("pos",),
        "in the MLP",
        ("blocks.{layer}.mlp.out.hook_in", "blocks.{layer}.mlp.hook_post"),
        "is read",
        index="neuron",
        seen_in="mlp_out",
        traits=("the MLP's output is linear in it", "its neuron is the one of the weights"),
        instead="Use mlp_out.",
    ),
)
SITE_KINDS = {kind.name: kind for kind in _ALL}  # in the order of the table, those of users last
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_UNITS = ("attn", "mlp")  # `L5.attn` is a unit
_FIRST_AXES = (("pos",), ("query",))
_WORDS: dict[str, tuple[object, ...]] = {
    "rule": get_args(Rule),
    "lies": get_args(Lies),
    "written": get_args(Written),
    "index": (None, *get_args(Index)),
}


def register_site_kind(kind: SiteKind) -> None:
    """One more kind of site: claims name it (`L5.NAME`), interventions write it, metrics read it, and the doctor examines it
    on every model by the `rule` and `traits` of its record before the first claim that works with it.

    The same record again changes nothing. Raises BadExtension for a name that is taken, or a record that does not fit
    together.
    """
    if not isinstance(kind, SiteKind):
        raise BadExtension(f"{shown(kind)} is no kind of site; expected a SiteKind(...).")
    if SITE_KINDS.get(kind.name) == kind:
        return
    wrong = _wrong_with(kind)
    if wrong:
        raise BadExtension(f"the kind of site {kind.name!r} cannot be registered: {wrong}")
    SITE_KINDS[kind.name] = kind


def own_kinds_digest() -> str:
    """Of the kinds that users registered: what a doctor found without them says nothing of them. Empty without any."""
    own = tuple(kind for kind in SITE_KINDS.values() if kind not in _ALL)
    return digest(own) if own else ""


def _wrong_with(kind: SiteKind) -> str:
    """In words; empty where nothing is."""
    of_layers = kind.first_layer_only or all("{layer}" in point for point in kind.points)
    strangers = sorted({*kind.together, *([kind.seen_in] if kind.seen_in else [])} - set(SITE_KINDS))
    conditions = {
        "a name is of small letters, digits and _, and no unit's (attn, mlp).": _NAME.fullmatch(kind.name)
        and kind.name not in _UNITS,
        "there is another of that name. Give it a name of its own.": kind.name not in SITE_KINDS,
        "the first of its axes is 'pos', or 'query' where it is of queries and keys.": kind.axes[:1] in _FIRST_AXES,
        "points are the library's hook points, with {layer} for the number of the layer.": kind.points and of_layers,
        f"there is no kind {', '.join(strangers)}.": not strangers,
        "the rule 'is read' needs seen_in, the kind that shows what became of it.": kind.rule != "is read" or kind.seen_in,
        **dict(_words_of(kind)),
    }
    return next((words for words, holds in conditions.items() if not holds), "")


def _words_of(kind: SiteKind) -> Iterator[tuple[str, bool]]:
    """For each field that is one of a few words: what these are, and whether it is."""
    for field, known in _WORDS.items():
        yield f"{field}={getattr(kind, field)!r}; expected {' or '.join(map(repr, known))}.", getattr(kind, field) in known
    traits = get_args(Trait)
    yield f"traits={kind.traits!r}; expected some of {', '.join(map(repr, traits))}.", set(kind.traits) <= set(traits)


def site_kind(name: KindName) -> SiteKind:
    """Raises UnknownSite for a name that no kind has."""
    if name not in SITE_KINDS:
        raise UnknownSite(f"{name!r} is no kind of site; kinds are {', '.join(SITE_KINDS)}.")
    return SITE_KINDS[name]
