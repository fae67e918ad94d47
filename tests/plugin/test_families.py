"""family= and family_size=: claims that are published together share one error."""

from typing import Any

import pytest
from claims_folder import Folder, Run
from edges import QUANTITY, Edge, measure

SIZE = 12
ALONE, SHARED = 0.05, 0.05 / SIZE
ENDS = {"alone": Edge(ALONE), "shared": Edge(SHARED)}
IN_FAMILY = {"family": "heads", "family_size": SIZE}


@pytest.fixture
def between(folder: Folder, kept: dict[str, Any]) -> float:
    """A threshold that is cleared at 95%, and not at the twelfth of that error."""
    if "between" not in kept:
        ends = measure(folder, ENDS)
        assert ends["alone"] < ends["shared"]
        kept["between"] = (ends["alone"] + ends["shared"]) / 2
    return kept["between"]


def claim(name: str, threshold: float = 100, relation: str = "<", **arguments: object) -> str:
    return Edge(0.05).claim(name, threshold, relation, **arguments)


@pytest.fixture
def run(folder: Folder, between: float, kept: dict[str, Any]) -> Run:
    """One run for all tests that only read it."""
    if "run" not in kept:
        kept["run"] = folder.run(
            claim("alone", between)
            + claim("shared", between, **IN_FAMILY)
            + claim("clear", **IN_FAMILY)
            + claim("denied-alone", between, ">", expect="refuted")
            + claim("denied", between, ">", expect="refuted", **IN_FAMILY)
            + claim("own", between, confidence=0.9, **IN_FAMILY)
            + claim("single", between, family="one", family_size=1)
            + claim("other", between, family="others", family_size=3)
        )
    return kept["run"]


def confidences(run: Run) -> dict[str, float]:
    return {
        name: claim["comparisons"][0]["confidence"] for name, claim in run.claims.items() if len(claim["comparisons"]) == 1
    }


# The level


def test_claim_of_a_family_is_held_to_its_part_of_the_error(run: Run) -> None:
    assert confidences(run) == pytest.approx(
        {
            "alone": 0.95,
            "shared": 1 - 0.05 / SIZE,
            "clear": 1 - 0.05 / SIZE,
            "denied-alone": 0.95,
            "denied": 1 - 0.05 / SIZE,
            "own": 1 - (1 - 0.9) / SIZE,
            "single": 0.95,
            "other": 1 - 0.05 / 3,
        }
    )


def test_what_is_supported_alone_can_be_inconclusive_in_a_family(run: Run) -> None:
    assert run.verdicts["alone"] == run.verdicts["single"] == run.verdicts["clear"] == "supported"
    assert run.verdicts["shared"] == "inconclusive"
    run.shows("INCONCLUSIVE *::test_shared?tiny? - *")


def test_what_is_refuted_alone_can_be_inconclusive_in_a_family(run: Run) -> None:
    assert (run.verdicts["denied-alone"], run.verdicts["denied"]) == ("refuted", "inconclusive")


def test_family_changes_the_interval_and_not_the_data(run: Run) -> None:
    (alone,), (shared,) = run.claims["alone"]["comparisons"], run.claims["shared"]["comparisons"]
    assert (alone["estimate"], alone["n"], alone["contrary"]) == (shared["estimate"], shared["n"], shared["contrary"])
    assert shared["ci"][0] < alone["ci"][0] < alone["ci"][1] < shared["ci"][1]


def test_report_names_the_family_and_its_size(run: Run) -> None:
    assert run.claims["shared"]["family"] == run.claims["own"]["family"] == {"name": "heads", "size": SIZE}
    assert run.claims["other"]["family"] == {"name": "others", "size": 3}
    assert run.claims["alone"]["family"] is None


def test_parts_of_a_composite_claim_share_the_familys_error(folder: Folder, between: float) -> None:
    run = folder.run(f"""
@claim(id="it", samples=32, family="heads", family_size={SIZE})
def test_it(model, ioi):
    assert cc.any_of({QUANTITY} < 100, {QUANTITY} > 100)
    assert cc.all_of({QUANTITY} < {between}, {QUANTITY} > -100)
""")
    any_of, all_of = run.claims["it"]["comparisons"]
    assert any_of["parts"][0]["confidence"] == pytest.approx(1 - 0.05 / SIZE / 2)
    assert all_of["parts"][0]["confidence"] == pytest.approx(1 - 0.05 / SIZE)
    assert [any_of["verdict"], all_of["verdict"]] == ["supported", "inconclusive"]


