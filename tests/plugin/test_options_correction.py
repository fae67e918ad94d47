"""--circuit-correction none|holm|bh|e-bh: advice on all claims of a run together, which changes no verdict."""

import math
import re
from pathlib import Path
from typing import Any

import pytest
from claims_folder import COSTS, Folder, Run
from edges import QUANTITY, Edge, measure

import circuitcheck as cc

METHODS = ("holm", "bh", "e-bh")
KNOWN = {  # claims with the p-value that they must have
    "tiny": Edge(1e-6),
    "small": Edge(3e-5),
    "less": Edge(5e-5),
    "denied": Edge(0.001),
    "more": Edge(0.012),
    "much": Edge(0.03),
}
BY_OTHER_METHODS = {
    "looks": Edge(0.02, samples=64),
    "new": Edge(0.004, scope="new_templates"),
    "share": Edge(0.013, quantity=f"{QUANTITY}.above(0)"),
    "shares": Edge(0.011, quantity=f"{QUANTITY}.above(0)", samples=64),
}
NOTHING_FOR_THEM = ("open", "wrong", "unexpected")
UNCOUNTED = ("error", "nothing", "skipped")
OTHERS = """
import json
from pathlib import Path

ROWS = ({"text": f"Then {name} and", "answer": " Mary", "distractor": " John"} for name in ("Tom", "James", "Sarah"))
Path("names.jsonl").write_text("".join(json.dumps(row) + "\\n" for row in ROWS))
NAMES = cc.Task.from_records("names.jsonl", population=True)

@claim(id="finite")
def test_finite(model):
    assert NAMES.metric("rank", model) < 600

@claim(id="finite-denied", expect="refuted")
def test_finite_denied(model):
    assert NAMES.metric("rank", model) > 600

@claim(id="open", samples=32)
def test_open(model, ioi):
    assert ioi.logit_diff(model) == cc.approx(0, abs=0.001)

@claim(id="wrong", samples=32)
def test_wrong(model, ioi):
    assert ioi.logit_diff(model) > 50

@claim(id="unexpected", samples=32, expect="refuted")
def test_unexpected(model, ioi):
    assert ioi.logit_diff(model) < 50

@claim(id="error")
def test_error(model, ioi):
    assert 1 == 2

@claim(id="nothing")
def test_nothing(model, ioi):
    pass

@claim(id="skipped", model="missing.gguf")
def test_skipped(model, ioi):
    assert ioi.logit_diff(model) < 50
"""
EXACT = ("finite", "finite-denied")
COUNTED = (*KNOWN, *EXACT, *NOTHING_FOR_THEM)


@pytest.fixture(scope="module", autouse=True)
def warm_statistics(warm: None, tiny_gpt2: Path) -> None:
    """As `warm`, for what only these claims import."""
    with cc.use_session(cc.Session(cc.Settings(scope="new_templates"))):
        assert cc.tasks.ioi().logit_diff(cc.load(str(tiny_gpt2))) < 100


@pytest.fixture
def ends(folder: Folder, kept: dict[str, Any]) -> dict[str, float]:
    if "ends" not in kept:
        kept["ends"] = measure(folder, KNOWN | BY_OTHER_METHODS)
    return kept["ends"]


@pytest.fixture
def claims(ends: dict[str, float]) -> str:
    """Claims with known p-values, and of every other kind."""

    def known(name: str) -> str:
        denied = {"relation": ">", "expect": "refuted"} if name == "denied" else {}
        return KNOWN[name].claim(name, ends[name], **denied)

    return "".join(map(known, KNOWN)) + OTHERS


@pytest.fixture
def runs(folder: Folder, claims: str, kept: dict[str, Any]) -> dict[str, Run]:
    """One run without the option and one for each method, for all tests that only read them."""
    if "runs" not in kept:
        kept["runs"] = {"": folder.run(claims)}
        kept["runs"] |= {method: folder.run(None, f"--circuit-correction={method}") for method in METHODS}
    return kept["runs"]


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def run(runs: dict[str, Run], method: str) -> Run:
    return runs[method]


