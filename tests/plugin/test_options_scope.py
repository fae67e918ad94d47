"""--circuit-scope: a scientific setting, so claim before command line before ini."""

from pathlib import Path
from typing import Any

import pytest
from claims_folder import Folder, Run

import circuitcheck as cc

OLD, NEW = "these_templates", "new_templates"
CLAIM = """
@claim(id="it", samples=32{arguments})
def test_it(model, ioi):
    assert ioi.logit_diff(model) < 100
"""
BARE = CLAIM.format(arguments="")
MARKED_OLD = CLAIM.format(arguments=", scope='these_templates'")
MARKED_NEW = CLAIM.format(arguments=", scope='new_templates'")

NAMES = """
from circuitcheck.prompts import Pool, TaskDefinition, Template

PEOPLE = ("Mary", "John", "Tom", "James", "Sarah", "David", "Paul", "Mark", "Anna", "Emma")
VERBS = ("met", "saw", "knew", "left", "told")

def names(templates, people):
    return cc.Task(TaskDefinition(
        name="names",
        templates=tuple(Template(verb, f"Then {{A}} {verb} {{B}} and") for verb in VERBS[:templates]),
        pools=(Pool("name", PEOPLE[:people]),),
        variables=(("a", "name"), ("b", "name")),
        slots=(("A", "a"), ("B", "b")),
        answer="a",
        distractor="b",
    ))
"""
KINDS = (
    NAMES
    + """
@claim(id="mean", samples=64)
def test_mean(model):
    assert cc.tasks.ioi().logit_diff(model) < 100

@claim(id="open", samples=64)
def test_open(model, ioi):
    assert ioi.logit_diff(model) == cc.approx(0, abs=0.001)

@claim(id="refuted", samples=64)
def test_refuted(model, ioi):
    assert ioi.logit_diff(model) > 100

@claim(id="ratio", samples=32)
def test_ratio(model, ioi):
    assert ioi.logit_diff(model) / ioi.logit_diff(model) < 100

@claim(id="share", samples=32)
def test_share(model, ioi):
    assert ioi.logit_diff(model).above(0) < 1

@claim(id="shares", samples=64)
def test_shares(model, ioi):
    assert ioi.logit_diff(model).above(0) == cc.approx(0.5, abs=0.01)

@claim(id="median", samples=32)
def test_median(model, ioi):
    assert ioi.logit_diff(model).median() < 100

@claim(id="one-template")
def test_one_template(model):
    assert names(1, 10).logit_diff(model) < 100

@claim(id="four-templates")
def test_four_templates(model):
    assert names(4, 10).logit_diff(model) < 100

@claim(id="five-templates")
def test_five_templates(model):
    assert names(5, 10).logit_diff(model) < 100
"""
)


@pytest.fixture(scope="module", autouse=True)
def warm_statistics(warm: None, tiny_gpt2: Path) -> None:
    """As `warm`, for what only claims about new templates import."""
    with cc.use_session(cc.Session(cc.Settings(scope=NEW))):
        assert cc.tasks.ioi().logit_diff(cc.load(str(tiny_gpt2))) < 100


@pytest.fixture
def old(folder: Folder, kept: dict[str, Run]) -> Run:
    """One run of every kind of claim, for all tests that only read it."""
    if OLD not in kept:
        kept[OLD] = folder.run(KINDS)
    return kept[OLD]


@pytest.fixture
def new(folder: Folder, kept: dict[str, Run]) -> Run:
    if NEW not in kept:
        kept[NEW] = folder.run(KINDS, f"--circuit-scope={NEW}", "--circuit-correction=holm")
    return kept[NEW]


def compared(run: Run, name: str = "it") -> dict[str, Any]:
    (comparison,) = run.claims[name]["comparisons"]
    return comparison


def used(run: Run) -> str:
    """The scope that the claim says, after a look at the method that it used."""
    clustered = "cluster" in compared(run)["method"]
    assert run.claims["it"]["scope"] == (NEW if clustered else OLD), compared(run)["method"]
    return run.claims["it"]["scope"]


def failure(run: Run, name: str) -> str:
    """What is shown below the line that names a failed claim."""
    text = run.text[run.text.index(f"_ test_{name}[tiny] _") :]
    return text[: text.index(f"claim {name}[tiny], seed 0")]


# Who says it


def test_default_is_these_templates(folder: Folder) -> None:
    run = folder.run(BARE)
    assert used(run) == run.report["environment"]["scope"] == OLD


def test_command_line_sets_it(folder: Folder) -> None:
    run = folder.run(BARE, f"--circuit-scope={NEW}")
    assert used(run) == run.report["environment"]["scope"] == NEW


def test_ini_sets_it_and_the_command_line_comes_first(folder: Folder) -> None:
    folder.pytester.makeini(f"[pytest]\ncircuit_scope = {NEW}\n")
    run = folder.run(BARE)
    assert used(run) == run.report["environment"]["scope"] == NEW
    run = folder.run(None, f"--circuit-scope={OLD}")
    assert used(run) == run.report["environment"]["scope"] == OLD


@pytest.mark.sampled(1)
@pytest.mark.parametrize("claim, marked, other", [(MARKED_OLD, OLD, NEW), (MARKED_NEW, NEW, OLD)], ids=[OLD, NEW])
def test_claim_comes_before_command_line_and_ini(folder: Folder, claim: str, marked: str, other: str) -> None:
    folder.pytester.makeini(f"[pytest]\ncircuit_scope = {other}\n")
    for arguments in ((), (f"--circuit-scope={other}",)):
        run = folder.run(claim, *arguments)
        assert used(run) == marked
        assert run.report["environment"]["scope"] == other


