"""What the machine itself adds from one batch size to another widens every interval, and no claim is about less."""

import math
from contextlib import contextmanager
from dataclasses import replace
from shutil import copytree

import numpy as np
import pytest
import torch
from transformer_lens.model_bridge import TransformerBridge

import circuitcheck as cc
from circuitcheck.engine.torch import LocalEngine
from circuitcheck.errors import BelowNoise
from circuitcheck.stats import clopper_pearson, skew_guarded

IOI = cc.tasks.ioi().on_stream("test")
BATCH = 32
TAIL = 0.025


class Noisy:
    """Adds `noise(batch, row, cell)` to what the engine inside measures, without what this machine adds, and keeps what it
    was asked."""

    def __init__(self, inner, noise):
        self._inner, self._noise, self.runs = inner, noise, []

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def run(self, plan, rows):
        self.runs.append((rows, plan))
        table = self._inner.run(plan, rows)
        added = [[self._noise(plan.batch, row, cell) for row in rows] for cell in plan.cells]
        return replace(table, values=table.values.round(4) + np.array(added, float))

    @property
    def reruns(self):
        """(rows, batch, cells) of the runs in other company, of both halves of the rows together."""
        runs = [(rows, plan) for rows, plan in self.runs if plan.rerun]
        halves = list(zip(runs[::2], runs[1::2], strict=True))
        assert all(one.stop == other.start and plan == same for (one, plan), (other, same) in halves)
        return [(range(one.start, other.stop), plan.batch, plan.cells) for (one, plan), (other, _) in halves]


@pytest.fixture(scope="module")
def inner():
    return LocalEngine("cpu")


@pytest.fixture
def noisy(inner):
    @contextmanager
    def use(noise, samples=32):
        engine = Noisy(inner, noise)
        with cc.use_session(cc.Session(cc.Settings(device="cpu", samples=samples), make_engine=lambda _: engine)):
            yield engine

    return use


@pytest.fixture
def load(tiny_gpt2):
    return lambda: cc.load(str(tiny_gpt2))


def gaussian(batch, row, cell):
    return 0.1 * np.random.default_rng([batch, row, *cell.digest.encode()]).normal()


def drifting(by):
    return lambda batch, row, cell: by * (batch != BATCH)


def floor_by_hand(cell, reruns, noise=gaussian):
    """|mean| + 2 sd / sqrt n of the differences between the rerun and the first run, and the largest of them."""
    ((rows, batch),) = {(rows, batch) for rows, batch, cells in reruns if cell in cells}
    differences = np.array([noise(batch, row, cell) - noise(BATCH, row, cell) for row in rows])
    return abs(differences.mean()) + 2 * differences.std(ddof=1) / math.sqrt(len(rows)), abs(differences).max()


def pattern(values, name="pattern"):
    """A metric that gives the prompt's own number, whatever the model does."""
    return cc.metric(lambda _, prompts: torch.tensor([values(p.index) for p in prompts]).double(), name=name)


def ends(found):
    return found.low, found.high


# How wide


def test_the_interval_is_wider_by_exactly_the_floor(noisy, load):
    with noisy(gaussian) as engine:
        quantity = IOI.logit_diff(load())
        decision = (quantity < 5).decide().decision
        floor, _ = floor_by_hand(quantity.cells[0], engine.reruns)
        plain = skew_guarded(quantity.values(32), TAIL)
    assert floor > 0.01
    assert decision.noise == pytest.approx(floor, rel=1e-9)
    assert ends(decision) == pytest.approx((plain.low - floor, plain.high + floor))


