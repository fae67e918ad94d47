"""What each verdict does to its test: a row for each verdict and expectation."""

import re

import pytest
from claims_folder import Folder, Run

SUPPORTED = "assert ioi.logit_diff(model) < 100"
REFUTED = "assert ioi.logit_diff(model) > 100"
INCONCLUSIVE = "assert ioi.logit_diff(model) == cc.approx(0, abs=0.001)"
OTHER_EXCEPTION = "raise RuntimeError('something else')"
NOTHING_ASKED = "pass"
VACUOUS = """\
once = model.ablate("L0H0", kind="zero")
    assert ioi.logit_diff(once.ablate("L0H0", kind="zero")) < 100"""
ERRORS = [OTHER_EXCEPTION, NOTHING_ASKED, VACUOUS]
ERROR_NAMES = ["RuntimeError", "ClaimAskedNothing", "VacuousIntervention"]

expectations = pytest.mark.parametrize("expect", ["supported", "refuted"])


def run(folder: Folder, body: str, *arguments: str, expect: str = "supported", model: str = "tiny") -> Run:
    return folder.run(
        f"@claim(id='it', samples=32, model={model!r}, expect={expect!r})\ndef test_it(model, ioi):\n    {body}\n",
        *arguments,
    )


def letters(run: Run) -> str:
    found = re.search(r"^hypotheses/test_claims.py (\S+)", run.text, re.MULTILINE)
    assert found, run.text
    return found[1]


def test_supported_as_expected_passes(folder: Folder) -> None:
    found = run(folder, SUPPORTED)
    found.result.assert_outcomes(passed=1)
    assert found.exit_code == 0
    assert letters(found) == "."
    assert found.claims["it"]["verdict"] == found.claims["it"]["expected"] == "supported"
    assert found.claims["it"]["as_expected"]


def test_supported_against_expectation_is_a_strict_xpass(folder: Folder) -> None:
    found = run(folder, SUPPORTED, expect="refuted")
    found.result.assert_outcomes(failed=1)
    assert found.exit_code == 1
    assert letters(found) == "F"
    assert "XPASS(strict)" in found.text
    found.shows("it was expected to fail, and it passed:", "*is supported", "*estimate: *, 95% interval *")
    assert (found.claims["it"]["verdict"], found.claims["it"]["expected"]) == ("supported", "refuted")
    assert not found.claims["it"]["as_expected"]


def test_refuted_against_expectation_fails(folder: Folder) -> None:
    found = run(folder, REFUTED)
    found.result.assert_outcomes(failed=1)
    assert found.exit_code == 1
    assert "Refuted: " in found.text
    assert found.claims["it"]["verdict"] == "refuted"
    assert not found.claims["it"]["as_expected"]


def test_refuted_as_expected_is_an_xfail(folder: Folder) -> None:
    found = run(folder, REFUTED, expect="refuted")
    found.result.assert_outcomes(xfailed=1)
    assert found.exit_code == 0
    assert letters(found) == "x"
    assert found.claims["it"]["verdict"] == "refuted"
    assert found.claims["it"]["as_expected"]


@pytest.mark.sampled(1)
@pytest.mark.parametrize("bodies", [(SUPPORTED, REFUTED), (REFUTED, SUPPORTED)], ids=["last", "first"])
def test_one_refuted_assert_among_supported_ones_refutes(folder: Folder, bodies: tuple[str, str]) -> None:
    assert run(folder, "\n    ".join(bodies)).verdicts == {"it": "refuted"}


@expectations
def test_inconclusive_fails(folder: Folder, expect: str) -> None:
    found = run(folder, INCONCLUSIVE, expect=expect)
    found.result.assert_outcomes(failed=1)
    assert found.exit_code == 1
    assert "Inconclusive: " in found.text
    assert found.claims["it"]["verdict"] == "inconclusive"
    assert not found.claims["it"]["as_expected"]


@pytest.mark.sampled(1)
@expectations
def test_inconclusive_skips_under_the_option(folder: Folder, expect: str) -> None:
    found = run(folder, INCONCLUSIVE, "--circuit-inconclusive=skip", "-rs", expect=expect)
    found.result.assert_outcomes(skipped=1)
    assert found.exit_code == 0
    assert found.claims["it"]["verdict"] == "inconclusive"
    assert "inconclusive: claim it: ioi.logit_diff(model) == 0" in found.text


