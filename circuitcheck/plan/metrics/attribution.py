"""Metrics of what parts of a run write to the logits along the direct path, and of what a stream would answer."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from circuitcheck.places.positions import At, Position
from circuitcheck.places.site_kinds import site_kind
from circuitcheck.places.sites import Site
from circuitcheck.plan.dictionaries import DictionaryRef, Features
from circuitcheck.plan.metrics.protocol import MetricBase, Support

TermKind = Literal["pos_embed", "b_O", "b_out", "b_U"]


@dataclass(frozen=True, order=True)
class Term:
    """What is added to the stream, or to the logits, and is no site: the position embedding; the bias `b_O` of a layer's
    attention, which no head holds, and `b_out` of its MLP, which no neuron holds; and `b_U`, the biases of the final norm
    and of the unembedding."""

    kind: TermKind
    layer: int = 0

    def __str__(self) -> str:
        return f"L{self.layer}.{self.kind}" if self.kind in ("b_O", "b_out") else self.kind


@dataclass(frozen=True)
class Toward:
    """The logits in question: those of the answer less those of the distractor (`"pair"`), of the answer alone, or of one
    `token` of the vocabulary."""

    what: Literal["pair", "answer", "token"] = "pair"
    token: int = 0
    words: str = ""

    def __str__(self) -> str:
        return {"pair": "", "answer": " toward answer", "token": f" toward {self.words}"}[self.what]


Part = Site | Term | Features

DEPTHS = {"embed": -2.0, "pos_embed": -1.0, "attention": 0.25, "resid_mid": 0.5, "mlp": 0.75}  # in layers, from its block's


def joins_at(part: Part) -> Site | Term:
    """Where it joins the stream: features where their dictionary writes."""
    return part.dictionary.writes if isinstance(part, Features) else part


def depth_of(part: Part) -> float:
    """How late it joins the stream, in layers; a stream holds what is less deep. What joins after it is infinitely deep."""
    part = joins_at(part)
    if part.kind == "b_U":
        return float("inf")
    if part.kind in ("embed", "pos_embed"):
        return DEPTHS[part.kind]
    if part.kind in ("resid_pre", "resid_post"):
        return part.layer + (part.kind == "resid_post")
    if part.kind == "resid_mid":
        return part.layer + DEPTHS["resid_mid"]
    in_mlp = part.kind == "b_out" or (isinstance(part, Site) and site_kind(part.kind).lies == "in the MLP")
    return part.layer + DEPTHS["mlp" if in_mlp else "attention"]


class _ReadOffTheStream(MetricBase):
    at: Position
    toward: Toward
    layers: int
    support: ClassVar[Support] = "real"

    @property
    def tokens(self) -> Literal["pair", "none"]:
        return "pair" if self.toward.what == "pair" else "none"

    @property
    def looks_at(self) -> At:  # type: ignore[override]
        return (self.at,)

    @property
    def final(self) -> Site:
        """The stream that the final norm reads."""
        return Site("resid_post", self.layers - 1)


@dataclass(frozen=True)
class Lens(_ReadOffTheStream):
    """What the stream at a site would answer at one token, were it the last: read by the final norm, whose scale is that of
    this stream, and the unembedding. Of the last layer's `resid_post` it is the model's own answer. `layers` are the
    model's."""

    site: Site
    at: Position
    toward: Toward
    layers: int

    @property
    def name(self) -> str:
        return f"lens of {self.site} at {self.at}{self.toward}"

    @property
    def sites(self) -> tuple[Site, ...]:  # type: ignore[override]
        return tuple(dict.fromkeys((self.site, self.final)))


@dataclass(frozen=True)
class Attribution(_ReadOffTheStream):
    """What `parts`, together, write to the logits at one token along the direct path: through the final norm with the scale
    that it has in this very run, and the unembedding, before any softcap. All parts of a model add up to the logits.
    `layers` are the model's, `attn_only` says that it has no MLPs. With `key`, of heads only what they bring from the tokens
    there: what they attend to it, times its values."""

    parts: tuple[Part, ...]
    at: Position
    toward: Toward
    layers: int
    attn_only: bool = False
    words: str = ""
    key: tuple[Position, ...] | None = field(default=None, metadata={"digest": "if set"})

    @property
    def name(self) -> str:
        source = "" if self.key is None else f" from {', '.join(map(str, self.key))}"
        return f"attribution of {self.words or ', '.join(map(str, self.parts))}{source} at {self.at}{self.toward}"

    @property
    def looks_at(self) -> At:  # type: ignore[override]
        return (self.at, *(self.key or ()))

    @property
    def dictionaries(self) -> tuple[DictionaryRef, ...]:  # type: ignore[override]
        return tuple(part.dictionary for part in self.parts if isinstance(part, Features))

    @property
    def start(self) -> Site | None:
        """The stream from which on all must only be added: the one that the first of the parts is in or joins. None where
        none is in any."""
        first = joins_at(min(self.parts, key=depth_of))
        if first.kind == "b_U":
            return None
        if first.kind in ("embed", "resid_mid", "resid_post"):
            return Site(first.kind, first.layer)
        return Site("embed", 0) if first.kind == "pos_embed" else Site("resid_pre", first.layer)

    @property
    def added(self) -> tuple[Site, ...]:
        """What is added to `start` until the last stream."""
        return () if self.start is None else tuple(self._added(depth_of(self.start)))

    def _added(self, depth: float) -> Iterator[Site]:
        for layer in range(self.layers):
            for kind in ("attn_out",) if self.attn_only else ("attn_out", "mlp_out"):
                if depth_of(Site(kind, layer)) > depth:
                    yield Site(kind, layer)

    @property
    def sites(self) -> tuple[Site, ...]:  # type: ignore[override]
        start = [] if self.start is None else [self.start]
        needed = [site for part in self.parts for site in _read_for(part, self.key)]
        return tuple(dict.fromkeys((self.final, *start, *_entering(start), *self.added, *needed)))


def _read_for(part: Part, key: tuple[Position, ...] | None) -> tuple[Site, ...]:
    """The sites whose values make it up."""
    if isinstance(part, Features):
        return (part.dictionary.reads, part.dictionary.writes)
    if isinstance(part, Site):
        return (part,) if key is None else (part, Site("pattern", part.layer), Site("v", part.layer))
    of = {"b_O": Site("z", part.layer), "b_out": Site("neurons", part.layer)}
    return (of[part.kind],) if part.kind in of else ()


def _entering(start: Iterable[Site]) -> tuple[Site, ...]:
    """What enters the first block, which tells what positions add to the embedding."""
    return (Site("resid_pre", 0),) if any(site.kind == "embed" for site in start) else ()
