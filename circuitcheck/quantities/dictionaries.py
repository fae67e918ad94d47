"""Dictionaries of features, and sets of their features, as a user holds them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Literal

from circuitcheck.arguments import known_arguments
from circuitcheck.engine.protocol import DictionaryCard
from circuitcheck.errors import BadDictionary, BadIntervention, after_reload
from circuitcheck.given import checked_whole, whole_of
from circuitcheck.places import ANY_MODEL, Site, parse_sites
from circuitcheck.plan import DictionaryRef, Features, MadeFor
from circuitcheck.quantities.questions.drawn import RandomFeatures, random_features_of
from circuitcheck.session import current_session
from circuitcheck.text import no_attribute, repeated, shown

Processing = Literal["none", "folded"]
_OF_SAE_LENS = dict.fromkeys(
    ("encode", "decode", "W_dec", "W_enc", "b_dec", "b_enc", "cfg", "decoder", "encoder"),
    "dictionary.inner is sae_lens's own object, with .encode, .decode, .W_dec and .cfg.",
)


@dataclass(frozen=True, repr=False)
class Dictionary:
    """A sparse autoencoder or transcoder, attached to a site. `dictionary[1669, 3489]` are two of its features."""

    card: DictionaryCard

    @property
    def ref(self) -> DictionaryRef:
        return self.card.ref

    @property
    def width(self) -> int:
        """How many features it has."""
        return self.ref.width

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """What it is: weights, config, the sites that it reads and writes, the version of sae_lens."""
        return self.card.fingerprint

    @property
    def inner(self) -> Any:
        """sae_lens's own object: to look at."""
        return current_session().engine.dictionary(self.ref)

    @property
    def features(self) -> "FeatureSet":
        """All of them."""
        return FeatureSet(self.card, Features(self.ref, tuple(range(self.width))))

    if not TYPE_CHECKING:  # type checkers know what is there

        def __getattr__(self, name):
            raise no_attribute(self, name, _OF_SAE_LENS)

    @property
    def no_unit(self) -> str:
        """What to say where units or sites are meant."""
        return (
            f"{self!r} is no unit and no site: name some of its features, dictionary[1669, 3489], or say {self.ref.reads}."
        )

    @known_arguments
    def with_random_decoder(self, seed: int = 0) -> "Dictionary":
        """The same encoder with a random decoder, whose rows have the same norms: its features fire where they did, and
        write nothing in particular. A claim about features that holds of it too is one about the site (arXiv:2602.14111).

        Raises BadDictionary for a seed that is no whole number."""
        number = checked_whole("seed", seed, BadDictionary, None)
        return Dictionary(replace(self.card, ref=replace(self.ref, decoder_seed=number)))

    def __getitem__(self, numbers: "int | slice | Iterable[int]") -> "FeatureSet":
        return FeatureSet(self.card, Features(self.ref, self._numbers(numbers)))

    def _numbers(self, given: Any) -> tuple[int, ...]:
        """Sorted. Raises BadIntervention for what is no feature, none, or one that is named twice."""
        if isinstance(given, slice):
            given = range(self.width)[given]
        listed = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else [given]
        numbers = sorted(self._number(each) for each in listed)
        if not numbers:
            raise BadIntervention(f"no feature of {self.ref} is named: an intervention on nothing changes nothing.")
        twice = repeated(numbers)
        if twice:
            raise BadIntervention(f"feature {twice[0]} of {self.ref} is named more than once: name each feature once.")
        return tuple(numbers)

    def _number(self, given: object) -> int:
        number = whole_of(given)
        if number is None or number not in range(self.width):
            raise BadIntervention(
                f"{self.ref} has no feature {shown(given)}: it has {self.width} features, 0 to {self.width - 1}."
            )
        return number

    def __len__(self) -> int:
        return self.width

    def __iter__(self) -> Iterator[Any]:
        raise TypeError(f"{self.ref} has {self.width} features: iterate over numbers, and name dictionary[number].")

    def __repr__(self) -> str:
        ref = self.ref
        where = f"at {ref.reads}" if not ref.is_transcoder else f"from {ref.reads} to {ref.writes}"
        return f"<dictionary {ref}: {self.width} features ({self.card.architecture}) {where}>"


@dataclass(frozen=True, repr=False)
class FeatureSet:
    """Features of one dictionary. `a | b`, `a & b` and `a - b` are what they say; `~a` is every other feature."""

    card: DictionaryCard
    plan: Features

    @property
    def numbers(self) -> tuple[int, ...]:
        return self.plan.numbers

    @property
    def dictionary(self) -> Dictionary:
        return Dictionary(self.card)

    @property
    def no_unit(self) -> str:
        """What to say where units or sites are meant."""
        return (
            f"{self.plan} are features of a dictionary, where heads, layers or sites are meant. model.remove, clamp, scale, "
            f"ablate(features, kind=...), patch and add take a set of features by itself."
        )

    def __contains__(self, number: object) -> bool:
        return number in self.numbers

    def __or__(self, other: "FeatureSet") -> "FeatureSet":
        return self._with(other, frozenset.union, "|")

    def __and__(self, other: "FeatureSet") -> "FeatureSet":
        return self._with(other, frozenset.intersection, "&")

    def __sub__(self, other: "FeatureSet") -> "FeatureSet":
        return self._with(other, frozenset.difference, "-")

    def __invert__(self) -> "FeatureSet":
        return self._of(frozenset(range(self.card.ref.width)) - frozenset(self.numbers), f"~{self.plan}")

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> "Iterator[FeatureSet]":
        return (FeatureSet(self.card, Features(self.card.ref, (number,))) for number in self.numbers)

    def _with(self, other: "FeatureSet", operation: Any, sign: str) -> "FeatureSet":
        if not isinstance(other, FeatureSet):
            return NotImplemented
        if other.plan.dictionary != self.plan.dictionary:
            raise BadIntervention(
                f"{self.plan} {sign} {other.plan}: these are features of two dictionaries. Write one intervention for each."
            )
        return self._of(operation(frozenset(self.numbers), frozenset(other.numbers)), f"{self.plan} {sign} {other.plan}")

    def _of(self, numbers: "frozenset[int]", words: str) -> "FeatureSet":
        if not numbers:
            raise BadIntervention(f"no feature is in {words}: an intervention on nothing changes nothing.")
        return FeatureSet(self.card, Features(self.card.ref, tuple(sorted(numbers))))

    def __repr__(self) -> str:
        return str(self.plan)