def evidence(run: Run) -> dict[str, tuple[float, float]]:
    """p and e of each claim that counts, infinity for null."""
    return {
        each["id"]: (each["p"], math.inf if each["e"] is None else each["e"]) for each in run.report["correction"]["claims"]
    }


def adjusted(run: Run) -> dict[str, float]:
    return {each["id"]: each["adjusted"] for each in run.report["correction"]["claims"]}


def standing(run: Run) -> set[str]:
    return {each["id"] for each in run.report["correction"]["claims"] if each["stands"]}


def shown(run: Run) -> str:
    """The terminal's part on claims, without paths that hold a test's name."""
    text = run.text[run.text.index("circuit hypotheses") :]
    return text[: text.index("short test summary")] if "short test summary" in text else text


def holm_by_hand(p: dict[str, float]) -> dict[str, float]:
    found, largest = {}, 0.0
    for passed, name in enumerate(sorted(p, key=p.__getitem__)):
        largest = max(largest, min(1.0, (len(p) - passed) * p[name]))
        found[name] = largest
    return found


def bh_by_hand(p: dict[str, float]) -> dict[str, float]:
    found, smallest = {}, 1.0
    for rank, name in reversed(list(enumerate(sorted(p, key=p.__getitem__), start=1))):
        smallest = min(smallest, len(p) * p[name] / rank)
        found[name] = smallest
    return found


def e_bh_by_hand(e: dict[str, float], alpha: float) -> set[str]:
    ordered = sorted(e, key=e.__getitem__, reverse=True)
    last = max((k for k, name in enumerate(ordered, start=1) if e[name] >= len(e) / (alpha * k)), default=0)
    return set(ordered[:last])


# Without the option


def test_default_says_nothing(runs: dict[str, Run]) -> None:
    plain = runs[""]
    assert plain.report["correction"] is None
    assert [claim["evidence"] for claim in plain.claims.values()] == [None] * len(plain.claims)
    assert not any(each in shown(plain) for each in METHODS)


def test_none_comes_before_the_ini_and_says_nothing(folder: Folder) -> None:
    folder.pytester.makeini("[pytest]\ncircuit_correction = holm\n")
    run = folder.run(Edge(0.05).claim("it", 50), "--circuit-correction=none")
    assert run.report["correction"] is None
    assert run.claims["it"]["evidence"] is None
    assert "holm" not in shown(run)


def test_claims_are_decided_as_these_tests_assume(runs: dict[str, Run]) -> None:
    expected = dict.fromkeys((*KNOWN, "finite", "unexpected"), "supported")
    expected |= dict.fromkeys(("denied", "finite-denied", "wrong"), "refuted")
    expected |= {"open": "inconclusive", "error": "error", "nothing": "error", "skipped": "skipped"}
    assert runs[""].verdicts == expected


# What is said, and of whom


def test_report_names_the_method_and_the_level(run: Run, method: str) -> None:
    correction = run.report["correction"]
    assert correction["method"] == method
    assert correction["alpha"] == pytest.approx(0.05)
    assert correction["controls"]


def test_each_claim_with_a_verdict_counts_once(run: Run) -> None:
    counted = [(each["id"], each["param"]) for each in run.report["correction"]["claims"]]
    assert sorted(counted) == sorted((name, "tiny") for name in COUNTED)


def test_skipped_and_errored_claims_do_not_count_and_have_no_evidence(run: Run) -> None:
    assert not set(UNCOUNTED) & set(evidence(run))
    assert [run.claims[name]["evidence"] for name in UNCOUNTED] == [None] * len(UNCOUNTED)


def test_each_claim_holds_the_evidence_that_was_counted(run: Run) -> None:
    for each in run.report["correction"]["claims"]:
        assert run.claims[each["id"]]["evidence"] == {"p": each["p"], "e": each["e"]}


# p and e


