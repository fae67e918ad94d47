"""Claims whose truth is known, put through the sampling code and through the whole path of a claim."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from circuitcheck.claims import Claim, ClaimRecorder
from circuitcheck.engine.protocol import Engine
from circuitcheck.errors import Inconclusive
from circuitcheck.prompts import TaskDefinition
from circuitcheck.prompts.permutation import keyed_number
from circuitcheck.quantities import Model, Question, Task, load, random_heads, recording
from circuitcheck.sampling import Below, Design, decide
from circuitcheck.selftest.planted import Planted
from circuitcheck.selftest.rates import Measured, Outcome, Rates
from circuitcheck.selftest.streams import Stream
from circuitcheck.session import Session, Settings, use_session

_TEMPLATES = 8
DISTANCE = 0.3  # of true and false claims from the threshold, in standard deviations

Ask = Callable[[Planted, Model, float, int], Question]  # (model, loaded, distance from the truth, seed) -> what to ask


def measure_stream(stream: Stream, claims: int, others: int, seed: int) -> Measured:
    """`claims` on the threshold and `others` on each side of it, each from its own stream of values."""

    def rates(distance: float, count: int) -> Rates:
        rng = np.random.default_rng([seed, count, int(1000 * abs(distance)), distance > 0])
        return Rates.of(_stream_outcomes(stream, distance, count, rng))

    some, few = max(claims // stream.cost, 1), max(others // stream.cost, 1)
    return Measured(stream.name, rates(0.0, some), rates(DISTANCE, few), rates(-DISTANCE, few), stream.known)


def _stream_outcomes(stream: Stream, distance: float, count: int, rng: np.random.Generator) -> Iterator[Outcome]:
    design, region = Design(), Below(stream.mean + distance * stream.sd)
    for values in stream.sample(rng, (count, design.looks[-1])):
        found = decide(
            lambda rows, row=values: row[np.newaxis, rows.start : rows.stop],  # type: ignore[misc]
            lambda columns: stream.build(columns[0]),
            region,
            design,
        )
        yield Outcome(found.verdict, found.n, warned=found.warned)


def measure_planted(name: str, trials: "Trials", claims: int, others: int, known: str = "") -> Measured:
    """The same through the whole path: each claim draws prompts by a seed of its own, runs the model, and is recorded."""
    borderline = trials.rates(0.0, range(claims))
    true = trials.rates(DISTANCE, range(claims, claims + others))
    false = trials.rates(-DISTANCE, range(claims + others, claims + 2 * others))
    return Measured(name, borderline, true, false, known)


@dataclass(frozen=True)
class Trials:
    """Claims about one planted model, all asked in the same way."""

    planted: Planted
    ask: Ask
    settings: Settings

    def rates(self, distance: float, seeds: range) -> Rates | None:
        """One claim for each seed; None for none."""
        if not seeds:
            return None
        with use_session(Session(self.settings)) as session:
            model = load(str(self.planted.folder))
            return Rates.of(self._outcome(model, session.engine, distance, seed) for seed in seeds)

    def _outcome(self, model: Model, engine: Engine, distance: float, seed: int) -> Outcome:
        """As the plugin runs a claim: under a recorder, in a session that has measured nothing."""
        claim = Claim("a claim of the selftest", "selftest", (), "supported", None, None, None)
        mine = replace(self.settings, seed=seed)
        with use_session(Session(mine, make_engine=lambda _: engine)):
            recorder = ClaimRecorder(claim, mine)
            with recording(recorder):
                verdict = _verdict(self.ask(self.planted, model, distance * self.planted.noise.size, seed), recorder)
            (result,) = recorder.results
        return Outcome(verdict, result.decision.n, warned=bool(result.warnings))


def _verdict(question: Question, recorder: ClaimRecorder) -> str:
    try:
        assert question
        recorder.finish()
    except Inconclusive:
        return "inconclusive"
    except AssertionError as error:
        return "error" if recorder.refutation(error.__traceback__) is None else "refuted"
    return "supported"


def difference(planted: Planted, model: Model, distance: float, seed: int) -> Question:  # noqa: ARG001
    """What ablating a head takes away is less than its planted effect, give or take."""
    ablated = model.ablate(planted.head(0), kind="zero", at="END")
    task = planted.effects
    return task.logit_diff(model) - task.logit_diff(ablated) < planted.sizes[0] + distance


def ratio(planted: Planted, model: Model, distance: float, seed: int) -> Question:  # noqa: ARG001
    """The same as a share of the untouched model's logit difference."""
    ablated = model.ablate(planted.head(0), kind="zero", at="END")
    whole = planted.base + sum(planted.sizes)
    task = planted.effects
    return task.logit_diff(ablated) / task.logit_diff(model) < (whole - planted.sizes[0] + distance) / whole


def new_templates(planted: Planted, model: Model, distance: float, seed: int) -> Question:
    """The difference again, of templates that are a sample: 8 of the planted ones, others for every seed."""
    definition = planted.effects.definition
    assert isinstance(definition, TaskDefinition)
    ranked = sorted(definition.templates, key=lambda each: keyed_number(f"{seed} {each.id}", 1 << 62))
    some = replace(planted, effects=Task(replace(definition, templates=tuple(ranked[:_TEMPLATES]))))
    return difference(some, model, distance, seed)


def beats(planted: Planted, model: Model, distance: float, seed: int) -> Question:  # noqa: ARG001
    """A head beats 95% of the heads like it: false where all effects are equal, however far ahead it seems."""
    ablated = model.ablate(planted.head(0), kind="zero", at="END")
    effect = planted.effects.logit_diff(model) - planted.effects.logit_diff(ablated)
    return effect.beats(random_heads(like=planted.head(0)), share=0.95)
