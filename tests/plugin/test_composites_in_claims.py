"""`assert cc.any_of(...)` and `assert cc.all_of(...)` inside a claim: one comparison, whatever way it is written."""

import re
from typing import Any

import pytest
from claims_folder import Folder, Run
from edges import QUANTITY, Edge, measure

TRUE, TRUE_TOO, FALSE, FALSE_TOO, OPEN = "q < 100", "q > -100", "q > 100", "q < -100", "q == cc.approx(0, abs=0.001)"
WORDS = {each: f"{QUANTITY}{each[1:]}" for each in (TRUE, TRUE_TOO, FALSE, FALSE_TOO)}
WORDS[OPEN] = f"{QUANTITY} == 0 ± 0.001"
WAYS = {  # of writing the assert
    "inline": "assert cc.{kind}({a}, {b})",
    "lines": "assert cc.{kind}(\n    {a},\n    {b},\n)",
    "named-parts": "a = {a}\nb = {b}\nassert cc.{kind}(a, b)",
    "named": "it = cc.{kind}({a}, {b})\nassert it",
    "helper": "def it():\n    return cc.{kind}({a}, {b})\nassert it()",
}
ways = pytest.mark.parametrize("way", WAYS)
INLINE = WAYS["inline"]


def claim(name: str, body: str, **arguments: object) -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    given = "".join(f", {key}={value!r}" for key, value in arguments.items())
    return (
        f"\n@claim(id={name!r}, samples=32{given})\ndef test_{name.replace('-', '_')}(model, ioi):\n"
        f"    q = ioi.logit_diff(model)\n{lines}"
    )


def each_way(name: str, kind: str, a: str, b: str, **arguments: object) -> str:
    return "".join(claim(f"{name}-{way}", body.format(kind=kind, a=a, b=b), **arguments) for way, body in WAYS.items())


CLAIMS = (
    each_way("any-supported", "any_of", FALSE, TRUE)
    + each_way("any-refuted", "any_of", FALSE, FALSE_TOO)
    + each_way("any-open", "any_of", FALSE, OPEN)
    + each_way("all-supported", "all_of", TRUE, TRUE_TOO)
    + each_way("all-refuted", "all_of", TRUE, FALSE)
    + each_way("all-open", "all_of", TRUE, OPEN)
    + each_way("all-refuted-by-one", "all_of", FALSE, OPEN)
    + each_way("denied", "any_of", FALSE, FALSE_TOO, expect="refuted")
    + claim("not-refuted", f"a, b = {FALSE}, {FALSE_TOO}\nassert not cc.any_of(a, b)")
    + claim("not-supported", f"a, b = {FALSE}, {TRUE}\nassert not cc.any_of(a, b)")
    + claim("not-supported-inline", f"assert not cc.any_of({FALSE}, {TRUE})")
    + claim("unexpected", INLINE.format(kind="any_of", a=TRUE, b=FALSE), expect="refuted")
    + claim("beside", f"a, b = {TRUE}, {FALSE}\nflag = False\nassert cc.any_of(a, b) and flag")
    + claim("beside-inline", f"flag = False\nassert cc.any_of({TRUE}, {FALSE}) and flag")
    + claim("beside-inline-denied", f"flag = False\nassert cc.any_of({TRUE}, {FALSE}) and flag", expect="refuted")
    + claim("unasked", f"cc.any_of({TRUE}, {FALSE})\nassert {TRUE_TOO}")
    + claim("nothing", f"cc.any_of({TRUE}, {FALSE})")
    + claim("parts-too", f"a, b = {TRUE}, {FALSE}\nassert cc.any_of(a, b)\nassert a")
    + claim("part-refuted-after", f"a, b = {TRUE}, {FALSE}\nassert cc.any_of(a, b)\nassert b")
    + claim("nested", f"assert cc.all_of(cc.any_of({TRUE}, {FALSE}), {TRUE_TOO})")
    + claim("both-chain", f"assert cc.any_of({TRUE}, {FALSE})\nassert -100 < q < 100\nassert cc.all_of({TRUE}, {TRUE_TOO})")
    + claim("then-refuted", f"assert cc.any_of({TRUE}, {FALSE})\nassert -200 < q < -150")
    + claim("one-part", f"assert cc.any_of({TRUE})")
    + claim("bare-quantity", f"assert cc.all_of({TRUE}, q)")
    + claim("bare-bool", f"assert cc.all_of({TRUE}, True)")
)