@known_arguments
def sae(
    spec: object,
    *,
    at: str | Site | None = None,
    model: object = None,
    processing: Processing | None = None,
    prepend_bos: bool | None = None,
) -> Dictionary:
    """A sparse autoencoder, read through sae_lens: the folder that `save_model` wrote, `hub:RELEASE/ID`, a dictionary that
    comes with a bundled model (`organism/NAME`), or an SAE object. `at` is the site whose value it encodes: `L5.resid_post`,
    one head's slice `L1H11.q`, all heads' z side by side `L5.z`; None is what its config says.

    What its config says that it was made for is checked against the model where it is used. `model` (a spec or a loaded
    model), `processing` ("none", "folded") and `prepend_bos` say it where the config is silent or wrong, or where a model
    was made from its model on purpose.

    Raises BadDictionary, CorruptCheckpoint; ModelUnavailable, whose claims are skipped, where it cannot be had here.
    """
    return _attached(spec, _site(at, "at"), None, _made_for(model, processing, prepend_bos), transcoder=False)


@known_arguments
def transcoder(
    spec: object,
    *,
    reads: str | Site | None = None,
    writes: str | Site | None = None,
    model: object = None,
    processing: Processing | None = None,
    prepend_bos: bool | None = None,
) -> Dictionary:
    """A transcoder, or skip transcoder, which reads one site and writes another: `reads="L0.mlp_in", writes="L0.mlp_out"`;
    None is what its config says. All else is as in `cc.sae`."""
    purpose = _made_for(model, processing, prepend_bos)
    return _attached(spec, _site(reads, "reads"), _site(writes, "writes"), purpose, transcoder=True)


@known_arguments
def random_features(*, like: FeatureSet, firing: str = "END", draws: int = 512, seed: int | None = None) -> RandomFeatures:
    """A control for `effect.beats(...)`: other features of the same dictionary that fire about as often at the position
    `firing`, and write about as much where they do, one for each of `like`. How often is looked up on the discovery stream.

    Raises BadIntervention for what are no features, or fewer than 2 draws; when it is asked, for features without peers.
    """
    return random_features_of(as_features(like, "random_features(like=)").plan, firing, draws, seed)


def attach_any(
    spec: str,
    *,
    at: Any = None,
    reads: Any = None,
    writes: Any = None,
    model: object = None,
    processing: object = None,
    prepend_bos: object = None,
) -> Dictionary:
    """An SAE or a transcoder, whichever it is. Raises what `sae` does."""
    purpose = _made_for(model, processing, prepend_bos)
    where = _site(reads, "reads") if at is None else _site(at, "at")
    return _attached(spec, where, _site(writes, "writes"), purpose, transcoder=None)


def _attached(
    spec: object, reads: Site | None, writes: Site | None, purpose: MadeFor, *, transcoder: bool | None
) -> Dictionary:
    if isinstance(spec, Dictionary):
        raise BadDictionary(f"{spec!r} is attached already: use it as it is.")
    given = fspath(spec) if isinstance(spec, PathLike) else spec
    session = current_session()
    return Dictionary(session.attach(given, reads=reads, writes=writes, made_for=purpose, transcoder=transcoder))


def _site(given: str | Site | None, what: str) -> Site | None:
    """One site. Raises UnknownSite, BadDictionary for several."""
    if given is None:
        return None
    found = parse_sites(given, ANY_MODEL)
    if len(found) != 1:
        raise BadDictionary(f"{what}={shown(given)} names {len(found)} sites; a dictionary is attached to one.")
    return found[0]


def _made_for(model: object, processing: object, prepend_bos: object) -> MadeFor:
    name = getattr(getattr(model, "card", None), "ref", model)
    if name is not None and not isinstance(name, str):
        name = getattr(name, "spec", None)
        if not isinstance(name, str):
            raise BadDictionary(f"model={shown(model)}; expected the name of the model it was made for, or a loaded model.")
    if processing not in (None, "none", "folded"):
        raise BadDictionary(f"processing={shown(processing)}; expected 'none' (weights as they are) or 'folded'.")
    if prepend_bos not in (None, True, False):
        raise BadDictionary(f"prepend_bos={shown(prepend_bos)}; expected True or False.")
    return MadeFor(name, processing, prepend_bos)


def as_features(given: object, what: str) -> FeatureSet:
    """Raises BadIntervention for what is no set of features, asked for by `what`."""
    if isinstance(given, FeatureSet):
        return given
    hint = " Name some of them: dictionary[1669, 3489]." if isinstance(given, Dictionary) else ""
    raise BadIntervention(
        f"{what} got {shown(given)}; expected features of a dictionary, such as cc.sae(folder)[1669, 3489].{hint}"
        f"{after_reload(given)}"
    )
