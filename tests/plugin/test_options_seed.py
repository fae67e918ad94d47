"""--circuit-seed"""

from typing import Any

from claims_folder import Folder, Run

CLAIM = """
@claim(id="it", samples=32)
def test_it(model, ioi):
    assert ioi.logit_diff(model) < 0
"""


def compared(run: Run) -> dict[str, Any]:
    (comparison,) = run.claims["it"]["comparisons"]
    return comparison


def test_default_is_zero(folder: Folder) -> None:
    run = folder.run(CLAIM)
    assert run.report["environment"]["seed"] == compared(run)["seed"] == 0


def test_another_seed_draws_other_prompts(folder: Folder) -> None:
    zero, seven = folder.run(CLAIM), folder.run(None, "--circuit-seed=7")
    assert seven.report["environment"]["seed"] == compared(seven)["seed"] == 7
    assert compared(zero)["contrary"] != compared(seven)["contrary"] != []
    assert compared(zero)["estimate"] != compared(seven)["estimate"]


def test_one_seed_draws_the_same_prompts_again(folder: Folder) -> None:
    assert compared(folder.run(CLAIM, "--circuit-seed=7")) == compared(folder.run(None, "--circuit-seed=7"))


def test_ini_sets_it_and_the_command_line_comes_first(folder: Folder) -> None:
    folder.pytester.makeini("[pytest]\ncircuit_seed = 7\n")
    assert compared(folder.run(CLAIM))["seed"] == 7
    assert compared(folder.run(None, "--circuit-seed=0"))["seed"] == 0


def test_circuit_rng_follows_the_seed(folder: Folder) -> None:
    source = "def test_it(circuit_rng):\n    print('drew', circuit_rng.random())\n"
    drawn = [
        next(line for line in folder.run(source, "-s", f"--circuit-seed={seed}").text.splitlines() if "drew" in line)
        for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_word_is_a_usage_error(folder: Folder) -> None:
    folder.run(CLAIM, "--circuit-seed=lucky").usage_error("'lucky'")


def test_a_word_in_the_ini_is_a_usage_error(folder: Folder) -> None:
    folder.pytester.makeini("[pytest]\ncircuit_seed = lucky\n")
    folder.run(CLAIM).usage_error("circuit_seed", "'lucky'")
