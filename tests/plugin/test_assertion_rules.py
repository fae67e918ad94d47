"""`assert quantity < 0.8` inside a claim: what fails, passes and is refused."""

import copy
import pickle
import runpy
import sys
from pathlib import Path

import pytest
from claims_folder import Folder, Run

import circuitcheck as cc


def run(folder: Folder, body: str, *arguments: str, before: str = "", expect: str = "supported") -> Run:
    """One claim, with `q` the logit difference: below 100 and above -100, and nothing is known about 0.001."""
    lines = "".join(f"    {line}\n" for line in body.strip("\n").splitlines())
    return folder.run(
        f"{before}\n@claim(id='it', samples=32, expect={expect!r})\n"
        f"def test_it(model, ioi):\n    q = ioi.logit_diff(model)\n{lines}",
        *arguments,
    )


def asked(run: Run) -> list[tuple[str, float, str]]:
    return [(each["relation"], each["threshold"], each["verdict"]) for each in run.claims["it"]["comparisons"]]


def warnings(run: Run) -> str:
    return "\n".join(run.claims["it"]["warnings"])


def assert_refuted(run: Run) -> None:
    assert run.verdicts == {"it": "refuted"}
    assert "Refuted: " in run.text


def assert_plain_failure(run: Run) -> None:
    run.result.assert_outcomes(failed=1)
    assert run.verdicts == {"it": "error"}
    assert "Refuted" not in run.text
    assert "AssertionError" in run.claims["it"]["reason"]


# Recorded once, and when asked


@pytest.mark.slow
def test_refuted_comparison_is_recorded_once_though_rewriting_asks_twice(folder: Folder) -> None:
    found = run(folder, "assert q > 100")
    assert asked(found) == [(">", 100, "refuted")]
    assert found.claims["it"]["forward_passes"] == 64  # half of them for the noise floor


def test_inconclusive_comparison_is_recorded_once(folder: Folder) -> None:
    found = run(folder, "assert q == cc.approx(0, abs=0.001)")
    assert asked(found) == [("==", 0, "inconclusive")]
    assert found.claims["it"]["forward_passes"] == 64  # half of them for the noise floor


def test_comparison_asked_again_is_recorded_once(folder: Folder) -> None:
    assert asked(run(folder, "below = q < 100\nassert below\nassert below and below")) == [("<", 100, "supported")]


def test_chain_records_both_halves(folder: Folder) -> None:
    found = run(folder, "assert -100 < q < 100")
    assert asked(found) == [(">", -100, "supported"), ("<", 100, "supported")]
    assert warnings(found) == ""


def test_chain_refuted_by_its_first_half_never_asks_the_second(folder: Folder) -> None:
    found = run(folder, "assert 100 < q < 200")
    assert_refuted(found)
    assert asked(found) == [(">", 100, "refuted")]


def test_chain_refuted_by_its_second_half_names_that_half(folder: Folder) -> None:
    found = run(folder, "assert -200 < q < -100")
    assert asked(found) == [(">", -200, "supported"), ("<", -100, "refuted")]
    found.shows("E*Refuted: *ioi.logit_diff(model) < -100 is refuted")


def test_comparison_never_asked_in_a_passing_claim_is_a_warning(folder: Folder) -> None:
    found = run(folder, "q > 100\nassert q < 100")
    assert found.verdicts == {"it": "supported"}
    assert asked(found) == [("<", 100, "supported")]
    assert "never asked" in warnings(found)
    assert "ioi.logit_diff(model) > 100" in warnings(found)


def test_comparison_refuted_but_not_asserted_is_a_warning(folder: Folder) -> None:
    found = run(folder, "if q > 100:\n    pass\nassert q < 100")
    assert found.verdicts == {"it": "supported"}
    assert "refuted" in warnings(found)
    assert "ioi.logit_diff(model) > 100" in warnings(found)


@pytest.mark.parametrize("body", ["pass", "q < 100", "repr(q < 100)"], ids=["nothing", "unasked", "shown"])
def test_claim_that_asks_nothing_is_an_error(folder: Folder, body: str) -> None:
    found = run(folder, body)
    found.result.assert_outcomes(failed=1)
    assert found.verdicts == {"it": "error"}
    assert "ClaimAskedNothing: claim it compared nothing" in found.claims["it"]["reason"]


# Refuted only where a comparison made the assert fail


@pytest.mark.parametrize(
    "body",
    [
        "assert 1 == 2",
        "assert q < 100\nassert 1 == 2",
        "seen = bool(q > 100)\nassert 1 == 2",
        "assert q < 100 and 1 == 2",
        "flag = True\nassert q < 100 and not flag",
        "raise AssertionError('by hand')",
        "assert q < 100\npytest.fail('by hand') if False else None\nassert []",
    ],
    ids=["alone", "after-supported", "after-refuted", "beside", "beside-not", "raised", "empty"],
)
@pytest.mark.sampled(3)
def test_assert_that_no_comparison_failed_stays_a_plain_failure(folder: Folder, body: str) -> None:
    assert_plain_failure(run(folder, body, before="import pytest"))