@pytest.mark.sampled(2)
@expectations
@pytest.mark.parametrize("body, name", list(zip(ERRORS, ERROR_NAMES, strict=True)), ids=ERROR_NAMES)
def test_another_exception_fails_as_an_error(folder: Folder, body: str, name: str, expect: str) -> None:
    found = run(folder, body, expect=expect)
    found.result.assert_outcomes(failed=1)
    assert found.exit_code == 1
    assert letters(found) == "F"
    assert found.claims["it"]["verdict"] == "error"
    assert name in found.claims["it"]["reason"]


@expectations
def test_exception_in_a_fixture_is_an_error(folder: Folder, expect: str) -> None:
    found = folder.run(f"""
import pytest

@pytest.fixture
def broken():
    raise RuntimeError("no such thing")

@claim(id="it", expect={expect!r})
def test_it(model, ioi, broken):
    {SUPPORTED}
""")
    found.result.assert_outcomes(errors=1)
    assert found.exit_code == 1
    assert found.verdicts == {"it": "error"}
    assert "no such thing" in found.claims["it"]["reason"]


def test_exception_after_the_verdict_in_teardown_is_an_error(folder: Folder) -> None:
    found = folder.run(f"""
import pytest

@pytest.fixture
def breaks():
    yield
    raise RuntimeError("afterwards")

@claim(id="it")
def test_it(model, ioi, breaks):
    {SUPPORTED}
""")
    found.result.assert_outcomes(passed=1, errors=1)
    assert found.verdicts == {"it": "error"}
    assert "afterwards" in found.claims["it"]["reason"]
    assert len(found.report["claims"]) == 1


@expectations
def test_missing_model_skips_and_says_how_to_get_it(folder: Folder, expect: str) -> None:
    found = run(folder, SUPPORTED, "-rs", model="missing.gguf", expect=expect)
    found.result.assert_outcomes(skipped=1)
    assert found.exit_code == 0
    assert found.claims["it"]["verdict"] == "skipped"
    assert "put the GGUF file there" in found.claims["it"]["reason"]
    assert "put the GGUF file there" in found.text


def test_unreachable_hub_model_skips_and_says_how_to_get_it(folder: Folder) -> None:
    found = run(folder, SUPPORTED, model="no-such-owner/no-such-model")
    found.result.assert_outcomes(skipped=1)
    reason = found.claims["it"]["reason"]
    assert "no-such-owner/no-such-model" in reason
    assert "download" in reason


def test_missing_model_skips_each_of_its_claims(folder: Folder) -> None:
    found = folder.run("""
@claim(id="a", model="missing.gguf")
def test_a(model, ioi):
    assert ioi.logit_diff(model) < 100

@claim(id="b", model="missing.gguf")
def test_b(model, ioi):
    assert ioi.logit_diff(model) < 100
""")
    found.result.assert_outcomes(skipped=2)
    assert found.verdicts == {"a": "skipped", "b": "skipped"}


@pytest.mark.parametrize("load", ["load_model", "cc.load"])
def test_missing_model_loaded_in_the_claim_skips(folder: Folder, load: str) -> None:
    found = folder.run(f"""
@claim(id="it", model=None)
def test_it(load_model, ioi):
    assert ioi.logit_diff({load}("missing.gguf")) < 100
""")
    found.result.assert_outcomes(skipped=1)
    assert found.verdicts == {"it": "skipped"}


@expectations
def test_missing_model_is_an_error_where_models_are_required(folder: Folder, expect: str) -> None:
    found = run(folder, SUPPORTED, "--circuit-require-models", model="missing.gguf", expect=expect)
    found.result.assert_outcomes(errors=1)
    assert found.exit_code == 1
    assert found.claims["it"]["verdict"] == "error"
    assert "put the GGUF file there" in found.text


def test_skip_marks_skip_claims(folder: Folder) -> None:
    found = folder.run(f"""
import pytest

@pytest.mark.skip(reason="not today")
@claim(id="it")
def test_it(model, ioi):
    {SUPPORTED}
""")
    found.result.assert_outcomes(skipped=1)
    assert found.verdicts == {"it": "skipped"}
    assert "not today" in found.claims["it"]["reason"]


@pytest.mark.sampled(1)
@pytest.mark.parametrize("body, letter, word", [(REFUTED, "R", "REFUTED"), (INCONCLUSIVE, "I", "INCONCLUSIVE")])
def test_refuted_and_inconclusive_have_letters_and_words_and_count_as_failed(
    folder: Folder, body: str, letter: str, word: str
) -> None:
    found = run(folder, body)
    assert letters(found) == letter
    found.shows("*= 1 failed in *")
    run(folder, body, "-v").shows(f"hypotheses/test_claims.py::test_it?tiny? {word}*", "*= 1 failed in *")


