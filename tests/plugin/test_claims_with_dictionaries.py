"""Claims about features of dictionaries that they name: `@cc.claim(..., saes={"query": SPEC})` and the fixture `saes`."""

import sys

import pytest
from claims_folder import Folder
from tiny_dictionaries import tiny_sae

CLAIM = """
@claim(id="it", saes={"query": "first"}, samples=32)
def test_it(model, ioi, saes):
    q = saes["query"]
    assert ioi.logit_diff(model.clamp(q[3], 2.0)) < 100
"""


@pytest.fixture
def dictionaries(folder: Folder) -> Folder:
    """A folder with two dictionaries of the queries of L1H2, `first` and `second`."""
    for seed, name in enumerate(("first", "second")):
        sae = tiny_sae(8, seed, hook="blocks.1.attn.hook_q")
        sae.cfg.metadata.hook_head_index = 2
        sae.save_model(folder.pytester.path / name)
    return folder


def test_a_claim_gets_the_dictionary_that_it_names(dictionaries: Folder) -> None:
    run = dictionaries.run(CLAIM)
    assert run.verdicts == {"it": "supported"}
    (comparison,) = run.claims["it"]["comparisons"]
    (told,) = comparison["dictionaries"]
    assert (told["spec"], told["reads"], told["writes"], told["features"]) == ("first", "L1H2.q", "L1H2.q", 32)
    (receipt,) = run.claims["it"]["receipts"]
    assert [each["feature"] for each in receipt["features"]] == ["first[3]"]
    assert receipt["mean_output_change"] > 0


def test_a_name_that_the_claim_does_not_give_is_an_error_of_that_claim(dictionaries: Folder) -> None:
    run = dictionaries.run(CLAIM.replace('saes["query"]', 'saes["qeury"]'))
    assert run.verdicts == {"it": "error"}
    run.shows("*names no dictionary 'qeury'; saes= has 'query'*Did you mean*query*")


def test_a_claim_without_saes_has_none(dictionaries: Folder) -> None:
    run = dictionaries.run(
        """
@claim(id="it", samples=32)
def test_it(model, ioi, saes):
    assert dict(saes) == {}
    assert ioi.logit_diff(model) < 100
"""
    )
    assert run.verdicts == {"it": "supported"}
    assert run.claims["it"]["comparisons"][0]["dictionaries"] == []


def test_dictionaries_are_loaded_when_they_are_asked_for(dictionaries: Folder) -> None:
    run = dictionaries.run(
        """
@claim(id="it", saes={"query": "first", "missing": "nowhere"}, samples=32)
def test_it(model, ioi, saes):
    assert len(saes) == 2 and list(saes) == ["query", "missing"]
    assert saes["query"] is saes["query"]
    assert ioi.logit_diff(model.clamp(saes["query"][3], 2.0)) < 100
"""
    )
    assert run.verdicts == {"it": "supported"}


OF_A_HUB = CLAIM.replace('"first"', '"hub:gpt2-small-res-jb/blocks.8.hook_resid_pre"')


def test_a_dictionary_that_cannot_be_had_skips_its_claim(dictionaries: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    run = dictionaries.run(OF_A_HUB + CLAIM.replace("test_it", "test_b").replace('"it"', '"b"'))
    run.result.assert_outcomes(passed=1, skipped=1)
    assert run.verdicts == {"it": "skipped", "b": "supported"}


def test_where_models_are_required_it_is_an_error(dictionaries: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    run = dictionaries.run(OF_A_HUB, "--circuit-require-models")
    assert run.verdicts == {"it": "error"}


def test_a_folder_that_is_not_there_is_an_error(dictionaries: Folder) -> None:
    run = dictionaries.run(CLAIM.replace('"first"', '"nowhere"'))
    assert run.verdicts == {"it": "error"}
    run.shows("*'nowhere' is no dictionary*")


BAD = ["{}", "['first']", "{'query': 3}", "{3: 'first'}", "{'two words': 'first'}", "{'query': ''}", "{'query': 'a\\nb'}"]


@pytest.mark.parametrize("saes", BAD)
@pytest.mark.sampled(3)
def test_bad_values_are_refused_when_claims_are_collected(folder: Folder, saes: str) -> None:
    run = folder.run(CLAIM.replace('{"query": "first"}', saes))
    assert run.exit_code == pytest.ExitCode.INTERRUPTED
    run.shows("*claim 'it': saes*expected*")


@pytest.mark.slow
def test_collecting_imports_no_torch_and_no_sae_lens(dictionaries: Folder) -> None:
    dictionaries.write(CLAIM)
    (dictionaries.path / "conftest.py").write_text(
        "from circuitcheck.fixtures import *\n"
        "import atexit, sys\n"
        "atexit.register(lambda: print('IMPORTED', {'torch', 'sae_lens', 'transformer_lens'} & set(sys.modules)))\n"
    )
    result = dictionaries.pytest("--collect-only", "--circuit-sae=query=second", "hypotheses", subprocess=True)
    assert "IMPORTED set()" in result.stdout.str()
    result.stdout.fnmatch_lines("*test_it*")
    assert "torch" in sys.modules, "this process has it, that one has not"