@pytest.fixture
def run(folder: Folder, kept: dict[str, Any]) -> Run:
    """One run for all tests that only read it."""
    if "run" not in kept:
        kept["run"] = folder.run(CLAIMS, "--circuit-correction=holm")
    return kept["run"]


def compared(run: Run, name: str) -> dict[str, Any]:
    (comparison,) = run.claims[name]["comparisons"]
    return comparison


def asked(run: Run, name: str) -> list[tuple[str, float | None, str]]:
    return [(each["relation"], each["threshold"], each["verdict"]) for each in run.claims[name]["comparisons"]]


def parts(run: Run, name: str) -> list[tuple[str, str]]:
    return [(each["expression"], each["verdict"]) for each in compared(run, name)["parts"]]


def failure(run: Run, name: str) -> str:
    text = run.text[run.text.index(f"_ test_{name.replace('-', '_')}[tiny] _") :]
    return text[: text.index(f"claim {name}[tiny], seed 0")]


# One comparison with parts, however it is written


@ways
@pytest.mark.parametrize(
    "name, relation, verdict, a, b",
    [
        ("any-supported", "any of", "supported", (FALSE, "refuted"), (TRUE, "supported")),
        ("any-refuted", "any of", "refuted", (FALSE, "refuted"), (FALSE_TOO, "refuted")),
        ("any-open", "any of", "inconclusive", (FALSE, "refuted"), (OPEN, "inconclusive")),
        ("all-supported", "all of", "supported", (TRUE, "supported"), (TRUE_TOO, "supported")),
        ("all-refuted", "all of", "refuted", (TRUE, "supported"), (FALSE, "refuted")),
        ("all-open", "all of", "inconclusive", (TRUE, "supported"), (OPEN, "inconclusive")),
        ("all-refuted-by-one", "all of", "refuted", (FALSE, "refuted"), (OPEN, "inconclusive")),
    ],
)
@pytest.mark.sampled(6)
def test_question_of_two_parts_is_one_comparison(
    run: Run, name: str, way: str, relation: str, verdict: str, a: tuple[str, str], b: tuple[str, str]
) -> None:
    name = f"{name}-{way}"
    assert run.verdicts[name] == verdict
    assert asked(run, name) == [(relation, None, verdict)]
    assert parts(run, name) == [(WORDS[a[0]], a[1]), (WORDS[b[0]], b[1])]


def test_parts_have_what_a_comparison_has_and_the_whole_has_none_of_it(run: Run) -> None:
    whole = compared(run, "all-supported-inline")
    assert (whole["estimate"], whole["ci"], whole["threshold"], whole["n"]) == (None, [None, None], None, 32)
    assert all(words in whole["expression"] for words in (WORDS[TRUE], WORDS[TRUE_TOO]))
    for part in whole["parts"]:
        assert part["ci"][0] < part["estimate"] < part["ci"][1]
        assert (part["n"], len(part["looks"]), part["parts"]) == (32, 1, [])
    assert [part["threshold"] for part in whole["parts"]] == [100, -100]


def test_level_is_split_where_one_part_decides(run: Run) -> None:
    """any_of is supported, and all_of refuted, by one part alone."""
    assert compared(run, "any-supported-named")["confidence"] == 0.95
    assert compared(run, "any-supported-named")["parts"][1]["confidence"] == 0.975
    assert compared(run, "all-refuted-named")["parts"][1]["confidence"] == 0.975
    assert [part["confidence"] for part in compared(run, "all-supported-named")["parts"]] == [0.95, 0.95]
    assert [part["confidence"] for part in compared(run, "any-refuted-named")["parts"]] == [0.95, 0.95]


def test_part_that_decides_at_its_own_level_only_decides_nothing_for_all(folder: Folder) -> None:
    ends = measure(folder, {"alone": Edge(0.05), "split": Edge(0.025)})
    between = (ends["alone"] + ends["split"]) / 2
    run = folder.run(
        claim("alone", f"assert q < {between}")
        + claim("any", f"assert cc.any_of(q < {between}, {FALSE})")
        + claim("all", f"assert cc.all_of(q < {between}, {TRUE})")
        + claim("all-denied", f"assert cc.all_of(q > {between}, {TRUE})")
        + claim("any-denied", f"assert cc.any_of(q > {between}, {FALSE})", expect="refuted")
    )
    assert run.verdicts == {
        "alone": "supported",
        "any": "inconclusive",
        "all": "supported",
        "all-denied": "inconclusive",
        "any-denied": "refuted",
    }


@ways
def test_evidence_does_not_depend_on_how_the_assert_is_written(run: Run, way: str) -> None:
    assert run.claims[f"denied-{way}"]["evidence"] == run.claims["denied-named"]["evidence"]