@pytest.mark.parametrize("name", KNOWN)
def test_p_is_the_smallest_error_with_the_same_verdict(runs: dict[str, Run], name: str) -> None:
    """Each threshold is the end of the interval that leaves this error outside; `denied` is refuted by it, as expected."""
    assert evidence(runs["holm"])[name][0] == pytest.approx(KNOWN[name].error, rel=1e-3)


def test_p_follows_the_method_and_the_look_that_decided(folder: Folder, ends: dict[str, float]) -> None:
    claims = "".join(edge.claim(name, ends[name]) for name, edge in BY_OTHER_METHODS.items())
    run = folder.run(claims, "--circuit-correction=bh")
    expected = {name: edge.error for name, edge in BY_OTHER_METHODS.items()}
    assert {name: p for name, (p, _) in evidence(run).items()} == pytest.approx(expected, rel=1e-3)
    assert len({claim["comparisons"][0]["method"] for claim in run.claims.values()}) == len(expected)


def test_claim_decided_as_expected_has_a_p_below_its_error(runs: dict[str, Run]) -> None:
    found = evidence(runs["holm"])
    assert max(found[name][0] for name in (*KNOWN, *EXACT)) <= 0.05


@pytest.mark.parametrize("name", NOTHING_FOR_THEM)
def test_inconclusive_and_unexpected_claims_have_no_evidence_for_them(runs: dict[str, Run], name: str) -> None:
    assert evidence(runs["holm"])[name] == (1, 0)


@pytest.mark.parametrize("name", EXACT)
def test_exact_claim_has_a_p_of_zero_and_an_e_that_is_infinite(runs: dict[str, Run], name: str) -> None:
    assert runs["holm"].claims[name]["evidence"] == {"p": 0, "e": None}


def test_e_grows_as_p_falls_and_never_says_more(runs: dict[str, Run]) -> None:
    """An e-value above 1/p would be more evidence than there is."""
    found = evidence(runs["e-bh"])
    one_look = [found[name] for name in ("tiny", "small", "less", "denied", "more", "much")]
    assert all(0 < e <= 1 / p for p, e in one_look)
    assert [e for _, e in sorted(one_look)] == sorted((e for _, e in one_look), reverse=True)
    assert len({e for _, e in one_look}) == len(one_look)


def test_p_and_e_do_not_depend_on_the_method(runs: dict[str, Run]) -> None:
    assert evidence(runs["holm"]) == evidence(runs["bh"]) == evidence(runs["e-bh"])


SEVERAL = """
@claim(id="both", samples=32)
def test_both(model, ioi):
    assert ioi.logit_diff(model) < {denied}
    assert ioi.logit_diff(model) < {more}

@claim(id="chain", samples=32)
def test_chain(model, ioi):
    assert -50 < ioi.logit_diff(model) < {more}

@claim(id="first-denied", samples=32, expect="refuted")
def test_first_denied(model, ioi):
    assert ioi.logit_diff(model) > {more}
    assert ioi.logit_diff(model) < 50

@claim(id="last-denied", samples=32, expect="refuted")
def test_last_denied(model, ioi):
    assert ioi.logit_diff(model) < 50
    assert ioi.logit_diff(model) > {more}

@claim(id="not-enough", samples=32)
def test_not_enough(model, ioi):
    assert ioi.logit_diff(model) < 50
    assert ioi.logit_diff(model) > {much}

@claim(id="not", samples=32)
def test_not(model, ioi):
    assert not ioi.logit_diff(model) > {much}

@claim(id="late-error", samples=32)
def test_late_error(model, ioi):
    assert ioi.logit_diff(model) < 50
    assert 1 == 2

@claim(id="lenient", samples=32, confidence=0.8)
def test_lenient(model, ioi):
    assert ioi.logit_diff(model) < {more}

@claim(id="shared", samples=32, family="ioi", family_size=3)
def test_shared(model, ioi):
    assert ioi.logit_diff(model) < {less}
"""


@pytest.fixture
def several(folder: Folder, ends: dict[str, float], kept: dict[str, Any]) -> Run:
    if "several" not in kept:
        kept["several"] = folder.run(SEVERAL.format(**ends), "--circuit-correction=holm")
    return kept["several"]