@pytest.mark.parametrize(
    "build, times",
    [
        (lambda a, b: 3 * a, 3),
        (lambda a, b: -0.5 * a, 0.5),
        (lambda a, b: a - b, 2),
        (lambda a, b: 2 * a - 3 * b + 7, 5),
        (lambda a, b: (a + b) / 2, 1),
        (lambda a, b: a + b - b, 1),
    ],
)
@pytest.mark.sampled(3)
def test_the_floor_is_added_up_over_cells_times_their_coefficients(noisy, load, build, times):
    with noisy(gaussian) as engine:
        model = load()
        a, b = IOI.logit_diff(model), IOI.logit_diff(model.ablate("L0H1", kind="zero"))
        quantity = build(a, b)
        decision = (quantity < 50).decide().decision
        floor, _ = floor_by_hand(a.cells[0], engine.reruns)
        plain = skew_guarded(quantity.values(32), TAIL)
    assert decision.noise == pytest.approx(times * floor)
    assert ends(decision) == pytest.approx((plain.low - times * floor, plain.high + times * floor))


def test_metrics_have_floors_of_their_own(noisy, load):
    with noisy(lambda batch, row, cell: gaussian(batch, row, cell) * (cell.metric.name == "pattern")) as engine:
        model = load()
        other = IOI.metric(pattern(lambda i: i / 64), model)
        decision = (IOI.logit_diff(model) + other < 50).decide().decision
        floor, _ = floor_by_hand(other.cells[0], engine.reruns)
    assert decision.noise == pytest.approx(floor)


def test_the_metrics_of_one_quantity_are_run_again_together(noisy, load):
    with noisy(lambda batch, row, cell: 0.0) as engine:
        model = load()
        (IOI.logit_diff(model) - IOI.log_prob(model) < 1e9).decide()
        assert [len(cells) for _, _, cells in engine.reruns] == [2]


def test_a_ratio_has_the_floors_of_numerator_and_denominator(noisy, load):
    with noisy(gaussian) as engine:
        model = load()
        top = IOI.logit_diff(model.ablate("L0H1", kind="zero"))
        bottom = IOI.metric(pattern(lambda i: 5 + i / 32), model)
        ratio = top / bottom
        decision = (ratio < 5).decide().decision
        clean = IOI.logit_diff(model).cells[0]
        above, below = (floor_by_hand(cell, engine.reruns)[0] for cell in (clean, bottom.cells[0]))
        r, a, b = ratio.estimate(32).value, *(ratio.values(32)[part] for part in ("numerator", "denominator"))
    assert decision.noise == pytest.approx((above + abs(r) * below) / b.mean())
    low, high = (skew_guarded(a - edge * b, TAIL) for edge in ends(decision))
    assert low.low == pytest.approx(above + abs(decision.low) * below, abs=1e-6)
    assert high.high == pytest.approx(-above - abs(decision.high) * below, abs=1e-6)


def test_a_share_above_a_cut_may_lose_and_gain_the_prompts_within_the_worst_difference_of_it(noisy, load):
    with noisy(gaussian) as engine:
        share = IOI.logit_diff(load()).above(0)
        decision = (share < 0.99).decide().decision
        values = IOI.logit_diff(load()).values(32)
        _, worst = floor_by_hand(share.cells[0], engine.reruns)
    near = np.mean(np.abs(values) <= worst)
    plain = clopper_pearson(int((values > 0).sum()), 32, 0.05)
    assert 0 < near < 1
    assert decision.noise == pytest.approx(near)
    assert ends(decision) == pytest.approx((plain.low - near, plain.high + near))


def test_a_share_just_above_its_cut_is_not_supported_where_the_machine_may_move_it(noisy, load):
    for drift, verdict in ((0.0, "supported"), (0.05, "inconclusive")):
        with noisy(drifting(drift)):
            share = IOI.metric(pattern(lambda i: 1.01), load()).above(1)
            assert (share > 0.5).decide().decision.verdict == verdict


# What it sees


