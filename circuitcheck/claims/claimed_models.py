"""The models that a claim is made of: one, several, or whichever the command line names; and what is expected of each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from glob import escape
from typing import Literal

from circuitcheck.errors import BadSpec
from circuitcheck.models.several import each_once, expanded_specs
from circuitcheck.text import shown

Expect = Literal["supported", "refuted"]
Expectations = tuple[tuple[str, Expect], ...]  # (pattern of specs, what is expected of them), the first that fits counts
EXPECTED: tuple[Expect, ...] = ("supported", "refuted")


@dataclass(frozen=True)
class AnyModel:
    """Whichever models `--circuit-models` names, in a claim that says `model=cc.any_model`. Without that option the claim
    is skipped, or made of `specs`: `model=cc.any_model("organism")`."""

    specs: tuple[str, ...] = ()

    def __call__(self, *specs: str) -> "AnyModel":
        """With the models that are taken where the command line names none."""
        return AnyModel(specs)

    def __repr__(self) -> str:
        return f"cc.any_model({', '.join(map(repr, self.specs))})" if self.specs else "cc.any_model"


any_model = AnyModel()


@dataclass(frozen=True)
class ClaimedModels:
    """`specs` in the order in which they were named, which is that in which a change of verdict is looked for. `free`: the
    command line may name others."""

    specs: tuple[str, ...] = ()
    free: bool = False
    expect: Expectations = ()

    def expected_of(self, spec: str | None) -> Expect:
        """What no pattern fits is expected to be supported."""
        return next((expect for pattern, expect in self.expect if _fits(spec or "", pattern)), "supported")

    def chosen(self, specs: tuple[str, ...]) -> "ClaimedModels":
        """With those of the command line, where it may name them and does."""
        return ClaimedModels(specs, self.free, self.expect) if self.free and specs else self

    def replaced(self, instead: Mapping[str, str]) -> "ClaimedModels":
        """With other models in the place of some: of them the same is expected. Raises BadSpec where two become one."""
        new = [(spec, instead[spec]) for spec in self.specs if spec in instead]
        if not new:
            return self
        of_new: Expectations = tuple((escape(spec), self.expected_of(old)) for old, spec in new)
        return ClaimedModels(each_once([instead.get(spec, spec) for spec in self.specs]), self.free, (*of_new, *self.expect))


def claimed_models(claim_id: str, model: object, models: object, expect: object) -> ClaimedModels:
    """What the arguments of a claim mean. Raises ValueError for what means nothing."""
    given, free = _given(claim_id, model, models)
    for spec in given:
        if not (isinstance(spec, str) and spec.isprintable()):
            several = " Several go into models=[...]." if isinstance(spec, list | tuple) else ""
            raise ValueError(
                f"claim {claim_id!r}: {shown(spec)} is no model spec; expected text, such as 'organism' or a "
                f"folder.{several}"
            )
    try:
        specs = each_once([each for spec in given for each in expanded_specs(str(spec))])
    except BadSpec as error:
        raise BadSpec(f"claim {claim_id!r}: {error}") from error
    return ClaimedModels(specs, free, _expectations(claim_id, expect, specs, free))


def _given(claim_id: str, model: object, models: object) -> tuple[tuple[object, ...], bool]:
    if model is not None and models is not None:
        raise ValueError(f"claim {claim_id!r} has model= and models=: give one of them.")
    if isinstance(model, AnyModel) or isinstance(models, AnyModel):
        free = model if isinstance(model, AnyModel) else models
        assert isinstance(free, AnyModel)
        return free.specs, True
    if model is not None:
        return (model,), False
    if isinstance(models, str) and "{" in models:
        return (models,), False
    if isinstance(models, str):
        raise ValueError(
            f"claim {claim_id!r}: models={models!r} is one text, whose letters would be taken for models; expected several, "
            f"as in models=[{models!r}], or model={models!r}."
        )
    if models is not None and not isinstance(models, Iterable):
        raise ValueError(f"claim {claim_id!r}: models={models!r}; expected several specs, as in models=['organism'].")
    specs = () if models is None else tuple(models)
    if models is not None and not specs:
        raise ValueError(f"claim {claim_id!r}: models=[] names no model; expected some, as in models=['organism'].")
    return specs, False


def _expectations(claim_id: str, expect: object, specs: tuple[str, ...], free: bool) -> Expectations:
    """A pattern that fits no model would be a slip that nobody sees; only a claim of any model may keep some for later."""
    if not isinstance(expect, Mapping):
        return (("*", _word(claim_id, expect)),)
    found = tuple((str(pattern), _word(claim_id, word)) for pattern, word in expect.items())
    for pattern, _ in found:
        if not free and not any(_fits(spec, pattern) for spec in specs):
            raise ValueError(
                f"claim {claim_id!r}: expect has the pattern {pattern!r}, which fits none of its models "
                f"({', '.join(specs) or 'it names none'}); expected one such as '*@step1000'."
            )
    return found


def _fits(spec: str, pattern: str) -> bool:
    return spec == pattern or fnmatchcase(spec, pattern)


def _word(claim_id: str, given: object) -> Expect:
    for word in EXPECTED:
        if given == word:
            return word
    raise ValueError(
        f"claim {claim_id!r}: expect={given!r}; expected 'supported' or 'refuted', or one of them for each pattern of "
        f"models, as in {{'*@step1000': 'refuted'}}."
    )