def test_confidence_of_the_run_is_shared_too(folder: Folder) -> None:
    run = folder.run(claim("it", **IN_FAMILY), "--circuit-confidence=0.8")
    assert confidences(run) == {"it": pytest.approx(1 - 0.2 / SIZE)}
    assert run.report["environment"]["confidence"] == 0.8


def test_failure_does_not_round_its_level_to_certainty(run: Run) -> None:
    text = run.text[run.text.index("_ test_shared[tiny] _") :]
    text = text[: text.index("claim shared[tiny]")]
    assert "100% interval" not in text
    assert "99.6% interval" in text or "99.58% interval" in text


def test_selection_changes_no_verdict(folder: Folder, between: float) -> None:
    claims = claim("shared", between, **IN_FAMILY) + claim("clear", **IN_FAMILY) + claim("alone", between)
    both = folder.run(claims)
    one = folder.run(None, "-k", "shared")
    assert list(one.claims) == ["shared"]
    assert one.claims["shared"]["comparisons"] == both.claims["shared"]["comparisons"]
    assert one.claims["shared"]["verdict"] == both.claims["shared"]["verdict"] == "inconclusive"


# What is refused before a claim runs


def test_two_sizes_are_a_usage_error_that_names_both_claims(folder: Folder) -> None:
    folder.run(claim("first", family="heads", family_size=3) + claim("second", family="heads", family_size=4)).usage_error(
        "heads", "first", "second", "3", "4"
    )


def test_more_claims_than_the_size_are_a_usage_error(folder: Folder) -> None:
    claims = "".join(claim(f"claim{number}", family="heads", family_size=2) for number in range(3))
    folder.run(claims).usage_error("heads", "family_size=2", "claim2")


def test_as_many_claims_as_the_size_are_allowed(folder: Folder) -> None:
    claims = "".join(claim(f"claim{number}", family="heads", family_size=2) for number in range(2))
    folder.run(claims).result.assert_outcomes(passed=2)


def test_each_model_of_a_claim_counts(folder: Folder) -> None:
    (folder.pytester.path / "twin").symlink_to("tiny")
    claims = claim("it", family="heads", family_size=1, model=None, models=["tiny", "twin"])
    folder.run(claims).usage_error("heads", "family_size=1", "it")


@pytest.mark.parametrize("size, words", [(3, ("3", "2")), (2, ("family_size=2",))], ids=["size", "count"])
def test_family_is_one_over_all_files(folder: Folder, size: int, words: tuple[str, ...]) -> None:
    """Another size in another file; and the third claim of a family of two."""
    first, second = (claim(name, family="heads", family_size=2) for name in ("first", "second"))
    folder.write(first + second, "test_first.py")
    folder.run(claim("third", family="heads", family_size=size)).usage_error("heads", *words)


def test_family_over_two_files_is_allowed(folder: Folder) -> None:
    folder.write(claim("first", family="heads", family_size=2), "test_first.py")
    run = folder.run(claim("second", family="heads", family_size=2))
    run.result.assert_outcomes(passed=2)
    assert confidences(run) == pytest.approx({"first": 0.975, "second": 0.975})


def test_selection_hides_no_claim_too_many(folder: Folder) -> None:
    claims = "".join(claim(f"claim{number}", family="heads", family_size=2) for number in range(3))
    folder.run(claims, "-k", "claim0").usage_error("heads", "family_size=2")


@pytest.mark.parametrize("arguments", [{"family": "heads"}, {"family_size": 3}], ids=["name", "size"])
def test_half_of_a_family_stops_collection_and_names_the_claim(folder: Folder, arguments: dict[str, object]) -> None:
    run = folder.run(claim("it", **arguments))
    assert run.exit_code == pytest.ExitCode.INTERRUPTED
    run.shows("E*ValueError: claim 'it': *family*")