def test_evidence_is_split_where_one_part_decides(folder: Folder) -> None:
    ends = measure(folder, {"few": Edge(0.001), "more": Edge(0.01)})
    few, more = ends["few"], ends["more"]
    run = folder.run(
        claim("any", f"assert cc.any_of(q < {more}, {FALSE})")
        + claim("all", f"assert cc.all_of(q < {more}, q < {few})")
        + claim("any-denied", f"it = cc.any_of(q > {more}, q > {few})\nassert it", expect="refuted")
        + claim("all-denied", f"it = cc.all_of(q > {more}, {TRUE})\nassert it", expect="refuted"),
        "--circuit-correction=holm",
    )
    p = {name: each["evidence"]["p"] for name, each in run.claims.items()}
    assert p == pytest.approx({"any": 0.02, "all": 0.01, "any-denied": 0.01, "all-denied": 0.02}, rel=1e-3)


# What a refuted one raises and says


@ways
@pytest.mark.parametrize("name, kind", [("any-refuted", "any of"), ("all-refuted", "all of")])
def test_refuted_question_shows_each_part(run: Run, name: str, kind: str, way: str) -> None:
    a, b = (FALSE, FALSE_TOO) if kind == "any of" else (TRUE, FALSE)
    said = failure(run, f"{name}-{way}")
    assert re.search(rf"^E +\S*Refuted: claim {name}-{way}: .*{kind}.* is refuted$", said, re.MULTILINE)
    assert f"{WORDS[a]} is {'refuted' if kind == 'any of' else 'supported'}" in said
    assert f"{WORDS[b]} is refuted" in said
    assert said.count("% interval [") == 2


@ways
def test_all_of_refuted_by_one_part_shows_the_other_as_inconclusive(run: Run, way: str) -> None:
    said = failure(run, f"all-refuted-by-one-{way}")
    assert "Refuted: claim" in said
    assert f"{WORDS[OPEN]} is inconclusive" in said


@ways
def test_inconclusive_question_shows_each_part_and_what_would_decide(run: Run, way: str) -> None:
    said = failure(run, f"all-open-{way}")
    assert "Inconclusive: " in said
    assert f"{WORDS[TRUE]} is supported" in said
    assert f"{WORDS[OPEN]} is inconclusive" in said
    assert "to decide: with probability 0.8" in said


@ways
def test_expected_refutation_is_an_xfail(run: Run, way: str) -> None:
    assert run.verdicts[f"denied-{way}"] == "refuted"
    assert run.claims[f"denied-{way}"]["as_expected"]


def test_unexpected_support_is_a_strict_xpass(run: Run) -> None:
    assert run.verdicts["unexpected"] == "supported"
    assert not run.claims["unexpected"]["as_expected"]
    assert "XPASS(strict)" in failure(run, "unexpected")


def test_outcomes_follow_the_verdicts(run: Run) -> None:
    passed = 2 * len(WAYS) + len(("not-refuted", "unasked", "parts-too", "nested", "both-chain"))
    run.result.assert_outcomes(passed=passed, xfailed=len(WAYS), failed=len(run.claims) - passed - len(WAYS))


# Denied, and beside other things


def test_denied_question_that_is_refuted_passes(run: Run) -> None:
    assert run.verdicts["not-refuted"] == "supported"
    assert asked(run, "not-refuted") == [("any of", None, "refuted")]


@pytest.mark.parametrize("name", ["not-supported", "not-supported-inline"])
def test_denied_question_that_is_supported_refutes_and_shows_each_part(run: Run, name: str) -> None:
    said = failure(run, name)
    assert run.verdicts[name] == "refuted"
    assert asked(run, name) == [("any of", None, "supported")]
    assert re.search(r"Refuted: .*denies.*any of.* is supported$", said, re.MULTILINE)
    assert f"{WORDS[FALSE]} is refuted" in said
    assert f"{WORDS[TRUE]} is supported" in said


@pytest.mark.parametrize("name", ["beside", "beside-inline", "beside-inline-denied"])
def test_assert_that_something_else_failed_is_a_plain_failure(run: Run, name: str) -> None:
    """A refuted part of a supported any_of is no refutation, and no expected one either."""
    assert run.verdicts[name] == "error"
    assert "AssertionError" in run.claims[name]["reason"]
    assert "Refuted" not in failure(run, name)


# Warnings


@ways
@pytest.mark.parametrize("name", ["any-supported", "all-supported"])
def test_parts_are_neither_refuted_in_passing_nor_never_asked(run: Run, name: str, way: str) -> None:
    assert run.claims[f"{name}-{way}"]["warnings"] == []