def test_plain_failure_is_no_expected_refutation(folder: Folder) -> None:
    found = run(folder, "flag = True\nassert q < 100 and not flag", expect="refuted")
    found.result.assert_outcomes(failed=1)
    assert found.verdicts == {"it": "error"}


def test_denied_comparison_that_is_supported_refutes(folder: Folder) -> None:
    found = run(folder, "assert not (q < 100)")
    assert_refuted(found)
    found.shows("E*Refuted: *denies*ioi.logit_diff(model) < 100 is supported")


def test_denied_comparison_that_is_refuted_passes(folder: Folder) -> None:
    found = run(folder, "assert not (q > 100)")
    found.result.assert_outcomes(passed=1)
    assert found.verdicts == {"it": "supported"}


@pytest.mark.parametrize(
    "before, body",
    [
        ("def check(q):\n    assert q > 100", "check(q)"),
        ("def holds(q):\n    return bool(q > 100)", "assert holds(q)"),
        ("def holds(q):\n    return q > 100", "assert holds(q)"),
        ("def holds(q):\n    if q > 100:\n        return True\n    return False", "assert holds(q)"),
        ("", "assert all(q > bound for bound in (-100, 100))"),
        ("", "assert all([q > -100, q > 100])"),
        ("", "assert (\n    q\n    > 100\n), 'in words'"),
        ("", "assert (\n    q < 100\n    and\n    q > 100\n)"),
        ("", "above = q > 100\nassert above"),
        ("", "above = q > 100\nif above:\n    pass\nassert above"),
        ("", "assert q > 100, 'in words'"),
        ("", "assert q > 100 or q > 200"),
        ("", "assert ioi.logit_diff(model) > 100 if True else False"),
        ("", "for bound in (-100, 100):\n    assert q > bound"),
        ("", "assert (above := q > 100)"),
        ("", "assert q > 100; done = True"),
    ],
    ids=[
        "helper-asserts", "helper-bool", "helper-comparison", "helper-branches", "all-generator", "all-list",
        "multi-line", "multi-line-and", "earlier-line", "asked-before", "with-words", "or", "conditional", "loop",
        "walrus", "semicolon",
    ],
)  # fmt: skip
@pytest.mark.sampled(2)
def test_refuted_comparison_behind_an_assert_refutes(folder: Folder, before: str, body: str) -> None:
    assert_refuted(run(folder, body, before=before))


def test_helper_in_another_file_refutes(folder: Folder) -> None:
    folder.write("def check(q):\n    assert q > 100\n", "helpers_of_claims.py")
    assert_refuted(run(folder, "check(q)", before="from helpers_of_claims import check"))


@pytest.mark.parametrize(
    "body", ["assert all(q < bound for bound in (100, 200))", "assert (\n    q < 100\n    and q < 200\n)"]
)
def test_supported_comparisons_of_one_assert_are_all_recorded(folder: Folder, body: str) -> None:
    assert asked(run(folder, body)) == [("<", 100, "supported"), ("<", 200, "supported")]


@pytest.mark.parametrize(
    "body",
    [
        "assert any([q > 100, q > -100])",
        "assert any(q > each for each in (100, -100))",
        "assert sum([bool(q > 100), bool(q > -100)]) == 1",
        "assert bool(q > 100) == False",
        "assert q > -100; assert not q > 100",
        "high = q > 100\nif not high: assert q > -100",
        "assert q > 100 or q > -100",
    ],
)
@pytest.mark.sampled(2)
def test_an_assert_that_passes_is_no_refutation(folder: Folder, body: str) -> None:
    """One comparison in it is refuted, and does not make it fail."""
    assert run(folder, body).verdicts == {"it": "supported"}


def test_refuted_names_the_comparison_that_failed_and_not_the_one_before(folder: Folder) -> None:
    found = run(folder, "for bound in (100, -100):\n    assert q < bound")
    assert asked(found) == [("<", 100, "supported"), ("<", -100, "refuted")]
    found.shows("E*Refuted: claim it: ioi.logit_diff(model) < -100 is refuted")


def test_refuted_holds_interval_prompts_and_three_contrary_prompts(folder: Folder) -> None:
    found = run(folder, "assert q > 100")
    (comparison,) = found.claims["it"]["comparisons"]
    low, high = comparison["ci"]
    found.shows("E*Refuted: claim it: *", f"E*95% interval [[]{low:.4g}, {high:.4g}[]]*", "E*32 prompts*")
    assert len(comparison["contrary"]) == 3
    for prompt in comparison["contrary"]:
        found.shows(f"E*#{prompt['index']} *{prompt['text']}")