def test_supported_word_is_pytests_own(folder: Folder) -> None:
    run(folder, SUPPORTED, "-v").shows("hypotheses/test_claims.py::test_it?tiny? PASSED*")


def test_nothing_selected_has_pytests_exit_code(folder: Folder) -> None:
    assert run(folder, SUPPORTED, "-k", "nothing").exit_code == pytest.ExitCode.NO_TESTS_COLLECTED


CAUGHT = [
    "import contextlib\n    with contextlib.suppress(AssertionError):\n        assert ioi.logit_diff(model) > 100",
    "try:\n        assert ioi.logit_diff(model) < 100\n        assert ioi.logit_diff(model) > 100\n"
    "    except AssertionError:\n        pass",
    "from pytest_check import check\n    with check:\n        assert ioi.logit_diff(model) > 100",
    "from pytest_check import check\n    check.is_true(ioi.logit_diff(model) > 100)",
    "subtests = request.getfixturevalue('subtests')\n    for bound in (-100, 100):\n        with "
    "subtests.test(bound=bound):\n            assert ioi.logit_diff(model) > bound",
]


@expectations
@pytest.mark.parametrize("body", CAUGHT, ids=["suppress", "try", "with check", "check.is_true", "subtests"])
@pytest.mark.sampled(1)
def test_a_refutation_that_something_caught_is_a_refutation(folder: Folder, body: str, expect: str) -> None:
    found = folder.run(
        f"@claim(id='it', samples=32, expect={expect!r})\ndef test_it(model, ioi, request):\n    {body}\n",
    )
    assert found.claims["it"]["verdict"] == "refuted"
    if "check" not in body:  # which fails a test by itself, whatever is expected of it
        assert found.exit_code == (1 if expect == "supported" else 0)


def test_an_assert_that_holds_by_its_other_half_is_no_refutation(folder: Folder) -> None:
    found = run(folder, "assert ioi.logit_diff(model) > 100 or ioi.logit_diff(model) < 100")
    assert found.claims["it"]["verdict"] == "supported"


OWN_METRIC = """\
def inner(logits):
        return logits[999_999]
    def own(logits, prompts):
        return inner(logits)
    assert ioi.metric(cc.metric(own), model) > 0"""


def test_an_error_in_a_metric_of_ones_own_shows_ones_own_lines(folder: Folder) -> None:
    found = run(folder, OWN_METRIC)
    assert found.verdicts == {"it": "error"}
    found.shows("*in own*", "*def inner*", "E*IndexError: index 999999*")
    assert "circuitcheck/engine" not in found.text


@pytest.mark.parametrize("body", [SUPPORTED, "assert ioi.logit_diff(cc.load('broken')) < 100"], ids=["fixture", "claim"])
def test_a_model_that_cannot_be_read_shows_no_line_of_ours(folder: Folder, body: str) -> None:
    broken = folder.pytester.mkdir("broken")
    (broken / "config.json").write_text('{"model_type": "gpt3"}')
    found = run(folder, body, model="./broken" if body == SUPPORTED else "tiny")
    assert found.claims["it"]["reason"].startswith("CorruptCheckpoint: ")
    found.shows("*is of model type 'gpt3', which this version of transformers does not know. Did you mean 'gpt*'?*")
    assert "circuitcheck/engine" not in found.text
    assert "circuitcheck/plugin" not in found.text


def test_a_bug_of_ours_keeps_its_whole_traceback(folder: Folder) -> None:
    breaks = "monkeypatch.setattr('circuitcheck.session.session.np', None)"
    found = folder.run(f"@claim(id='it')\ndef test_it(model, ioi, monkeypatch):\n    {breaks}\n    {SUPPORTED}\n")
    found.shows("E*AttributeError*", "*circuitcheck/session/session.py*")


def test_a_note_of_many_claims_is_written_once(folder: Folder) -> None:
    claims = [f"@claim(id='c{i}')\ndef test_{i}(model, ioi): raise RuntimeError('same')\n" for i in range(7)]
    folder.run("\n".join(claims)).shows("c0, c1, c2, c3, c4 and 2 more: RuntimeError: same")


@pytest.mark.sampled(1)
@pytest.mark.parametrize("slip", ["@cc.claim", "@cc.claim('a sentence')"])
def test_a_claim_without_its_words_says_how_one_is_written(folder: Folder, slip: str) -> None:
    found = folder.run(f"{slip}\ndef test_it(model, ioi): pass\n", report=False)
    found.shows("*id='ioi.name-movers'*")
