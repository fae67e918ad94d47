"""What a result was picked from: earlier tries of the same question, and looks at the prompts it is judged on."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from circuitcheck.digest import digest, function_in_words
from circuitcheck.plan import Cell, Custom, Metric
from circuitcheck.prompts import TaskDefinition
from circuitcheck.quantities.expressions.expression import Expression
from circuitcheck.session import Asked, Looked, Session, Settings
from circuitcheck.stats import part_of_try

ASKED = "asked:"
_SHOWN, _SHOWN_VIEWS = 5, 3
_UNITS = re.compile(r"\bL\d+(?:-\d+)?(?:H\d+(?:-\d+)?)?(?:\.\w+)?(?:\[[^\]]*\])?")
_FEATURES = re.compile(r"(?<=[\w.-])\[\d[\d, -]*\]")  # quotes-q[120, 257], of a dictionary
_LISTED = re.compile(r"…(?:, …)+")
_THRESHOLD = re.compile(r"([<>=!]=?) -?[\d.e+-]+(?: ± [\d.e+-]+)?(?=$|;)")


@dataclass(frozen=True)
class Tries:
    """This verdict came at try number `count`; `earlier` tries came to others. Picked from so many, it keeps its error
    only at `level`; its own evidence is `p`."""

    count: int
    level: float
    p: float
    earlier: tuple[Asked, ...]

    @property
    def holds(self) -> bool:
        return self.p <= self.level

    def describe(self) -> str:
        shown = "; ".join(f"seed {each.seed}, budget {each.budget}: {each.verdict}" for each in self.earlier[:_SHOWN])
        more = "" if len(self.earlier) <= _SHOWN else f"; and {len(self.earlier) - _SHOWN} more"
        return (
            f"this question was asked before and came out otherwise ({shown}{more}): this is try {self.count}. A verdict "
            f"that is picked from {self.count} tries must hold at a level of {self.level:.2g}: "
            f"{_held(self.p, self.level)}. Fix seed and budget beforehand"
        )


@dataclass(frozen=True)
class Looks:
    """`views` of this model were looked at, outside of claims, on prompts that this verdict is judged on, or `of` whose
    templates it is judged on. Picked from so many, it keeps its error only at `level`; its own evidence is `p`. `named` are
    some of these views in words."""

    views: int
    of: str
    level: float
    p: float
    named: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return self.p <= self.level

    def describe(self) -> str:
        many = "1 view was" if self.views == 1 else f"{self.views} views were"
        names = f" ({'; '.join(self.named)}{'; ...' if self.views > len(self.named) else ''})" if self.named else ""
        cost = f" If this is the best of them, it must hold at a level of {self.level:.2g}: {_held(self.p, self.level)}."
        judged = cost if self.views > 1 else ""
        return f"{many} looked at before on {self.of}{names}.{judged} Look on other prompts than you claim on"


def _held(p: float, level: float) -> str:
    found = f"p = {p:.2g}" if p > 0 else "p is too small to be told from 0"
    return f"it does ({found})" if p <= level else f"it does not ({found})"


def question_key(quantity: Expression, scope: str, *others: object) -> str:
    """What is asked, without its seed and threshold: the same in every process, for metrics that are functions by their
    code."""
    below = quantity.denominator
    parts = [
        [(k, _in_words(cell)) for k, cell in linear.terms] + [linear.constant]
        for linear in (quantity.numerator, *(() if below is None else (below,)))
    ]
    where = (quantity.prompts.task.digest, quantity.prompts.stream)
    return digest((where, parts, quantity.cut, quantity.q, scope, others))


def lasting(metric: Metric) -> str:
    """The digest of a metric, or for a function of this process its name and what it does as far as its code tells."""
    if not isinstance(metric, Custom):
        return metric.digest
    return digest((metric.name, str(metric.support), function_in_words(metric.function)))


def note_asked(session: Session, mine: Asked) -> tuple[Asked, ...]:
    """Keep this asking, and give the earlier ones, on other prompts or budgets, that do not go with it."""
    before = session.ledger.asked(mine.question)
    session.ledger.note(mine)
    earlier: dict[tuple[int, int], Asked] = {}
    for each in before:
        if (each.seed, each.budget) == (mine.seed, mine.budget):
            break  # what came later cannot have led to what was asked first
        if mine.is_against(each):
            earlier[each.seed, each.budget] = each
    return tuple(earlier.values())


def tries(earlier: tuple[Asked, ...], alpha: float, p: Callable[[], float]) -> Tries | None:
    """The k-th try may take 6 alpha / (pi k)^2, so that all tries there will ever be take alpha."""
    if not earlier:
        return None
    count = len(earlier) + 1
    return Tries(count, alpha * part_of_try(count), p(), earlier)


def note_looked(session: Session, quantity: Expression, mark: str = "") -> None:
    """`mark` is `ASKED` for what was compared outside of a claim."""
    for cell in _looked_at(quantity):
        key = mark + digest(_in_words(cell))
        words = f"{cell.metric.name} of {cell.view.describe() if cell.view.interventions else 'the model'}"
        where = (cell.view.model.fingerprint, quantity.prompts.stream, _templates(quantity))
        session.ledger.note(Looked(key, *where, words))


def _looked_at(quantity: Expression) -> tuple[Cell, ...]:
    """The views that a look may be about: those with interventions, else the first. What they are divided by or compared
    with is no candidate of its own."""
    changed = tuple(cell for cell in quantity.cells if cell.view.interventions)
    return changed or quantity.cells[:1]


def looks(
    session: Session, quantity: Expression, settings: Settings, p: Callable[[], float], *, in_claim: bool
) -> Looks | None:
    """Looks at the very prompts of a claim; for new templates, also at other prompts of its templates. Comparisons outside
    of claims are looks for a claim, and not for each other."""
    where, found = quantity.prompts, dict[str, str]()
    streams = {where.stream, "discovery"} if settings.scope == "new_templates" else {where.stream}
    for model in quantity.models:
        for stream in streams - ({"discovery"} if where.stream == "discovery" else set()):
            found |= session.ledger.looked(model.fingerprint, stream, _templates(quantity))
    found = {each.removeprefix(ASKED): words for each, words in found.items() if in_claim or not each.startswith(ASKED)}
    least = 1 if where.stream == "test" and settings.scope != "new_templates" else 2
    if len(found) < least:
        return None
    of = f"the {where.stream} stream of {where.task.name}"
    if settings.scope == "new_templates":
        of = f"prompts of these templates of {where.task.name}"
    named = tuple(words for words in found.values() if words)[:_SHOWN_VIEWS]
    return Looks(len(found), of, (1 - settings.confidence) / len(found), p(), named)


def _templates(quantity: Expression) -> tuple[str, ...]:
    task = quantity.prompts.task
    if isinstance(task, TaskDefinition):
        return tuple(digest((template.id, template.text))[:16] for template in task.templates)
    return (task.digest[:16],)


def _in_words(cell: Cell) -> tuple[str, ...]:
    """A cell without the seed of its reference prompts, which no description names."""
    return (cell.view.model.fingerprint, cell.view.describe(), lasting(cell.metric))


def shape_of(expression: str) -> str:
    """A question in words without its units, features and thresholds: what many questions of one search have in common."""
    wiped = _FEATURES.sub("[…]", _LISTED.sub("…", _UNITS.sub("…", expression)))
    return _THRESHOLD.sub(r"\1 …", wiped)
