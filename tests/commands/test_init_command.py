"""`circuitcheck init`: a folder to start from."""

import subprocess
import sys
from importlib.metadata import version

import pytest

from circuitcheck.cli import main


def test_it_writes_a_folder_that_pytest_collects(tmp_path, capsys):
    folder = tmp_path / "deep" / "hypotheses"
    assert main(["init", str(folder)]) == 0
    assert str(folder) in capsys.readouterr().out
    run = [sys.executable, "-m", "pytest", "--co", "-q", "-W", "error", "-p", "no:cacheprovider", str(folder)]
    found = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert "test_first_claim.py::test_attention_matters" in found


def test_the_conftest_is_two_lines_of_code(tmp_path):
    main(["init", str(tmp_path / "h")])
    lines = (tmp_path / "h" / "conftest.py").read_text().splitlines()
    assert len([line for line in lines if line and not line.startswith(('"', "#"))]) <= 2


def test_the_folder_is_called_hypotheses_by_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["init"]) == 0
    assert (tmp_path / "hypotheses" / "conftest.py").is_file()


def test_the_package_itself_is_a_command_and_knows_its_version():
    run = subprocess.run([sys.executable, "-m", "circuitcheck", "--version"], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == f"circuitcheck {version('circuitcheck')}"


@pytest.mark.parametrize("name", ["conftest.py", "test_first_claim.py"])
def test_it_overwrites_nothing_and_names_what_is_in_the_way(tmp_path, capsys, name):
    (tmp_path / name).write_text("mine")
    assert main(["init", str(tmp_path)]) != 0
    assert name in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_a_second_init_leaves_the_first_alone(tmp_path):
    assert main(["init", str(tmp_path / "h")]) == 0
    claim = tmp_path / "h" / "test_first_claim.py"
    claim.write_text("edited")
    assert main(["init", str(tmp_path / "h")]) != 0
    assert claim.read_text() == "edited"


def test_a_file_where_the_folder_should_be_is_named(tmp_path, capsys):
    (tmp_path / "h").write_text("mine")
    assert main(["init", str(tmp_path / "h")]) != 0
    assert str(tmp_path / "h") in capsys.readouterr().err


def test_files_of_the_users_own_are_no_obstacle(tmp_path):
    (tmp_path / "notes.md").write_text("mine")
    assert main(["init", str(tmp_path)]) == 0


@pytest.mark.parametrize("arguments", [[], ["frobnicate"], ["init", "a", "b"]])
def test_bad_arguments_are_a_usage_error(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: circuitcheck" in capsys.readouterr().err


def test_the_command_is_installed(tmp_path):
    run = [f"{sys.prefix}/bin/circuitcheck", "init", str(tmp_path / "h")]
    assert subprocess.run(run, capture_output=True, check=True).returncode == 0
