"""--circuit-inconclusive fail|skip"""

import pytest
from claims_folder import Folder

CLAIMS = """
@claim(id="open", samples=32)
def test_open(model, ioi):
    assert ioi.logit_diff(model) == cc.approx(0, abs=0.001)

@claim(id="refuted", samples=32)
def test_refuted(model, ioi):
    assert ioi.logit_diff(model) > 100
"""


def test_default_fails(folder: Folder) -> None:
    folder.run(CLAIMS).result.assert_outcomes(failed=2)


def test_skip_spares_only_the_inconclusive(folder: Folder) -> None:
    run = folder.run(CLAIMS, "--circuit-inconclusive=skip")
    run.result.assert_outcomes(skipped=1, failed=1)
    assert run.verdicts == {"open": "inconclusive", "refuted": "refuted"}
    assert run.report["summary"]["inconclusive"] == 1


def test_skip_says_why_and_what_would_decide(folder: Folder) -> None:
    run = folder.run(CLAIMS, "--circuit-inconclusive=skip")
    assert "0.001" in run.claims["open"]["reason"]
    assert set(run.claims["open"]["comparisons"][0]["n_more"]) == {"0.5", "0.8"}


def test_ini_sets_it_and_the_command_line_comes_first(folder: Folder) -> None:
    folder.pytester.makeini("[pytest]\ncircuit_inconclusive = skip\n")
    folder.run(CLAIMS).result.assert_outcomes(skipped=1, failed=1)
    folder.run(None, "--circuit-inconclusive=fail").result.assert_outcomes(failed=2)


def test_another_word_is_a_usage_error(folder: Folder) -> None:
    folder.run(CLAIMS, "--circuit-inconclusive=maybe").usage_error("'maybe'", "fail", "skip")


def test_another_word_in_the_ini_is_a_usage_error(folder: Folder) -> None:
    folder.pytester.makeini("[pytest]\ncircuit_inconclusive = maybe\n")
    folder.run(CLAIMS).usage_error("circuit_inconclusive", "'maybe'", "fail", "skip")


@pytest.mark.parametrize("expect", ["supported", "refuted"])
def test_asserts_before_the_inconclusive_one_stay_in_the_report(folder: Folder, expect: str) -> None:
    run = folder.run(
        f"""
@claim(id="it", samples=32, expect={expect!r})
def test_it(model, ioi):
    assert ioi.logit_diff(model) < 100
    assert ioi.logit_diff(model) == cc.approx(0, abs=0.001)
""",
        "--circuit-inconclusive=skip",
    )
    assert [each["verdict"] for each in run.claims["it"]["comparisons"]] == ["supported", "inconclusive"]
