"""What came of a question, as data."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from circuitcheck.engine.protocol import FeatureReceipt, Receipt, on_most_prompts
from circuitcheck.grounds.rests import Rests
from circuitcheck.plan import DictionaryRef
from circuitcheck.quantities.questions.history import Looks, Tries
from circuitcheck.sampling import Decision, Tally
from circuitcheck.session import Measured

_FEW = 0.1  # of the prompts
_SHOWN = 4  # features, by name


@dataclass(frozen=True)
class ContraryPrompt:
    """A prompt on the side that the claim denies. `value` is on the threshold's scale; a ratio has no value on one
    prompt, so there it is `linearised`: the estimate plus (numerator - estimate x denominator) / mean denominator.
    `index` is None for a prompt that is not taken from a stream."""

    index: int | None
    template: str
    text: str
    value: float
    linearised: bool = False


@dataclass(frozen=True)
class ControlResult:
    """What an effect of size `own` was compared with: sets of `matched` that are `like` the claimed one, each of heads,
    sites or features (`noun`), on the same prompts, drawn with `seed` unless all were compared. `strongest` is the set with
    the largest effect."""

    like: str
    matched: int
    tally: Tally
    seed: int
    own: float
    strongest: str
    strongest_effect: float
    noun: str = "head"

    def describe(self) -> str:
        tally = self.tally
        if not tally.draws:
            return f"none of the {self.matched} {self.noun} sets like {self.like} was compared"
        more = tally.draws - tally.lesser - tally.ties - tally.undefined
        which = f"all {self.matched}" if tally.all_sets else f"{tally.draws} of {self.matched} (drawn with seed {self.seed})"
        return (
            f"{which} {self.noun} sets like {self.like} were compared: {tally.lesser} have less effect on these prompts "
            f"({tally.beaten} of them beyond chance), {more} more ({tally.ahead} beyond chance), {tally.ties} the same; the "
            f"claimed effect is {self.own:.4g}, the largest of the others {self.strongest_effect:.4g} ({self.strongest})"
        )


@dataclass(frozen=True)
class Outcome:
    """A decision, with what was compared and on which prompts. `threshold` is None for questions made of `parts`.
    `measured` is what it rests on, prompt by prompt; `flags` are warnings about how it was asked. `question` is a key of
    what was asked, without seed and threshold, `shape` says it without its units; `tries` and `looks` are what the result
    may have been picked from. `rests` holds all that the decision can be made from again."""

    expression: str
    relation: str
    threshold: float | None
    margin: float | None
    decision: Decision
    task: str
    stream: str
    seed: int
    templates: int
    groups: str
    scope: str
    measured: Measured = field(compare=False, repr=False)
    contrary: tuple[ContraryPrompt, ...]
    local_metrics: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    control: ControlResult | None = None
    parts: tuple["Outcome", ...] = ()
    question: str = ""
    shape: str = ""
    tries: Tries | None = None
    looks: Looks | None = None
    rests: Rests | None = field(default=None, compare=False, repr=False)

    @property
    def receipts(self) -> tuple[Receipt, ...]:
        """Proof that interventions acted, each once, on the most prompts."""
        return on_most_prompts((*self.measured.receipts, *(each for part in self.parts for each in part.receipts)))

    @property
    def dictionaries(self) -> tuple[DictionaryRef, ...]:
        """Those whose features were changed or looked at, each once."""
        own = (ref for cell in self.measured.cells for ref in cell.dictionaries)
        return tuple(dict.fromkeys((*own, *(ref for part in self.parts for ref in part.dictionaries))))

    @property
    def warnings(self) -> tuple[str, ...]:
        known = {cell.metric.name for cell in self.measured.cells if cell.metric.support != "real"}
        unknown = ", and nothing is known of how far they reach (cc.metric(..., support=(low, high)) says it)"
        local = tuple(
            f"the metric {name!r} is a function of this process: its values are neither stored nor sent elsewhere"
            + ("" if name in known else unknown)
            for name in self.local_metrics
        )
        idle = tuple(
            f"{receipt.intervention} changed nothing in any prompt at {', '.join(receipt.idle)}: is that meant to be there?"
            for receipt in self.receipts
            if receipt.idle and not receipt.allow_vacuous
        )
        silent = (text for receipt in self.receipts if not receipt.allow_vacuous for text in _seldom(receipt))
        picked = (each.describe() for each in (self.tries, self.looks) if each is not None)
        parts = (warning for part in self.parts for warning in part.warnings)
        unseen = self.decision.unseen
        fragile = (unseen.describe(),) if unseen is not None and unseen.fragile else ()
        return tuple(
            dict.fromkeys((*self.flags, *picked, *self.decision.warnings, *fragile, *local, *idle, *silent, *parts))
        )


def _seldom(receipt: Receipt) -> Iterable[str]:
    """Of changed features those that fire on none, and on few, of the prompts."""
    never = [each for each in receipt.features if not each.fires]
    seldom = [each for each in receipt.features if 0 < each.fires < _FEW * receipt.prompts]
    if never:
        yield (
            f"{_named(never)} {_fires(never)} on none of {receipt.prompts} prompts where {_it(never)} changed: "
            f"{_asked(never)} meant to be there?"
        )
    if seldom:
        most = max(each.fires for each in seldom)
        yield (
            f"{_named(seldom)} {_fires(seldom)} on {most} of {receipt.prompts} prompts at most, where {_it(seldom)} "
            f"changed: an effect over all of them is mostly that of prompts without. "
            f"task.where(task.metric(cc.fires(...), model) > 0.5) keeps the others."
        )


def _named(features: list[FeatureReceipt]) -> str:
    listed = ", ".join(each.feature for each in features[:_SHOWN])
    return listed if len(features) <= _SHOWN else f"{listed} and {len(features) - _SHOWN} more"


def _fires(features: list[FeatureReceipt]) -> str:
    return "fires" if len(features) == 1 else "fire"


def _it(features: list[FeatureReceipt]) -> str:
    return "it is" if len(features) == 1 else "they are"


def _asked(features: list[FeatureReceipt]) -> str:
    return "is it" if len(features) == 1 else "are they"