@pytest.mark.parametrize("name, decided_by", [("both", "more"), ("chain", "more"), ("not", "much")])
def test_several_asserts_are_supported_together_at_the_largest_p(several: Run, name: str, decided_by: str) -> None:
    assert several.verdicts[name] == "supported"
    assert evidence(several)[name][0] == pytest.approx(KNOWN[decided_by].error, rel=1e-3)


@pytest.mark.parametrize("name", ["first-denied", "last-denied"])
def test_claim_refuted_by_one_of_its_two_asserts_has_twice_its_p(several: Run, name: str) -> None:
    """Either of its asserts could have refuted it, so each has half of the error."""
    assert several.verdicts[name] == "refuted"
    assert evidence(several)[name][0] == pytest.approx(2 * KNOWN["more"].error, rel=1e-3)


def test_assert_that_alone_would_be_refuted_is_not_where_it_shares_the_error(several: Run) -> None:
    assert several.verdicts["not-enough"] == "inconclusive"
    assert "share this claim's error of being refuted" in several.claims["not-enough"]["reason"]


@pytest.mark.parametrize("name, error, confidence", [("lenient", "more", 0.8), ("shared", "less", 1 - 0.05 / 3)])
def test_p_does_not_depend_on_the_level_a_claim_is_held_to(several: Run, name: str, error: str, confidence: float) -> None:
    (comparison,) = several.claims[name]["comparisons"]
    assert (comparison["verdict"], comparison["confidence"]) == ("supported", pytest.approx(confidence))
    assert evidence(several)[name][0] == pytest.approx(KNOWN[error].error, rel=1e-3)


def test_claim_that_compared_before_its_error_does_not_count_either(several: Run) -> None:
    assert several.verdicts["late-error"] == "error"
    assert "late-error" not in evidence(several)
    assert several.claims["late-error"]["evidence"] is None


# The methods, by hand from the p and e in the report


def test_holm(runs: dict[str, Run]) -> None:
    found = holm_by_hand({name: p for name, (p, _) in evidence(runs["holm"]).items()})
    assert adjusted(runs["holm"]) == pytest.approx(found)
    assert standing(runs["holm"]) == {name for name, p in found.items() if p <= 0.05}


def test_bh(runs: dict[str, Run]) -> None:
    found = bh_by_hand({name: p for name, (p, _) in evidence(runs["bh"]).items()})
    assert adjusted(runs["bh"]) == pytest.approx(found)
    assert standing(runs["bh"]) == {name for name, p in found.items() if p <= 0.05}


def test_e_bh(runs: dict[str, Run]) -> None:
    e = {name: value for name, (_, value) in evidence(runs["e-bh"]).items()}
    assert standing(runs["e-bh"]) == e_bh_by_hand(e, 0.05)


def test_methods_tell_these_claims_apart(runs: dict[str, Run]) -> None:
    """Else the three tests above would show little."""
    assert set(EXACT) < standing(runs["e-bh"]) < {*KNOWN, *EXACT}
    assert set(EXACT) < standing(runs["holm"]) < standing(runs["bh"]) <= {*KNOWN, *EXACT}
    assert standing(runs["e-bh"]) not in (standing(runs["holm"]), standing(runs["bh"]))


@pytest.mark.slow
def test_level_is_the_error_of_the_run(folder: Folder, ends: dict[str, float]) -> None:
    claims = KNOWN["much"].claim("much", ends["much"]) + KNOWN["more"].claim("more", ends["more"])
    usual = folder.run(claims, "--circuit-correction=holm")
    strict = folder.run(None, "--circuit-correction=holm", "--circuit-confidence=0.98")
    assert (usual.report["correction"]["alpha"], standing(usual)) == (pytest.approx(0.05), {"more", "much"})
    assert (strict.report["correction"]["alpha"], strict.verdicts["much"]) == (pytest.approx(0.02), "inconclusive")
    assert standing(strict) == set()


