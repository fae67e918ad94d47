"""The lowest versions that are tested are the lowest that are admitted."""

import re
import tomllib
from pathlib import Path

from packaging.version import Version

ROOT = Path(__file__).parents[2]


def test_the_lowest_versions_are_those_of_the_project():
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    lowest = {
        name: Version(version) for name, version in (re.match(r"([a-z0-9-]+)>=([\d.]+)", each).groups() for each in wanted)
    }
    lines = [line for line in (ROOT / "constraints-lowest.txt").read_text().splitlines() if not line.startswith("#")]
    pinned = {name: Version(version) for name, version in (line.split("==") for line in lines)}
    assert pinned.pop("torch") > lowest.pop("torch")
    assert pinned == lowest