@pytest.mark.parametrize("batch", [1, 2, 8, 31, 32, 64, 4096])
def test_numbers_that_depend_on_the_company_have_a_floor_in_batches_of_any_size(tiny_gpt2, tmp_path, monkeypatch, batch):
    """Also where a batch would hold all prompts of the first look twice, and where few are of one length."""
    model = TransformerBridge.boot_transformers(str(copytree(tiny_gpt2, tmp_path / "own")))
    last = model.unembed.original_component
    alone = last.forward
    monkeypatch.setattr(last, "forward", lambda stream: alone(stream) * (1 + len(stream) / 100))
    with cc.use_session(cc.Session(cc.Settings(device="cpu", batch=batch))) as session:
        quantity = IOI.logit_diff(cc.load(model))
        floor = session.noise(quantity.prompts, quantity.models[0], quantity.cells[0].metric)
    assert floor.worst > 1e-3


# What it takes from claims


def test_an_effect_smaller_than_the_noise_is_not_supported_although_its_spread_is_tiny(noisy, load):
    for drift, verdict in ((0.0, "supported"), (0.05, "inconclusive"), (0.005, "supported")):
        with noisy(drifting(drift)):
            effect = IOI.metric(pattern(lambda i: 0.01 + 1e-4 * (i % 2)), load())
            decision = (effect > 0).decide().decision
        assert decision.verdict == verdict
        assert decision.noise == pytest.approx(drift)


@pytest.mark.parametrize("margin, refused", [(0.049, True), (0.051, False), (0.5, False)])
@pytest.mark.parametrize("build", [lambda q, m: q == cc.approx(1, abs=m), lambda q, m: q != cc.approx(9, abs=m)])
@pytest.mark.sampled(2)
def test_margins_below_the_floor_are_refused(noisy, load, build, margin, refused):
    with noisy(drifting(0.05)):
        question = build(IOI.metric(pattern(lambda i: 1 + 1e-4 * (i % 2)), load()), margin)
        if not refused:
            assert question.decide().decision.verdict in ("supported", "inconclusive")
            return
        for ask in (question.decide, question.__bool__):
            with pytest.raises(BelowNoise):
                ask()


def sharp(batch, row, cell):
    """The worst is far above what a mean moves by."""
    return 0.3 * (batch != BATCH and row == 5)


@pytest.mark.parametrize("margin", [0.28, 0.289])
def test_a_number_at_the_edge_of_the_margin_is_not_told_apart_by_less_than_the_floor(noisy, load, margin):
    """All prompts are 0.29 off, within the worst difference; the mean is known to 0.03, and its interval holds the edge."""
    with noisy(sharp):
        quantity = IOI.metric(pattern(lambda i: 1.29 + 0.001 * (i % 3)), load())
        equal, unequal = quantity == cc.approx(1, abs=margin), quantity != cc.approx(1, abs=margin)
        assert equal.decide().decision.low < 1 + margin
        assert equal.decide().decision.verdict != "refuted"
        assert unequal.decide().decision.verdict != "supported"


# How often


def test_it_is_measured_once_for_each_model_task_and_metric_on_the_first_prompts(noisy, load, tiny_llama):
    with noisy(gaussian, samples=64) as engine:
        model = load()
        for view in (model, model.ablate("L0H1", kind="zero"), model.on("abc")):
            for threshold in (50, 60):
                assert IOI.logit_diff(view) < threshold
        assert len(engine.reruns) == 1
        assert IOI.metric(pattern(lambda i: i), model) < 500
        assert len(engine.reruns) == 2
        assert IOI.logit_diff(cc.load(str(tiny_llama))) < 50
        assert len(engine.reruns) == 3
        another = cc.Task(replace(IOI.definition, name="another"))
        assert another.logit_diff(model) < 50
        assert len(engine.reruns) == 4
        for rows, _, cells in engine.reruns:
            assert rows.start == 0
            assert [(cell.view.base, cell.view.interventions) for cell in cells] == [("clean", ())]


def test_where_nothing_is_added_nothing_is_widened(noisy, load):
    with noisy(lambda batch, row, cell: 0.0) as engine:
        model = load()
        for quantity in (IOI.logit_diff(model), IOI.accuracy(model), IOI.logit_diff(model).above(0), IOI.recovered(model)):
            assert (quantity < 50).decide().decision.noise == 0
        assert engine.reruns
