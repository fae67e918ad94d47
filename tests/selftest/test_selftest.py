"""`circuitcheck selftest`: it finds what is wrong with the statistics, and nothing where nothing is."""

import re
from dataclasses import replace
from functools import partial

import pytest

from circuitcheck import cli
from circuitcheck.sampling import Design, Pair, design, means, ranking
from circuitcheck.sampling.decision import Decision
from circuitcheck.sampling.design import Level
from circuitcheck.selftest import attacks
from circuitcheck.selftest.attacks import ATTACKS, measure_attack
from circuitcheck.selftest.planted import plant
from circuitcheck.selftest.rates import Measured, Outcome, Rates
from circuitcheck.selftest.revisions import REVISIONS, measure_revision
from circuitcheck.selftest.run import QUICK
from circuitcheck.selftest.streams import STREAMS
from circuitcheck.selftest.table import as_markdown, as_text
from circuitcheck.selftest.trials import Trials, difference, measure_planted, measure_stream
from circuitcheck.session import Settings
from circuitcheck.stats import Boundary

STREAM = {stream.name: stream for stream in STREAMS}


def naive(looks, alpha, _rho):
    """The boundary of somebody who looks as often as they like at the nominal level."""
    return Boundary(looks, (1.96,) * len(looks), (alpha / 2,) * len(looks), "none")


@pytest.mark.slow
def test_the_quick_selftest_finds_no_excess_and_decides_clear_claims(capsys):
    assert cli.main(["selftest"]) == 0
    shown = capsys.readouterr().out
    assert "no rate exceeds" in shown
    for name in (*(stream.name for stream in QUICK.streams), "planted model: difference", "planted model: ratio of means"):
        (line,) = (line for line in shown.splitlines() if re.match(rf"{re.escape(name)}  ", line))
        assert int(re.search(r"(\d+)% of", line)[1]) >= 50  # power at 0.3 standard deviations


@pytest.mark.slow
def test_peeking_at_the_nominal_level_is_found(monkeypatch):
    monkeypatch.setattr(design, "kim_demets", naive)
    found = measure_stream(STREAM["normal"], claims=600, others=1, seed=0)
    assert any("false support on the threshold" in fault for fault in found.faults)


@pytest.mark.slow
def test_a_verdict_that_ignores_skew_is_found_unless_users_are_warned_of_it(monkeypatch):
    monkeypatch.setattr(design, "kim_demets", naive)
    skewed = measure_stream(STREAM["lognormal(1)"], claims=300, others=1, seed=0)
    assert skewed.borderline.excessive("supported")
    assert skewed.borderline.mostly_warned
    assert skewed.faults == ()
    monkeypatch.setattr(Decision, "warned", False)
    unwarned = measure_stream(STREAM["lognormal(1)"], claims=300, others=1, seed=0)
    assert unwarned.known
    assert any("false support on the threshold" in fault for fault in unwarned.faults)


@pytest.mark.parametrize("warned, mostly", [(0, False), (80, False), (90, True), (100, True)])
def test_a_known_exception_must_warn_of_95_percent_of_its_wrong_verdicts_give_or_take_chance(warned, mostly):
    outcomes = [Outcome("supported", 32, warned=i < warned) for i in range(100)] + [Outcome("inconclusive", 512)] * 100
    rates = Rates.of(outcomes)
    assert rates.share_warned == warned / 100
    assert rates.mostly_warned == mostly
    row = Measured("number", rates, None, None, known="rare")
    assert bool(row.faults) != mostly
    assert f"{warned}%" in as_text([row])


def attack_named(part):
    return next(attack for attack in ATTACKS if part in attack.name)


def test_equal_values_as_proof_of_equality_are_found(monkeypatch):
    monkeypatch.setattr(means, "too_alike", lambda *given: None)
    attack = attack_named("98% are 0")
    assert any("false support" in fault for fault in measure_attack(attack, 200, seed=0).faults)


def test_a_task_that_is_used_up_taken_for_all_there_is_is_found(monkeypatch):
    monkeypatch.setattr(attacks, "Design", partial(Design, census=True))
    found = measure_attack(attack_named("a finite task of 40"), 100, seed=0)
    assert {fault.split(" on the threshold")[0].split(": ")[1] for fault in found.faults} == {
        "false support",
        "false refutation",
    }