@pytest.mark.slow
def test_claims_that_were_not_selected_do_not_count(folder: Folder, claims: str, runs: dict[str, Run]) -> None:
    run = folder.run(claims, "--circuit-correction=holm", "-k", "much")
    assert run.claims["much"]["comparisons"] == runs["holm"].claims["much"]["comparisons"]
    (only,) = run.report["correction"]["claims"]
    assert (only["id"], only["adjusted"], only["stands"]) == ("much", only["p"], True)


def test_run_without_verdicts_corrects_nothing(folder: Folder) -> None:
    run = folder.run("@claim(id='it')\ndef test_it(model):\n    assert 1 == 2\n", "--circuit-correction=e-bh")
    assert run.verdicts == {"it": "error"}
    assert run.report["correction"]["claims"] == []


# It changes nothing


def test_no_verdict_outcome_or_exit_code_changes(runs: dict[str, Run], run: Run) -> None:
    plain = runs[""]
    assert run.exit_code == plain.exit_code == pytest.ExitCode.TESTS_FAILED
    assert run.result.parseoutcomes() == plain.result.parseoutcomes()
    assert run.report["summary"] == plain.report["summary"]
    for name, claim in plain.claims.items():
        same = {cost: claim[cost] for cost in (*COSTS, "evidence")}
        assert {**run.claims[name], **same} == claim


@pytest.mark.slow
def test_run_of_supported_claims_passes_though_none_of_them_stands(folder: Folder, ends: dict[str, float]) -> None:
    claims = "".join(KNOWN["much"].claim(f"much{number}", ends["much"] + 1e-9 * number) for number in range(3))
    run = folder.run(claims, "--circuit-correction=holm")
    assert standing(run) == set()
    run.result.assert_outcomes(passed=3)
    assert run.exit_code == pytest.ExitCode.OK


# What a person sees


def test_terminal_counts_those_that_stand(run: Run, method: str) -> None:
    assert re.search(rf"^{method} .*\b{len(standing(run))} of {len(COUNTED)} claims\b", shown(run), re.MULTILINE)


def test_terminal_names_those_that_do_not_stand(run: Run, method: str) -> None:
    advice = shown(run)[re.search(rf"^{method} ", shown(run), re.MULTILINE).start() :]
    named = {name for name in COUNTED if re.search(rf"^ .*(?<![\w-]){name}\[tiny\]", advice, re.MULTILINE)}
    assert named == set(COUNTED) - standing(run)


@pytest.mark.parametrize("method", ["holm", "bh"])
def test_terminal_gives_p_and_adjusted_p(runs: dict[str, Run], method: str) -> None:
    assert re.findall(r"does not stand: open\[tiny\], (.*)$", shown(runs[method]), re.MULTILINE) == ["p 1, adjusted 1"]


def test_without_the_table_the_report_still_has_it(folder: Folder) -> None:
    run = folder.run(Edge(0.05).claim("it", 50), "--circuit-correction=bh", "--circuit-summary=off")
    assert [each["id"] for each in run.report["correction"]["claims"]] == ["it"]


# Ways to ask for it


def test_ini_sets_it_and_the_command_line_comes_first(folder: Folder) -> None:
    folder.pytester.makeini("[pytest]\ncircuit_correction = bh\n")
    assert folder.run(Edge(0.05).claim("it", 50)).report["correction"]["method"] == "bh"
    assert folder.run(None, "--circuit-correction=e-bh").report["correction"]["method"] == "e-bh"


@pytest.mark.parametrize("value", ["bonferroni", "Holm", ""])
def test_another_word_is_a_usage_error(folder: Folder, value: str) -> None:
    folder.run(OTHERS, f"--circuit-correction={value}").usage_error("--circuit-correction", repr(value), *METHODS)


def test_another_word_in_the_ini_is_a_usage_error(folder: Folder) -> None:
    folder.pytester.makeini("[pytest]\ncircuit_correction = bonferroni\n")
    folder.run(OTHERS).usage_error("circuit_correction", "'bonferroni'", *METHODS)
