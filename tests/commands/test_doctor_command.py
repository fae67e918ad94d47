"""`circuitcheck doctor MODEL`: a table for people, JSON for programs, an exit code for CI."""

import json

import pytest
from tiny import lies_at

from circuitcheck.cli import main
from circuitcheck.engine.torch import local_engine
from circuitcheck.engine.torch.doctor import examine


@pytest.fixture(scope="module")
def findings():
    return {}


@pytest.fixture
def examined_once(findings, monkeypatch):
    """The command's own work is to show what was found; a model in good health is examined once for these tests."""

    def found_of(loaded):
        fingerprint = loaded.card.ref.fingerprint
        if fingerprint not in findings:
            findings[fingerprint] = examine(loaded)
        return findings[fingerprint]

    monkeypatch.setattr(local_engine, "examine", found_of)


def test_the_organism_is_sound_in_a_table_and_in_json(examined_once, tmp_path, capsys):
    json_path, markdown = tmp_path / "found.json", tmp_path / "found.md"
    assert main(["doctor", "organism", "--device", "cpu", "--json", str(json_path), "--markdown", str(markdown)]) == 0
    shown = capsys.readouterr().out
    (found,) = json.loads(json_path.read_text())
    assert found["model"] == "organism"
    assert not [each for each in found["findings"] if each["status"] == "failed"]
    for each in found["findings"]:
        assert each["check"] in shown
        assert each["check"] in markdown.read_text()
    assert "0 failed" in shown
    (own_hook,) = (each for each in found["findings"] if each["subject"] == "the library's hooks")
    assert own_hook["error"] > 0.1
    assert "DEFECT" in own_hook["detail"]
    middle = {each["status"] for each in found["findings"] if each["subject"] == "resid_mid"}
    assert middle == {"passed"}


@pytest.mark.slow
def test_each_dtype_has_a_column(examined_once, capsys):
    assert main(["doctor", "organism", "--device", "cpu", "--dtype", "float32", "--dtype", "float64"]) == 0
    head = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("subject"))
    assert head.split()[-2:] == ["float32", "float64"]


@pytest.mark.slow
def test_a_failed_check_is_exit_code_one(monkeypatch, capsys):
    lies_at(monkeypatch, "z", "blocks.{layer}.hook_mlp_out")
    assert main(["doctor", "organism", "--device", "cpu"]) == 1
    assert "failed" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [["no such model"], ["organism", "--dtype", "float3"], ["organism", "--device", "tpu"]]
)
def test_what_cannot_be_examined_is_said_in_one_line(arguments, capsys):
    assert main(["doctor", *arguments]) == 2
    shown = capsys.readouterr()
    assert arguments[-1] in shown.err
    assert "Traceback" not in shown.err


def test_a_file_that_cannot_be_written_costs_no_table(examined_once, tmp_path, capsys):
    path = tmp_path / "nowhere" / "found.json"
    assert main(["doctor", "organism", "--device", "cpu", "--json", str(path)]) == 2
    shown = capsys.readouterr()
    assert "0 failed" in shown.out
    assert f"cannot write to {path}" in shown.err