def test_best_of_many_refuted_by_the_luckiest_of_the_others_is_found(monkeypatch):
    """A set that happens to be ahead on the prompts at hand is taken to be ahead."""
    monkeypatch.setattr(ranking, "_side", lambda found, level: -1 if found.value < 0 else 0)
    found = measure_attack(attack_named("truly the best, effects of spread 0.1"), 1000, seed=0)
    assert any("false refutation" in fault for fault in found.faults)


@pytest.mark.slow
def test_asserts_that_each_take_the_whole_error_are_found(monkeypatch):
    monkeypatch.setattr(attacks, "Design", lambda **named: Design())
    found = measure_attack(attack_named("four asserts"), 2000, seed=0)
    assert any("false refutation" in fault for fault in found.faults)


@pytest.mark.slow
def test_a_planted_truth_that_is_wrong_is_found(tmp_path):
    """Were the model's effect not what was planted, claims on the supposed threshold would be decided one way."""

    def shifted(planted, model, distance, seed):
        return difference(planted, model, distance + 1.0, seed)

    trials = Trials(plant(tmp_path / "model"), shifted, Settings(device="cpu", samples=32))
    found = measure_planted("shifted", trials, claims=8, others=0)
    assert found.borderline.supported == 8
    assert found.faults


def test_claims_on_the_planted_model_take_prompts_of_their_own(tmp_path):
    trials = Trials(plant(tmp_path / "model"), difference, Settings(device="cpu", samples=32))
    seen = []
    trials = Trials(trials.planted, lambda *given: seen.append(difference(*given)) or seen[-1], trials.settings)
    trials.rates(0.0, range(3))
    assert len({question.quantity.prompts.seed for question in seen}) == 3
    assert len({question.result.decision.estimate for question in seen}) == 3


def test_one_seed_gives_one_table():
    rows = [measure_stream(STREAM["uniform"], claims=30, others=5, seed=4) for _ in range(2)]
    assert as_text(rows[:1]) == as_text(rows[1:])
    assert as_text(rows[:1]) != as_text([measure_stream(STREAM["uniform"], claims=30, others=5, seed=5)])


def test_the_table_shows_every_rate_with_its_interval():
    borderline = Rates.of([Outcome("supported", 32)] + [Outcome("refuted", 32)] * 2 + [Outcome("inconclusive", 512)] * 97)
    true = Rates.of([Outcome("supported", 64)] * 9 + [Outcome("refuted", 64)])
    false = Rates.of([Outcome("refuted", 32)] * 10)
    row = Measured("number", borderline, true, false)
    for table in (as_text([row]), as_markdown([row])):
        assert "1.00% [0.03%, 5.45%]" in table
        assert "2.00% [0.24%, 7.04%]" in table
        assert "90% of 10" in table
        assert "1 of 20" in table
    assert "holds 90% of 10, alarms 100% of 10" in as_text([replace(row, powers=("holds", "alarms"))])


@pytest.mark.parametrize("wrong, excessive", [(25, False), (39, False), (41, True), (100, True)])
def test_a_rate_is_excessive_beyond_three_standard_errors(wrong, excessive):
    rates = Rates.of([Outcome("supported", 32)] * wrong + [Outcome("inconclusive", 512)] * (1000 - wrong))
    assert rates.excessive("supported") == excessive


def test_full_is_more_than_quick():
    from circuitcheck.selftest.run import FULL

    assert FULL.claims >= 10_000
    assert FULL.planted >= 1_000
    assert set(QUICK.streams) < set(FULL.streams)
    assert {stream.name for stream in FULL.streams if stream.known} >= {"lognormal(1)", "exponential", "90% zeros"}


def test_false_alarms_of_drift_are_found_at_the_level_of_one_interval(monkeypatch):
    """1.25%: a half of what a verdict may err."""
    (mean,) = (each for each in REVISIONS if each.name == "mean")
    assert measure_revision(mean, claims=400, others=10, seed=0).faults == ()
    monkeypatch.setattr(Pair, "level", lambda self, alpha: Level(alpha, 2 * alpha))
    faults = measure_revision(mean, claims=400, others=10, seed=0).faults
    assert [what in fault for what, fault in zip(("false support", "false refutation"), faults, strict=True)] == [True, True]
    assert all("where 1.25% is nominal" in fault for fault in faults)


def test_markdown_is_written_where_asked(tmp_path, monkeypatch):
    from circuitcheck.selftest import run

    row = measure_stream(STREAM["normal"], claims=5, others=5, seed=0)
    monkeypatch.setattr(run, "selftest", lambda *given: [row])
    run.main(full=False, seed=0, markdown=tmp_path / "page.md")
    assert as_markdown([row]) in (tmp_path / "page.md").read_text("utf-8")
