"""--circuit-require-gpu"""

import pytest
import torch
from claims_folder import Folder

CLAIM = """
@claim(id="it", samples=32)
def test_it(model, ioi):
    assert ioi.logit_diff(model) < 100
"""


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch):
    """As many as a test says, wherever it runs."""

    def pretend(count: int) -> None:
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)  # claims run on the CPU all the same

    return pretend


def test_without_a_gpu_nothing_runs(folder: Folder, gpus) -> None:
    gpus(0)
    folder.run(CLAIM, "--circuit-require-gpu").usage_error("--circuit-require-gpu", "sees 0 CUDA devices")


def test_the_ini_file_can_ask_for_it(folder: Folder, gpus) -> None:
    gpus(0)
    folder.pytester.makeini("[pytest]\ncircuit_require_gpu = true\n")
    folder.run(CLAIM).usage_error("--circuit-require-gpu")


def test_with_a_gpu_claims_run(folder: Folder, gpus) -> None:
    gpus(1)
    assert folder.run(CLAIM, "--circuit-require-gpu").verdicts == {"it": "supported"}


def test_another_device_beside_it_is_a_usage_error(folder: Folder, gpus) -> None:
    gpus(1)
    folder.run(CLAIM, "--circuit-require-gpu", "--circuit-device=cpu").usage_error("--circuit-device cpu is no GPU")
    folder.run(CLAIM, "--circuit-require-gpu", "--circuit-device=cuda:1").usage_error("'cuda:1' is not here")


def test_by_default_nobody_asks(folder: Folder, gpus) -> None:
    gpus(0)
    assert folder.run(CLAIM).verdicts == {"it": "supported"}
