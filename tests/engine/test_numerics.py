"""What decides values besides model and plan is told apart: above all the code, whose version stays while it changes."""

import shutil
from pathlib import Path

import pytest
import torch

from circuitcheck.engine.torch.fingerprints import numerics

CPU = torch.device("cpu")


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package's source, from which the digest is taken then."""
    package = Path(numerics.__file__).parents[3]
    shutil.copytree(package, tmp_path / "circuitcheck", ignore=shutil.ignore_patterns("bundled", "__pycache__"))
    monkeypatch.setattr(numerics, "files", lambda name: tmp_path / name)
    return tmp_path / "circuitcheck"


def test_the_code_is_that_of_all_rooms_that_values_come_from(copy: Path) -> None:
    whole = numerics._code()
    for room in ("engine/torch/kernels/steer.py", "plan/cells.py", "places/sites.py", "prompts/streams.py", "digest.py"):
        text = (copy / room).read_text()
        (copy / room).write_text(text + "\n")
        assert numerics._code() != whole, room
        (copy / room).write_text(text)
    (copy / "report" / "table.py").write_text("")  # no value comes from there
    assert numerics._code() == whole
    (copy / "engine" / "torch" / "one_more.py").write_text("")
    assert numerics._code() != whole


def test_a_mode_of_torch_that_changes_values_is_told() -> None:
    before = numerics.numerics(CPU)
    torch.set_float32_matmul_precision("medium")
    try:
        assert numerics.numerics(CPU) != before
    finally:
        torch.set_float32_matmul_precision("highest")
    assert numerics.numerics(CPU) == before


def test_a_site_that_lies_elsewhere_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from tiny import lies_at

    before = numerics.numerics(CPU)
    lies_at(monkeypatch, "resid_mid", "blocks.{layer}.hook_resid_post")
    assert numerics.numerics(CPU) != before


def test_versions_of_libraries_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = numerics.numerics(CPU)
    assert {"circuitcheck", "torch", "transformers", "transformer-lens", "tokenizers", "sae-lens", "python"} <= set(found)
    monkeypatch.setattr(numerics, "version", lambda name: "0")
    numerics._installed.cache_clear()
    try:
        assert numerics.numerics(CPU)["torch"] == "0" != found["torch"]
    finally:
        numerics._installed.cache_clear()
