"""--circuit-compare-fail broke|moved|EXPR"""

import pytest
from claims_folder import Folder
from drifting_models import with_another_model, words

CLAIMS = """
@cc.claim("a sentence", id="it", model="{model}"{margin})
def test_it(model, ioi):
    assert ioi.metric(cc.norm("L2.resid_post", at="END"), model) {claimed}
"""


def test_a_claim_that_moved_or_broke_fails_the_run_as_it_says(folder: Folder) -> None:
    with_another_model(folder)
    found = {}
    for name in ("tiny", "other"):
        run = folder.run(CLAIMS.format(model=name, claimed="< 1000", margin=""))
        found[name] = run.claims["it"]["comparisons"][0]["estimate"]
    between, relation = sum(found.values()) / 2, "<" if found["tiny"] < found["other"] else ">"
    base, other = "--circuit-baseline=base.json", "--circuit-model=tiny=other"

    breaks = CLAIMS.format(model="tiny", claimed=f"{relation} {between}", margin="")
    folder.run(breaks, base, "--circuit-baseline-update=new")
    run = folder.run(breaks, base, other)
    assert words(run) == {"it": "broke"}
    run.shows("it*broke*supported to refuted", "failed: broke or lost (--circuit-compare-fail)")

    little = abs(found["tiny"] - found["other"]) / 10
    moves = CLAIMS.format(model="tiny", claimed="< 1000", margin=f", margin={little}")
    folder.run(moves, base, "--circuit-baseline-update=all")
    usual = folder.run(moves, base, other)
    assert (words(usual), usual.exit_code) == ({"it": "moved"}, 0)
    folder.pytester.makeini("[pytest]\ncircuit_compare_fail = moved\n")
    assert folder.run(moves, base, other).exit_code == 1
    assert folder.run(moves, base, other, "--circuit-compare-fail=moved > 1 or new").exit_code == 0


@pytest.mark.parametrize("given", ["brok", "broke.real", "__import__('os')"])
def test_what_is_no_condition_is_a_usage_error(folder: Folder, given: str) -> None:
    claims = CLAIMS.format(model="tiny", claimed="< 100", margin="")
    folder.run(claims, f"--circuit-compare-fail={given}").usage_error("--circuit-compare-fail", given)
