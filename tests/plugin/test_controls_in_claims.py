"""`assert effect.beats(cc.random_heads(like=...), share=...)` inside a claim."""

import re
from typing import Any

import pytest
from claims_folder import Folder, Run

PRELUDE = """
FIRST = cc.metric(lambda logits, prompts: logits[:, 0], name="first_logit")

def effect(model, ioi, heads):
    return ioi.metric(FIRST, model) - ioi.metric(FIRST, model.ablate(heads, kind="zero"))
"""
BEATS = "effect(model, ioi, {heads!r}).beats(cc.random_heads(like={like!r}{seed}), share={share}, prompts={prompts})"
# Of the four heads of layer 0, L0H0 raises the first logit most, L0H3 lowers it most; L1H1 is just ahead of L1H0.
STRONG, WEAK, CLOSE = "L0H0", "L0H3", "L1H1"


def beats(heads: str, like: str | None = None, share: float = 0.95, prompts: int = 32, seed: str = "") -> str:
    return BEATS.format(heads=heads, like=like or heads, share=share, prompts=prompts, seed=seed)


def claim(name: str, *lines: str, **arguments: object) -> str:
    given = "".join(f", {key}={value!r}" for key, value in arguments.items())
    body = "".join(f"    {line}\n" for line in lines)
    return f"\n@claim(id={name!r}, samples=32{given})\ndef test_{name.replace('-', '_')}(model, ioi):\n{body}"


SETS = "L0H0, L2H3"
CLAIMS = (
    PRELUDE
    + claim("strong", f"assert {beats(STRONG)}")
    + claim("weak", f"assert {beats(WEAK)}")
    + claim("close", f"assert {beats(CLOSE)}")
    + claim("sets", f"assert {beats(SETS)}")
    + claim("own", f"assert effect(model, ioi, {STRONG!r}) < 100")
    + claim("runner-up", "assert effect(model, ioi, 'L0H1') < 100")
    + claim("denied", f"assert {beats(WEAK)}", expect="refuted")
    + claim("unexpected", f"assert {beats(STRONG)}", expect="refuted")
    + claim("not", f"assert not {beats(WEAK)}")
    + claim("not-strong", f"assert not {beats(STRONG)}")
    + claim("beside", f"flag = False\n    assert {beats(STRONG)} and flag")
    + claim("unasked", beats(STRONG), "assert ioi.logit_diff(model) < 100")
    + claim("looked-at", f"it = {beats(STRONG)}", "repr(it), str(it)")
    + claim("joined", f"assert cc.all_of({beats(STRONG)}, ioi.logit_diff(model) < 100)")
    + claim("either", f"assert cc.any_of({beats(WEAK)}, ioi.logit_diff(model) < 100)")
    + claim("seeded", f"assert {beats(STRONG, seed=', seed=7')}")
    + claim("sure", f"assert {beats(STRONG)}", confidence=1 - 1e-9)
    + claim("wrong-like", f"assert {beats(STRONG, like='L0H1')}")
    + claim("wrong-like-denied", f"assert {beats(STRONG, like='L0H1')}", expect="refuted")
    + claim("layer", f"assert {beats(STRONG, like='L0.mlp')}")
    + claim("all-heads", f"assert {beats('L0H0, L0H1, L0H2, L0H3')}")
    + claim("whole-share", f"assert {beats(STRONG, share=1)}")
    + claim("one-prompt", f"assert {beats(STRONG, prompts=1)}")
    + claim(
        "no-task",
        "lost = 1 - ioi.recovered(model.ablate('L0H0', kind='zero'))",
        "assert lost.beats(cc.random_heads(like='L0H0'), share=0.5, prompts=32)",
    )
)
ERRORS = {
    "wrong-like": ("NotComparable", "L0H1", "L0H0"),
    "wrong-like-denied": ("NotComparable", "L0H1", "L0H0"),
    "layer": ("NotComparable", "L0.mlp"),
    "all-heads": ("UnknownUnit", "L0H0, L0H1, L0H2, L0H3"),
    "whole-share": ("ValueError", "share=1"),
    "one-prompt": ("BadTask", "prompts=1"),
}


