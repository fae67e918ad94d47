"""--circuit-baseline-update none|new|all"""

from pathlib import Path

from claims_folder import Folder
from drifting_models import CLAIMS, text_and_values, words

from circuitcheck.runs.baseline import read_baseline

BASE = "--circuit-baseline=base.json"
ONE = CLAIMS.split("\n\n")[0]


def kept() -> dict[str, str]:
    """The threshold of each claim of the baseline."""
    found = {claim["id"]: claim["comparisons"][0] for claim in read_baseline(Path("base.json"))}
    return {name: f"{each['relation']} {each['threshold']:g}" for name, each in found.items()}


def test_none_leaves_it_new_adds_and_all_accepts(folder: Folder) -> None:
    folder.run(ONE, BASE, "--circuit-baseline-update=new")
    assert kept() == {"cut": "< 100"}
    before = text_and_values()
    folder.run(CLAIMS, BASE)
    assert text_and_values() == before

    edited = CLAIMS.replace("< 100", "< 99")
    added = folder.run(edited, BASE, "--circuit-baseline-update=new", "--circuit-compare-fail=not_comparable")
    assert kept() == {"cut": "< 100", "untouched": "> -100"}
    assert added.exit_code == 1

    accepted = folder.run(edited, BASE, "--circuit-baseline-update=all", "--circuit-compare-fail=not_comparable")
    assert kept() == {"cut": "< 99", "untouched": "> -100"}
    assert accepted.exit_code == 0  # what is accepted deliberately is no failure
    assert words(folder.run(edited, BASE)) == {"cut": "same", "untouched": "same"}

    folder.run(edited + "    assert 1 == 2\n", BASE, "--circuit-baseline-update=all", "-k", "untouched")
    assert kept() == {"cut": "< 99", "untouched": "> -100"}  # what came to no verdict, or did not run, stays


def test_it_needs_a_file_that_can_be_written_and_no_other_model(folder: Folder) -> None:
    folder.run(ONE, "--circuit-baseline-update=new").usage_error("--circuit-baseline-update", "--circuit-baseline FILE")
    Path("folder.json").mkdir()
    folder.run(ONE, "--circuit-baseline=folder.json", "--circuit-baseline-update=new").usage_error("cannot be written")
    folder.run(ONE, BASE, "--circuit-baseline-update=all", "--circuit-model=tiny=other").usage_error(
        "--circuit-model", "write it into the claims"
    )
    folder.run(ONE, BASE, "--circuit-baseline-update=some").usage_error("invalid choice")
