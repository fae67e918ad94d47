"""examples/own_intervention: a package of somebody else's adds an intervention, a metric and a task by entry points, and its
own tests pass. Nothing is installed: the folder is on the path, beside the metadata that installing would write there."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/own_intervention"


def metadata_of(project: dict, folder: Path) -> None:
    """What pip writes of the entry points that a pyproject.toml names."""
    name = project["name"].replace("-", "_")
    info = folder / f"{name}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = project["entry-points"]
    text = "".join(
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in points.items()) for group, points in groups.items()
    )
    (info / "entry_points.txt").write_text(text)


@pytest.fixture
def run_its_tests(tmp_path):
    def run(*only: str, installed: bool) -> subprocess.CompletedProcess[str]:
        if installed:
            metadata_of(tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"], tmp_path)
        paths = os.pathsep.join(map(str, (tmp_path, EXAMPLE, ROOT)))
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            str(tmp_path),
            str(EXAMPLE),
            *only,
        ]
        environment = {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.mark.slow
def test_its_tests_pass(run_its_tests):
    run = run_its_tests(installed=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "2 claims: 2 supported" in run.stdout


@pytest.mark.slow
def test_they_need_the_entry_points(run_its_tests):
    """Else they would pass whatever became of these. One that asks for what they bring is enough."""
    run = run_its_tests("-k", "test_margin", installed=False)
    assert run.returncode == 1
    assert "fixture 'belongings' not found" in run.stdout
