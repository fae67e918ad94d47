"""--circuit-device auto|cpu|cuda[:N]"""

import pytest
from claims_folder import Folder

CLAIM = """
@claim(id="it", samples=32)
def test_it(model, ioi):
    assert ioi.logit_diff(model) < 100
"""


def test_default_is_auto(folder: Folder) -> None:
    assert folder.run(CLAIM).report["environment"]["device"] == "auto"


def test_cpu_runs_there(folder: Folder) -> None:
    run = folder.run(CLAIM, "--circuit-device=cpu")
    assert run.verdicts == {"it": "supported"}
    assert run.report["environment"]["device"] == "cpu"


def test_ini_sets_it_and_the_command_line_comes_first(folder: Folder) -> None:
    folder.pytester.makeini("[pytest]\ncircuit_device = cpu\n")
    assert folder.run(CLAIM).report["environment"]["device"] == "cpu"
    assert folder.run(None, "--circuit-device=auto").report["environment"]["device"] == "auto"


def test_claims_see_it_as_circuit_device(folder: Folder) -> None:
    run = folder.run("def test_it(circuit_device): assert circuit_device == 'cpu'", "--circuit-device=cpu")
    run.result.assert_outcomes(passed=1)


@pytest.mark.parametrize("device", ["tpu", "cuda:", "cuda:-1", "cpu:0"])
def test_unknown_device_is_a_usage_error(folder: Folder, device: str) -> None:
    folder.run(CLAIM, f"--circuit-device={device}").usage_error(f"'{device}'", "expected auto, cpu, cuda or cuda:N")


def test_unknown_device_in_the_ini_is_a_usage_error(folder: Folder) -> None:
    folder.pytester.makeini("[pytest]\ncircuit_device = tpu\n")
    folder.run(CLAIM).usage_error("'tpu'", "expected auto, cpu, cuda or cuda:N")


def test_a_gpu_that_is_not_here_is_an_error_and_no_skip(folder: Folder) -> None:
    run = folder.run(CLAIM, "--circuit-device=cuda:99")
    run.result.assert_outcomes(errors=1)
    assert run.verdicts == {"it": "error"}
    assert "'cuda:99'" in run.claims["it"]["reason"]