@pytest.fixture
def run(folder: Folder, kept: dict[str, Run]) -> Run:
    """One run for all tests that only read it."""
    if "run" not in kept:
        kept["run"] = folder.run(CLAIMS, "--circuit-correction=holm")
    return kept["run"]


def compared(run: Run, name: str) -> dict[str, Any]:
    (comparison,) = run.claims[name]["comparisons"]
    return comparison


def failure(run: Run, name: str) -> str:
    text = run.text[run.text.index(f"_ test_{name.replace('-', '_')}[tiny] _") :]
    return text[: text.index(f"claim {name}[tiny], seed 0")]


def tally(run: Run, name: str) -> tuple[int, int, int, int, int]:
    return tuple(compared(run, name)["control"][key] for key in ("matched", "draws", "lesser", "beaten", "ahead"))


# Verdicts


@pytest.mark.parametrize(
    "name, verdict", [("strong", "supported"), ("weak", "refuted"), ("close", "inconclusive"), ("sets", "supported")]
)
def test_verdict_follows_what_the_others_do(run: Run, name: str, verdict: str) -> None:
    assert run.verdicts[name] == compared(run, name)["verdict"] == verdict


def test_random_head_that_is_expected_to_fail_is_an_xfail(run: Run) -> None:
    assert run.verdicts["denied"] == "refuted"
    assert run.claims["denied"]["as_expected"]
    assert run.result.parseoutcomes()["xfailed"] == 1


def test_strong_head_that_is_expected_to_fail_is_a_strict_xpass(run: Run) -> None:
    assert run.verdicts["unexpected"] == "supported"
    assert "XPASS(strict)" in failure(run, "unexpected")


def test_denied_question_is_what_it_says(run: Run) -> None:
    assert run.verdicts["not"] == "supported"
    assert run.verdicts["not-strong"] == "refuted"
    assert re.search(r"Refuted: .*denies.*beats.* is supported$", failure(run, "not-strong"), re.MULTILINE)


def test_assert_that_something_else_failed_is_a_plain_failure(run: Run) -> None:
    assert run.verdicts["beside"] == "error"
    assert "Refuted" not in failure(run, "beside")


@pytest.mark.parametrize("name", ERRORS)
def test_refused_control_is_an_error_and_no_verdict(run: Run, name: str) -> None:
    assert run.verdicts[name] == "error"
    assert not run.claims[name]["as_expected"]
    assert run.claims[name]["comparisons"] == []
    for word in ERRORS[name]:
        assert word in run.claims[name]["reason"]


def test_effect_over_a_denominator_that_is_not_above_zero_is_inconclusive(run: Run) -> None:
    assert run.verdicts["no-task"] == "inconclusive"
    assert "denominator" in run.claims["no-task"]["reason"]


# The report


@pytest.mark.parametrize("name", ["strong", "weak", "close", "denied", "not", "not-strong"])
def test_question_is_recorded_once(run: Run, name: str) -> None:
    assert len(run.claims[name]["comparisons"]) == 1
    assert compared(run, name)["parts"] == []


def test_share_of_sets_that_are_beaten_is_compared_with_the_claimed_share(run: Run) -> None:
    for name, estimate, ci in (("strong", 1, [1, 1]), ("weak", 0, [0, pytest.approx(1 / 3)]), ("close", 1, [2 / 3, 1])):
        comparison = compared(run, name)
        assert (comparison["relation"], comparison["threshold"]) == (">=", 0.95)
        assert (comparison["estimate"], comparison["ci"]) == (estimate, ci)
        assert comparison["n"] == 32
        assert "beats" in comparison["expression"]


def test_all_matched_sets_are_compared_where_they_are_few(run: Run) -> None:
    assert tally(run, "strong") == (3, 3, 3, 3, 0)
    assert tally(run, "weak")[:4] == (3, 3, 0, 0)
    assert tally(run, "close") == (3, 3, 3, 2, 0)
    assert tally(run, "sets")[:2] == (15, 15)
    assert all(compared(run, name)["control"]["all_sets"] for name in ("strong", "weak", "close", "sets"))


