"""--circuit-model OLD=NEW"""

import pytest
from claims_folder import Folder
from drifting_models import CLAIMS, with_another_model

LOADS = """
@cc.claim("a sentence", id="loads")
def test_loads(load_model, ioi):
    assert ioi.logit_diff(load_model("tiny")) < 100
"""


def models(run):
    return {name: claim["param"] for name, claim in run.claims.items()}


def test_another_model_stands_in_the_place_of_one_also_where_a_test_loads_it(folder: Folder) -> None:
    with_another_model(folder)
    usual = folder.run(CLAIMS + LOADS)
    other = folder.run(CLAIMS + LOADS, "--circuit-model=tiny=other")
    assert models(usual) == {"cut": "tiny", "untouched": "tiny", "loads": None}
    assert models(other) == {"cut": "other", "untouched": "other", "loads": None}
    for name in ("untouched", "loads"):
        assert usual.claims[name]["comparisons"][0]["estimate"] != other.claims[name]["comparisons"][0]["estimate"]
    folder.pytester.makeini("[pytest]\ncircuit_model =\n    tiny=other\n")
    assert models(folder.run(CLAIMS)) == {"cut": "other", "untouched": "other"}


@pytest.mark.slow
def test_a_baseline_is_met_by_the_new_model(folder: Folder) -> None:
    with_another_model(folder)
    base = "--circuit-baseline=base.json"
    folder.run(CLAIMS, base, "--circuit-baseline-update=new")
    run = folder.run(CLAIMS, base, "--circuit-model=tiny=other")
    drift = run.claims["cut"]["drift"]
    assert drift["key_before"] == "cut[tiny]"
    assert drift["fingerprints"][0] != drift["fingerprints"][1]
    assert "claims of the baseline were not run" not in run.text


@pytest.mark.parametrize(
    "given, said",
    [
        (["tinny=other"], "Did you mean 'tiny'"),
        (["tiny"], "expected OLD=NEW"),
        (["tiny="], "expected OLD=NEW"),
        (["tiny=a", "tiny=b"], "replaced twice"),
        (["tiny=a", "a=b"], "replaces another"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(folder: Folder, given: list[str], said: str) -> None:
    folder.run(CLAIMS, *(f"--circuit-model={each}" for each in given)).usage_error("--circuit-model", said)
