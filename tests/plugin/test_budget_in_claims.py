"""Budgets inside claims: a question that decided nothing and is asked again with a larger one is peeking."""

import pytest
from claims_folder import Folder, Run

CLAIMS = """
@claim(id="first", samples=32)
def test_first(model, ioi):
    assert ioi.logit_diff(model) == cc.approx(0, abs=0.001)

@claim(id="again", samples=32)
def test_again(model, ioi):
    near = ioi.logit_diff(model) == cc.approx(0, abs=1)
    close = ioi.logit_diff(model) == cc.approx(0, abs=0.001)
    assert close.decide().decision.verdict == "inconclusive"
    close.decide(samples=64)
    assert near
    assert close

@claim(id="caught", samples=32)
def test_caught(model, ioi):
    close = ioi.logit_diff(model) == cc.approx(0, abs=0.001)
    try:
        assert close
    except cc.Inconclusive:
        close.decide(samples=64)
    assert close

@claim(id="decided", samples=32)
def test_decided(model, ioi):
    below = ioi.logit_diff(model) < 100
    assert below.decide().decision.verdict == "supported"
    below.decide(samples=64)
    assert below

@claim(id="same", samples=32)
def test_same(model, ioi):
    close = ioi.logit_diff(model) == cc.approx(0, abs=0.001)
    close.decide()
    close.decide(samples=32)
    assert close

@claim(id="less", samples=64)
def test_less(model, ioi):
    close = ioi.logit_diff(model) == cc.approx(0, abs=0.001)
    close.decide()
    close.decide(samples=32)
    assert close

@claim(id="threshold", samples=32)
def test_threshold(model, ioi):
    q = ioi.logit_diff(model)
    (q == cc.approx(0, abs=0.001)).decide()
    assert q < 100
    assert q == cc.approx(0, abs=0.002)

@claim(id="threshold-again", samples=32)
def test_threshold_again(model, ioi):
    (ioi.logit_diff(model) == cc.approx(0, abs=0.001)).decide()
    close = ioi.logit_diff(model) == cc.approx(0, abs=0.002)
    close.decide(samples=64)
    assert close

@claim(id="other", samples=32)
def test_other(model, ioi):
    (ioi.logit_diff(model) == cc.approx(0, abs=0.001)).decide()
    close = ioi.logit_diff(model.on("abc")) == cc.approx(0, abs=0.001)
    close.decide(samples=64)
    assert close

@claim(id="joined", samples=32)
def test_joined(model, ioi):
    q = ioi.logit_diff(model)
    both = cc.all_of(q < 100, q == cc.approx(0, abs=0.001))
    both.decide()
    both.decide(samples=64)
    assert both

@claim(id="settled", samples=32)
def test_settled(model, ioi):
    q = ioi.logit_diff(model)
    assert (q == cc.approx(0, abs=0.001)).decide().decision.verdict == "inconclusive"
    assert q < 100

@claim(id="second", samples=64)
def test_second(model, ioi):
    assert ioi.logit_diff(model) == cc.approx(0, abs=0.001)

@claim(id="third", samples=128)
def test_third(model, ioi):
    assert ioi.logit_diff(model) == cc.approx(0, abs=0.002)
"""


@pytest.fixture(scope="module")
def kept() -> list[Run]:
    return []


@pytest.fixture
def run(folder: Folder, kept: list[Run]) -> Run:
    """One run for all tests that only read it."""
    if not kept:
        kept.append(folder.run(CLAIMS))
    return kept[0]


def peeking(run: Run, name: str) -> list[str]:
    return [warning for warning in run.claims[name]["warnings"] if "peeking" in warning]


def budgets(run: Run, name: str) -> list[int]:
    return [comparison["n"] for comparison in run.claims[name]["comparisons"]]


# Asked again in one claim


@pytest.mark.parametrize("name", ["again", "caught", "threshold-again"])
def test_larger_budget_after_inconclusive_is_peeking(run: Run, name: str) -> None:
    (warning,) = peeking(run, name)
    assert "64 prompts" in warning
    assert "32" in warning
    assert run.claims[name]["comparisons"][-1]["warnings"] == [warning]


@pytest.mark.parametrize("name, n", [("again", [32, 64]), ("caught", [64]), ("same", [32]), ("decided", [32])])
def test_question_asked_again_is_recorded_once_with_its_last_answer(run: Run, name: str, n: list[int]) -> None:
    assert budgets(run, name) == n


def test_only_the_question_that_was_asked_again_is_warned_about(run: Run) -> None:
    near, close = run.claims["again"]["comparisons"]
    assert near["warnings"] == []
    assert close["warnings"] == peeking(run, "again")


@pytest.mark.parametrize("name", ["same", "less", "threshold", "decided", "other"])
def test_no_larger_budget_no_other_threshold_and_no_other_quantity_is_peeking(run: Run, name: str) -> None:
    assert peeking(run, name) == []


def test_larger_budget_for_a_question_of_several_is_peeking(run: Run) -> None:
    (whole,) = run.claims["joined"]["comparisons"]
    assert any("peeking" in warning for part in whole["parts"] for warning in part["warnings"])
    assert peeking(run, "joined")


def test_another_threshold_measures_nothing_again(run: Run) -> None:
    assert run.claims["threshold"]["forward_passes"] == 0


def test_question_that_was_decided_is_not_called_never_asked(run: Run) -> None:
    assert run.verdicts["settled"] == "supported"
    assert not any("never asked" in warning for warning in run.claims["settled"]["warnings"])


# Other claims


@pytest.mark.parametrize("name", ["first", "second", "third"])
def test_claims_on_one_quantity_do_not_warn_each_other(run: Run, name: str) -> None:
    assert run.verdicts[name] == "inconclusive"
    assert run.claims[name]["warnings"] == []


def test_claims_use_the_budgets_that_they_say(run: Run) -> None:
    assert [budgets(run, name) for name in ("first", "second", "third")] == [[32], [64], [128]]


# What a person sees


def test_terminal_warns_of_the_claim_by_its_name(run: Run) -> None:
    (warning,) = peeking(run, "again")
    summary = run.text[run.text.index("circuit hypotheses") :].splitlines()
    assert f"again: {warning}" in summary
    assert not any(line.startswith("second: ") and "peeking" in line for line in summary)


def test_failure_warns_too(run: Run) -> None:
    text = run.text[run.text.index("_ test_again[tiny] _") :]
    assert "peeking" in text[: text.index("claim again[tiny], seed 0")]
