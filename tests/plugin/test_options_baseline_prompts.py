"""--circuit-baseline-prompts N"""

from claims_folder import Folder
from drifting_models import CLAIMS

from circuitcheck.packed import unpack


def measured(run):
    """(prompts that decided, that are paired, that are kept)"""
    claim = run.claims["cut"]
    (comparison,) = claim["comparisons"]
    return comparison["n"], comparison["rests_on"]["fixed"], len(unpack(claim["measured"][0]["values"][0]))


def test_so_many_are_measured_however_early_a_question_is_decided(folder: Folder) -> None:
    new = ("--circuit-baseline=base.json", "--circuit-baseline-update=new")
    assert measured(folder.run(CLAIMS, *new)) == (32, 128, 128)
    assert measured(folder.run(CLAIMS, "--circuit-baseline-prompts=50")) == (32, 50, 50)
    folder.pytester.makeini("[pytest]\ncircuit_baseline_prompts = 40\n")
    assert measured(folder.run(CLAIMS)) == (32, 40, 40)
    folder.run(CLAIMS, "--circuit-baseline-prompts=0").usage_error("--circuit-baseline-prompts", "from 1")
