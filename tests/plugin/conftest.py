"""A folder of claims about a tiny model, run by a pytest of its own inside this one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from claims_folder import Folder
from loaded_once import models_loaded_once, packages_read_once


@pytest.fixture
def loaded_once() -> Iterator[None]:
    """Runs in this process find the models that earlier ones loaded, and the packages that they found."""
    with models_loaded_once(), packages_read_once():
        yield


@pytest.fixture
def folder(
    pytester: pytest.Pytester, tiny_gpt2: Path, warm: None, loaded_once: None, tmp_path_factory: pytest.TempPathFactory
) -> Folder:
    (pytester.path / "tiny").symlink_to(tiny_gpt2, target_is_directory=True)
    return Folder(pytester, tmp_path_factory.getbasetemp() / "checkups")


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    """For runs that several tests of a file look at."""
    return {}
