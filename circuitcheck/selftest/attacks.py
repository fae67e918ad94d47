"""Cases that verdicts have failed on. The truth of most lies on the threshold, so that any verdict is wrong."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from circuitcheck.sampling import (
    Below,
    Clusters,
    Decision,
    Design,
    Estimand,
    Outside,
    Ranking,
    RealMean,
    Region,
    Within,
    decide,
    mean_of,
)
from circuitcheck.selftest.rates import Measured, Outcome, Rates

Floats = NDArray[np.float64]
_N = 512


@dataclass(frozen=True)
class Attack:
    """`ask` puts one claim on fresh data, of which it is `truth`. `cost`: how many claims of the usual kind one takes, so
    that fewer are asked. Where `known` says something, more error than nominal is expected, and users are warned of it."""

    name: str
    ask: Callable[[np.random.Generator], Outcome]
    known: str = ""
    cost: int = 1
    truth: Literal["on the threshold", "true", "false"] = "on the threshold"


def measure_attack(attack: Attack, claims: int, seed: int) -> Measured:
    rng = np.random.default_rng([seed, *attack.name.encode()])
    found = Rates.of(attack.ask(rng) for _ in range(max(claims // attack.cost, 1)))
    borderline, true, false = (found if attack.truth == truth else None for truth in ("on the threshold", "true", "false"))
    return Measured(attack.name, borderline, true, false, attack.known)


def _asked(
    values: Floats, region: Region, build: Callable[[Floats], Estimand] = RealMean, design: Design | None = None
) -> Outcome:
    """A claim about the mean of values [prompt]."""

    def draw(rows: range) -> Floats:
        return values[np.newaxis, rows.start : rows.stop]

    return _outcome(decide(draw, lambda columns: build(columns[0]), region, design or Design()))


def _outcome(found: Decision) -> Outcome:
    return Outcome(found.verdict, found.n, warned=found.warned)


def finite_task(half: int) -> Attack:
    """All prompts of a test stream, which holds half of what the claim is about."""

    def ask(rng: np.random.Generator) -> Outcome:
        whole = rng.normal(size=2 * half)
        return _asked(whole[:half], Below(float(whole.mean())), design=Design(population=half))

    return Attack(f"a finite task of {2 * half} prompts, {half} of them in the test stream", ask)


def ties(share: float, size: float) -> Attack:
    """Equal to 0 give or take a margin which the mean reaches, through rare values that are not 0."""

    def ask(rng: np.random.Generator) -> Outcome:
        values = np.where(rng.random(_N) < share, 0.0, size * rng.exponential(size=_N))
        return _asked(values, Within(0.0, (1 - share) * size))

    return Attack(f"== on values of which {share:.0%} are 0", ask)


def rare(share: float, distance: float) -> Attack:
    def ask(rng: np.random.Generator) -> Outcome:
        return _asked(rng.normal(size=_N) + distance * (rng.random(_N) < share), Below(share * distance))

    return Attack(f"normal, but {share:.0%} lie {distance:g} sd away", ask, "rare prompts that no sample shows")


def templates(count: int, *, unequal: bool, skewed: bool) -> Attack:
    """Templates are the sample: their effects have an intraclass correlation of 0.3."""

    def ask(rng: np.random.Generator) -> Outcome:
        weights = np.array([8.0, 4.0, 2.0, *([1.0] * (count - 3))]) if unequal else np.ones(count)
        labels = rng.choice(count, _N, p=weights / weights.sum()) if unequal else np.arange(_N) % count
        effects = rng.exponential(size=count) - 1 if skewed else rng.normal(size=count)
        values = math.sqrt(0.3) * effects[labels] + math.sqrt(0.7) * rng.normal(size=_N)
        names = [f"template {label}" for label in labels]
        return _asked(values, Below(0.0), lambda some: mean_of(some, None, Clusters(("templates",), (names[: len(some)],))))

    sizes, kind = "unequal" if unequal else "equal", "exponential" if skewed else "normal"
    return Attack(f"new templates, {count} of {sizes} size, {kind} effects", ask, "few templates" if skewed else "", 2)


def not_equal(rng: np.random.Generator) -> Outcome:
    return _asked(rng.normal(size=_N), Outside(0.0, 0.001))


def several_asserts(rng: np.random.Generator) -> Outcome:
    """Four questions of one claim, each on its threshold: one that is refuted refutes the claim."""
    design = Design(refuting=1 / 4)
    found = [_asked(rng.normal(size=_N), Below(0.0), design=design) for _ in range(4)]
    verdicts = {each.verdict for each in found}
    verdict = "refuted" if "refuted" in verdicts else "supported" if verdicts == {"supported"} else "inconclusive"
    return Outcome(verdict, max(each.prompts for each in found))


def beats_best(others: int, spread: float) -> Attack:
    """The claimed set is the best of all, by however little: a refutation is wrong."""

    def ask(rng: np.random.Generator) -> Outcome:
        effects = np.sort(rng.normal(0, spread, others + 1))
        return _ranked(rng, effects[-1], effects[:-1])

    return Attack(f"beats 95% of {others}, truly the best, effects of spread {spread:g} sd", ask, cost=20, truth="true")


def beats_equals(weaker: int, equal: int) -> Attack:
    """One set too many is as strong as the claimed one: support is wrong."""

    def ask(rng: np.random.Generator) -> Outcome:
        return _ranked(rng, 1.0, np.array([0.0] * weaker + [1.0] * equal))

    return Attack(f"beats 95% of {weaker + equal}, of which {equal} are as strong", ask, cost=weaker + equal, truth="false")


def _ranked(rng: np.random.Generator, claimed: float, others: Floats) -> Outcome:
    """An effect against others on the same prompts, each measured with a noise of its own."""
    differences = (claimed - others)[:, None] + rng.normal(size=_N) - rng.normal(size=(len(others), _N))
    rule = Ranking(Design(), 0.95, (len(others),), all_sets=True)

    def estimands(sets: int, prompts: int) -> Iterator[Estimand]:
        return (RealMean(row[:prompts]) for row in differences[:sets])

    tally, looks = rule.decide(estimands)
    return Outcome(tally.verdict(rule.needed(len(others), rule.alpha)), looks[-1][0])


ATTACKS = (
    finite_task(20),
    finite_task(200),
    ties(0.98, 10.0),
    ties(0.9, 1.0),
    rare(0.01, 30.0),
    rare(0.05, 10.0),
    templates(8, unequal=False, skewed=False),
    templates(8, unequal=True, skewed=False),
    templates(8, unequal=False, skewed=True),
    templates(16, unequal=True, skewed=True),
    templates(24, unequal=False, skewed=True),
    Attack("!= with a margin of almost nothing", not_equal, "two sides, 2.5% each"),
    Attack("four asserts, each on its threshold", several_asserts, cost=4),
    beats_best(10, 0.1),
    beats_best(10, 0.5),
    beats_equals(18, 2),
    beats_equals(94, 6),
)