def test_claims_of_one_run_keep_their_own_scopes(folder: Folder) -> None:
    claims = "".join(
        f"\n@claim(id={name!r}, samples=32{scope})\ndef test_{name}(model, ioi):\n    assert ioi.logit_diff(model) < 100\n"
        for name, scope in (("a", ", scope='new_templates'"), ("b", ""), ("c", ", scope='new_templates'"))
    )
    run = folder.run(claims)
    assert [claim["scope"] for claim in run.claims.values()] == [NEW, OLD, NEW]
    assert compared(run, "a") == compared(run, "c") != compared(run, "b")


@pytest.mark.parametrize("value", ["all", "new", "NEW_TEMPLATES", ""])
def test_another_word_is_a_usage_error(folder: Folder, value: str) -> None:
    folder.run(BARE, f"--circuit-scope={value}").usage_error("--circuit-scope", repr(value), OLD, NEW)


def test_another_word_in_the_ini_is_a_usage_error(folder: Folder) -> None:
    folder.pytester.makeini("[pytest]\ncircuit_scope = all\n")
    folder.run(BARE).usage_error("circuit_scope", "'all'", OLD, NEW)


def test_another_word_in_a_claim_stops_collection_and_names_it(folder: Folder) -> None:
    run = folder.run(CLAIM.format(arguments=", scope='all'"))
    run.result.assert_outcomes(errors=1)
    assert run.exit_code == pytest.ExitCode.INTERRUPTED
    run.shows("E*claim 'it': scope='all'*")


# What it changes


@pytest.mark.slow
def test_real_values_of_ioi_are_judged_by_templates_and_by_names(old: Run, new: Run) -> None:
    assert "two-way t on clusters" in compared(new, "mean")["method"]
    assert "cluster" not in compared(old, "mean")["method"]
    assert "hull" in compared(old, "mean")["method"]


def test_ratios_are_judged_by_clusters_too(old: Run, new: Run) -> None:
    assert "cluster" in compared(new, "ratio")["method"]
    assert "cluster" not in compared(old, "ratio")["method"]


def test_task_without_a_second_cluster_is_judged_by_templates_alone(new: Run) -> None:
    method = compared(new, "five-templates")["method"]
    assert "hull(t, Hall) on cluster means" in method
    assert "two-way" not in method


@pytest.mark.parametrize("name", ["share", "shares"])
def test_shares_are_bets_and_never_a_t(old: Run, new: Run, name: str) -> None:
    method = compared(new, name)["method"]
    assert "betting" in method
    assert "templates" in method
    assert "cluster" not in method
    assert "betting" not in compared(old, name)["method"]


def test_quantile_is_refused_in_words_and_is_no_verdict(old: Run, new: Run) -> None:
    assert old.verdicts["median"] == "supported"
    assert new.verdicts["median"] == "error"
    assert "NotComparable" in new.claims["median"]["reason"]
    assert "median" in new.claims["median"]["reason"]


@pytest.mark.parametrize("name, templates", [("one-template", 1), ("four-templates", 4)])
def test_fewer_than_five_templates_decide_nothing_and_say_so_at_the_first_look(
    old: Run, new: Run, name: str, templates: int
) -> None:
    assert old.verdicts[name] == "supported"
    assert new.verdicts[name] == "inconclusive", new.claims[name]["reason"]
    assert f"{templates} template" in new.claims[name]["reason"]
    assert compared(new, name)["n"] == 32
    assert len(compared(new, name)["looks"]) == 1


def test_five_templates_are_enough(new: Run) -> None:
    assert new.verdicts["five-templates"] == "supported"
    assert compared(new, "five-templates")["templates"] == 5


@pytest.mark.parametrize("name", ["mean", "refuted", "open"])
def test_same_prompts_are_measured(old: Run, new: Run, name: str) -> None:
    here, elsewhere = compared(old, name), compared(new, name)
    assert [n for n, _, _ in here["looks"]] == [n for n, _, _ in elsewhere["looks"]]
    for same in ("estimate", "contrary", "templates", "n", "seed"):
        assert here[same] == elsewhere[same]
    assert here["ci"] != elsewhere["ci"]


def test_notes_give_the_design_effect(old: Run, new: Run) -> None:
    assert any("16 templates" in note and "design effect" in note for note in compared(new, "open")["notes"])
    assert not any("design effect" in note for note in compared(old, "open")["notes"])


# What a person sees


@pytest.mark.parametrize("name", ["refuted", "open"])
def test_failure_says_what_the_verdict_is_about(old: Run, new: Run, name: str) -> None:
    assert "scope: these templates" in failure(old, name)
    assert "scope: new templates" in failure(new, name)
    assert "design effect" in failure(new, name)
    assert compared(new, name)["method_in_words"] in failure(new, name)


def test_claims_own_scope_is_the_one_that_its_failure_says(folder: Folder) -> None:
    run = folder.run(MARKED_NEW.replace("<", ">"), f"--circuit-scope={OLD}")
    assert "scope: new templates" in failure(run, "it")
    assert "these templates" not in failure(run, "it")