@pytest.mark.sampled(2)
@pytest.mark.parametrize("assertion", ["q > 100", "q == cc.approx(0, abs=0.001)"])
@pytest.mark.parametrize("style", ["long", "short"])
def test_traceback_ends_at_the_assert(folder: Folder, assertion: str, style: str) -> None:
    text = run(folder, f"assert {assertion}", f"--tb={style}").text
    assert "circuitcheck/" not in text
    assert "circuitcheck\\" not in text
    assert "During handling" not in text
    assert "direct cause" not in text
    assert f"assert {assertion}" in text


def test_native_traceback_ends_at_the_assert(folder: Folder) -> None:
    text = run(folder, "assert q > 100", "--tb=native").text
    assert "During handling" not in text
    frames = [line for line in text.splitlines() if line.startswith("  File ")]
    assert "hypotheses/test_claims.py" in frames[-1]


def test_traceback_ends_at_the_assert_of_a_helper(folder: Folder) -> None:
    found = run(folder, "check(q)", before="def check(q):\n    assert q > 100")
    found.shows(">*check(q)", ">*assert q > 100", "hypotheses/test_claims.py:*: Refuted")


# What a quantity refuses, and what never asks


@pytest.mark.parametrize("relation", ["==", "!="])
def test_equality_without_a_margin_is_a_type_error_that_names_approx(folder: Folder, relation: str) -> None:
    body = f"with pytest.raises(TypeError, match='cc.approx'):\n    q {relation} 0.8\nassert q < 100"
    found = run(folder, body, before="import pytest")
    assert found.verdicts == {"it": "supported"}
    assert run(folder, f"assert q {relation} 0.8").verdicts == {"it": "error"}


@pytest.mark.parametrize("relation, verdict", [("==", "supported"), ("!=", "refuted")])
def test_equality_within_a_margin_is_a_comparison(folder: Folder, relation: str, verdict: str) -> None:
    assert run(folder, f"assert q {relation} cc.approx(0, abs=5)").verdicts == {"it": verdict}


def test_numpy_number_on_the_left_is_a_comparison(folder: Folder) -> None:
    body = "assert np.float64(-100) < q\nassert np.float64(2) * q < np.float64(200)"
    found = run(folder, body, before="import numpy as np")
    assert asked(found) == [(">", -100, "supported"), ("<", 200, "supported")]


def test_showing_locals_asks_nothing(folder: Folder) -> None:
    found = run(folder, "above = q > 100\nassert 1 == 2", "--showlocals")
    assert asked(found) == []
    assert found.claims["it"]["forward_passes"] == 0


@pytest.fixture
def quantity(tiny_gpt2: Path) -> cc.Quantity:
    return cc.tasks.ioi().logit_diff(cc.load(str(tiny_gpt2)))


@pytest.mark.parametrize("refused", [bool, hash, lambda q: {q: 1}, lambda q: q == 0.8, lambda q: q != 0.8, float])
def test_quantity_is_no_truth_value_no_key_and_no_number(quantity: cc.Quantity, refused: object) -> None:
    with pytest.raises(TypeError):
        refused(quantity)


def test_digest_is_the_key_of_a_quantity(quantity: cc.Quantity) -> None:
    assert {quantity.digest: 1}[(quantity + 0).digest] == 1
    assert quantity.digest != (2 * quantity).digest


@pytest.mark.parametrize(
    "look",
    [repr, str, copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x)), lambda x: x._repr_html_()],
    ids=["repr", "str", "copy", "deepcopy", "pickle", "html"],
)
def test_looking_never_asks(quantity: cc.Quantity, look: object) -> None:
    comparison = quantity < 100
    look(quantity)
    look(comparison)
    assert comparison.result is None
    assert cc.current_session().forward_passes == 0


def test_plain_python_asserts_the_same(
    tiny_gpt2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tiny").symlink_to(tiny_gpt2)
    (tmp_path / "script.py").write_text("""
import circuitcheck as cc
q = cc.tasks.ioi().logit_diff(cc.load("tiny"))
assert q < 100
try:
    assert q > 100
except AssertionError:
    print("refuted")
try:
    assert q == cc.approx(0, abs=0.0001)
except cc.Inconclusive as error:
    print("inconclusive:", "512 prompts" in str(error))
""")
    monkeypatch.chdir(tmp_path)
    runpy.run_path("script.py")
    assert capsys.readouterr().out.splitlines()[-2:] == ["refuted", "inconclusive: True"]


@pytest.mark.slow
def test_optimised_python_is_warned_about(folder: Folder) -> None:
    folder.write("def test_it(): pass\n")
    optimised_pytest = (sys.executable, "-O", "-m", "pytest", "-p", "no:hypothesispytest")
    result = folder.pytester.run(*optimised_pytest, "--collect-only", "hypotheses")
    result.stdout.fnmatch_lines("circuitcheck: python -O *")


def test_claim_that_catches_its_inconclusive_comparison_stays_inconclusive(folder: Folder) -> None:
    body = "try:\n    assert q == cc.approx(0, abs=0.001)\nexcept cc.Inconclusive:\n    pass"
    assert run(folder, body).verdicts == {"it": "inconclusive"}