def test_question_never_asked_is_one_warning_and_its_parts_are_none(run: Run) -> None:
    (warning,) = run.claims["unasked"]["warnings"]
    assert "never asked" in warning
    assert "any of" in warning
    assert asked(run, "unasked") == [(">", -100, "supported")]


def test_claim_that_only_builds_a_question_is_an_error(run: Run) -> None:
    assert run.verdicts["nothing"] == "error"
    assert "ClaimAskedNothing" in run.claims["nothing"]["reason"]


def test_warnings_of_parts_are_warnings_of_the_claim(folder: Folder) -> None:
    body = 'first = ioi.metric(cc.metric(lambda logits, prompts: logits[:, 0], name="first_logit"), model)\n'
    run = folder.run(
        claim("plain", body + "assert first < 100") + claim("joined", body + "assert cc.any_of(first < 100, first < 200)")
    )
    (warning,) = run.claims["plain"]["warnings"]
    assert "first_logit" in warning
    assert warning in run.claims["joined"]["warnings"]
    assert f"joined: {warning}" in run.text


# Beside each other


def test_part_may_be_asserted_by_itself_too(run: Run) -> None:
    assert asked(run, "parts-too") == [("any of", None, "supported"), ("<", 100, "supported")]
    assert compared_parts(run, "parts-too", 0) == [WORDS[TRUE], WORDS[FALSE]]


def test_refuted_part_that_is_asserted_by_itself_refutes(run: Run) -> None:
    assert run.verdicts["part-refuted-after"] == "refuted"
    assert asked(run, "part-refuted-after") == [("any of", None, "supported"), (">", 100, "refuted")]
    assert f"Refuted: claim part-refuted-after: {WORDS[FALSE]} is refuted" in failure(run, "part-refuted-after")


def compared_parts(run: Run, name: str, index: int) -> list[str]:
    return [part["expression"] for part in run.claims[name]["comparisons"][index]["parts"]]


def test_nested_question_has_parts_with_parts(run: Run) -> None:
    inner, outer = compared(run, "nested")["parts"]
    assert (inner["relation"], inner["threshold"], inner["verdict"]) == ("any of", None, "supported")
    assert [part["verdict"] for part in inner["parts"]] == ["supported", "refuted"]
    assert (outer["relation"], outer["parts"]) == (">", [])


def test_several_asserts_and_chains_are_recorded_in_order(run: Run) -> None:
    assert asked(run, "both-chain") == [
        ("any of", None, "supported"),
        (">", -100, "supported"),
        ("<", 100, "supported"),
        ("all of", None, "supported"),
    ]
    assert run.claims["both-chain"]["warnings"] == []


def test_chain_refuted_after_a_supported_question_is_named(run: Run) -> None:
    assert asked(run, "then-refuted") == [("any of", None, "supported"), (">", -200, "supported"), ("<", -150, "refuted")]
    assert f"Refuted: claim then-refuted: {QUANTITY} < -150 is refuted" in failure(run, "then-refuted")


@pytest.mark.parametrize("name", ["one-part", "bare-quantity", "bare-bool"])
def test_what_is_no_question_of_several_is_an_error(run: Run, name: str) -> None:
    assert run.verdicts[name] == "error"
    assert "NotComparable" in run.claims[name]["reason"]


# The table


@pytest.mark.parametrize("name", ["any-refuted-named", "all-supported-inline"])
def test_table_has_a_row_for_the_question_and_one_for_each_part(run: Run, name: str) -> None:
    whole = compared(run, name)
    table = run.text[run.text.index("circuit hypotheses") :]
    number, interval = r"-?\d+\.\d{3}", r"\[-?\d+\.\d{3}, -?\d+\.\d{3}\]"
    rows = [rf"{name}\[tiny\] +{whole['verdict']}.*", rf" +- {whole['verdict']} +{whole['relation']}(?: \d)? +32"]
    for part in whole["parts"]:
        rows.append(rf" +- {part['verdict']} +{number} +{interval} +{part['relation']} {part['threshold']:g} +32")
    assert re.search("^" + "\n".join(rows) + "$", table, re.MULTILINE), "\n".join(rows)


def test_table_shows_parts_once(run: Run) -> None:
    table = run.text[run.text.index("circuit hypotheses") :]
    following = table[table.index("any-refuted-inline[tiny]") :].splitlines()[1:]
    below = next(i for i, line in enumerate(following) if not line.lstrip().startswith("- "))
    assert below == 3, "\n".join(following[:below])