def test_control_names_the_set_and_the_strongest_other(run: Run) -> None:
    control = compared(run, "strong")["control"]
    assert (control["like"], control["strongest"]) == ("L0H0", "L0H1")
    assert compared(run, "weak")["control"]["strongest"] == "L0H0"
    assert control["own"] == pytest.approx(compared(run, "own")["estimate"])
    assert control["strongest_effect"] == pytest.approx(compared(run, "runner-up")["estimate"])
    assert compared(run, "weak")["control"]["strongest_effect"] == pytest.approx(control["own"])


def test_control_of_a_set_has_as_many_heads_of_each_layer(run: Run) -> None:
    control = compared(run, "sets")["control"]
    assert re.fullmatch(r"L0H\d, L2H\d", control["strongest"])
    assert control["strongest"] != control["like"] == SETS


def test_comparison_without_a_control_has_none(run: Run) -> None:
    assert compared(run, "own")["control"] is None


def test_seed_is_the_runs_unless_it_is_given(run: Run) -> None:
    assert compared(run, "strong")["control"]["seed"] == 0
    assert compared(run, "seeded")["control"]["seed"] == 7


def test_interventions_of_the_claim_are_proven(run: Run) -> None:
    (receipt,) = run.claims["strong"]["receipts"]
    assert "L0H0" in receipt["intervention"]
    assert receipt["changed"] == receipt["prompts"] == 32


def test_own_part_of_a_composite_claim(run: Run) -> None:
    first, second = compared(run, "joined")["parts"]
    assert (run.verdicts["joined"], first["verdict"]) == ("supported", "supported")
    assert first["control"]["like"] == "L0H0"
    assert second["control"] is None
    assert [part["verdict"] for part in compared(run, "either")["parts"]] == ["refuted", "supported"]
    warnings = run.claims["either"]["warnings"] + run.claims["joined"]["warnings"]
    assert not [warning for warning in warnings if "function of this process" not in warning]


def test_control_never_asked_is_a_warning(run: Run) -> None:
    (warning,) = run.claims["unasked"]["warnings"]
    assert "never asked" in warning
    assert "beats" in warning


def test_looking_never_asks(run: Run) -> None:
    assert run.verdicts["looked-at"] == "error"
    assert "ClaimAskedNothing" in run.claims["looked-at"]["reason"]
    assert run.claims["looked-at"]["forward_passes"] == 0


def test_claim_that_is_surer_needs_more_to_be_shown(run: Run) -> None:
    assert run.verdicts["sure"] == "inconclusive"
    assert compared(run, "sure")["control"]["lesser"] == 3
    assert compared(run, "sure")["control"]["beaten"] < 3


def test_p_is_not_below_an_error_at_which_the_verdict_is_another(run: Run) -> None:
    """The same data decide nothing at an error of 1e-9, so 1e-9 is no p-value of the verdict at 0.05."""
    assert run.verdicts["sure"] == "inconclusive"
    assert run.claims["strong"]["evidence"]["p"] > 1e-9


# What a person sees


@pytest.mark.parametrize("name", ["strong", "weak", "close"])
def test_table_shows_the_share(run: Run, name: str) -> None:
    comparison = compared(run, name)
    table = run.text[run.text.index("circuit hypotheses") :]
    (row,) = re.findall(rf"^{name}\[tiny\] .*$", table, re.MULTILINE)
    low, high = comparison["ci"]
    assert f"{comparison['verdict']} " in row
    assert f" {comparison['estimate']:.3f} " in row
    assert f"[{low:.3f}, {high:.3f}]" in row
    assert "95%" in row or "0.95" in row
    assert " 32 " in row


def test_failure_says_what_the_others_did(run: Run) -> None:
    said = failure(run, "weak")
    assert re.search(r"Refuted: claim weak: .*beats.*L0H3.* is refuted$", said, re.MULTILINE)
    for words in ("3 head sets", "L0H3", "L0H0", "32 prompts", "scope: these templates"):
        assert words in said


def test_inconclusive_says_what_would_tell(run: Run) -> None:
    said = failure(run, "close")
    assert "Inconclusive: " in said
    assert "more prompts" in said
    assert "more prompts" in run.claims["close"]["reason"]
