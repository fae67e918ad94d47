"""Scripts are imported by name; what a page registers does not stay."""

import sys
from pathlib import Path

import pytest
from registries import put_back

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))


@pytest.fixture(autouse=True)
def nothing_stays_registered():
    with put_back():
        yield
