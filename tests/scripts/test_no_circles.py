"""`make lint` finds circles of imports, wherever they are written."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
CHAIN = {"__init__": "from house.roof import roof", "roof": "from house.wall import wall\nroof = wall", "wall": "wall = 1"}


def lint(folder: Path, files: dict[str, str]) -> subprocess.CompletedProcess:
    """The contracts of our own pyproject.toml that forbid circles, on a package `house` of these files."""
    for name, text in files.items():
        path = folder / "house" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    ours = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]
    contracts = [each for each in ours["contracts"] if each["type"] in ("acyclic_siblings", "own_package")]
    assert len(contracts) == 2
    lines = ["[tool.importlinter]", 'root_package = "house"', f"contract_types = {json.dumps(ours['contract_types'])}"]
    for each in contracts:
        lines += ["[[tool.importlinter.contracts]]", *(f"{name} = {json.dumps(value)}" for name, value in each.items())]
    (folder / "pyproject.toml").write_text("\n".join(lines).replace('["circuitcheck"]', '["house"]'))
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    command, environment = [sys.executable, "-c", program], {"PYTHONPATH": str(REPOSITORY), "PATH": ""}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_modules_that_import_one_way_pass(tmp_path):
    found = lint(tmp_path, CHAIN)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize(
    "way_back",
    [
        "from house.roof import roof",
        "def build():\n    from house.roof import roof",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house.roof import roof",
        "class Wall:\n    def build(self):\n        import house.roof",
        "from house import roof",
        "def build():\n    from . import roof",
    ],
    ids=["at the top", "in a function", "for types", "in a method", "a module out of its package", "relative"],
)
def test_a_way_back_is_found(tmp_path, way_back):
    found = lint(tmp_path, {**CHAIN, "wall": f"wall = 1\n{way_back}\n"})
    assert found.returncode == 1
    assert "- .roof -> .wall" in found.stdout or "- .wall -> .roof" in found.stdout


def test_a_circle_of_folders_is_found_where_no_module_is_in_one(tmp_path):
    files = {"left/one": "import house.right.two", "right/two": "", "right/three": "import house.left.four", "left/four": ""}
    found = lint(tmp_path, {**files, "__init__": "", "left/__init__": "", "right/__init__": ""})
    assert found.returncode == 1
    assert "No cycles are allowed in house" in found.stdout


@pytest.mark.parametrize(
    "own", ["from house import paint", "def build():\n    import house"], ids=["a name", "in a function"]
)
def test_a_module_that_imports_its_own_package_is_found(tmp_path, own):
    found = lint(tmp_path, {**CHAIN, "__init__": "paint = 1", "wall": f"wall = 1\n{own}\n"})
    assert found.returncode == 1
    assert "house.wall imports house, which it is in" in found.stdout
