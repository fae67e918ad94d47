"""--circuit-sae NAME=SPEC"""

import pytest
from claims_folder import Folder, Run
from tiny_dictionaries import tiny_sae

CLAIMS = """
@claim(id="it", saes={"query": "first"}, samples=32)
def test_it(model, ioi, saes):
    assert ioi.logit_diff(model.clamp(saes["query"][3], 2.0)) < 100

@claim(id="other", saes={"key": "first"}, samples=32)
def test_other(model, ioi, saes):
    assert ioi.logit_diff(model.clamp(saes["key"][3], 2.0)) < 100
"""


@pytest.fixture
def dictionaries(folder: Folder) -> Folder:
    for seed, name in enumerate(("first", "second", "third")):
        tiny_sae(32, seed, hook="blocks.1.hook_resid_post").save_model(folder.pytester.path / name)
    return folder


def used(run: Run) -> dict[str, tuple[str, str]]:
    """(spec, fingerprint) by claim."""
    found = {name: claim["comparisons"][0]["dictionaries"] for name, claim in run.claims.items()}
    return {name: (told["spec"], told["fingerprint"]) for name, (told,) in found.items()}


def specs(run: Run) -> dict[str, str]:
    return {name: spec for name, (spec, _) in used(run).items()}


def test_command_line_puts_another_in_the_place_of_the_one_that_is_named(dictionaries: Folder) -> None:
    usual, other = used(dictionaries.run(CLAIMS)), used(dictionaries.run(CLAIMS, "--circuit-sae=query=second"))
    assert (usual["it"][0], other["it"][0]) == ("first", "second")
    assert usual["it"][1] != other["it"][1]
    assert usual["other"] == other["other"]


def test_it_is_repeatable(dictionaries: Folder) -> None:
    run = dictionaries.run(CLAIMS, "--circuit-sae=query=second", "--circuit-sae=key=third")
    assert specs(run) == {"it": "second", "other": "third"}


def test_ini_has_one_a_line_and_the_command_line_is_above_it(dictionaries: Folder) -> None:
    dictionaries.pytester.makeini("[pytest]\ncircuit_sae =\n    query=second\n    key=second\n")
    assert specs(dictionaries.run(CLAIMS)) == {"it": "second", "other": "second"}
    assert specs(dictionaries.run(CLAIMS, "--circuit-sae=key=third")) == {"it": "second", "other": "third"}


def test_a_name_that_no_claim_has_is_a_usage_error(dictionaries: Folder) -> None:
    run = dictionaries.run(CLAIMS, "--circuit-sae=qeury=second")
    run.usage_error("--circuit-sae qeury=", "'qeury'", "key, query", "Did you mean", "query")


@pytest.mark.parametrize("given", ["query", "query=", "=second", "two words=second", "query=a\nb"])
def test_what_is_no_name_with_a_spec_is_a_usage_error(folder: Folder, given: str) -> None:
    folder.run(CLAIMS, f"--circuit-sae={given}").usage_error("--circuit-sae", "expected NAME=SPEC")


def test_a_run_without_claims_is_none_of_its_business(folder: Folder) -> None:
    (folder.path / "test_plain.py").write_text("def test_plain():\n    pass\n")
    folder.run(None, "--circuit-sae=query=second", report=False).result.assert_outcomes(passed=1)
