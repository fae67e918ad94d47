"""--circuit-store-mb: how many megabytes the store of values may have."""

import pytest
from claims_folder import Folder

from circuitcheck.store.database import Database

CLAIM = """
@claim(id="one")
def test_one(model, ioi):
    assert ioi.logit_diff(model) < 100
"""


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What stores were made with, in bytes."""
    found: list[int] = []
    usual = Database.__init__

    def made(self: Database, folder: object, most: int, *rest: object) -> None:
        found.append(most)
        usual(self, folder, most, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Database, "__init__", made)
    return found


def test_the_command_line_comes_before_the_ini_file(folder: Folder, limits: list[int]) -> None:
    folder.run(CLAIM)
    folder.pytester.makeini("[pytest]\ncircuit_store_mb = 7\n")
    folder.run()
    folder.run(None, "--circuit-store-mb=3")
    assert limits == [2048 << 20, 7 << 20, 3 << 20]


@pytest.mark.parametrize("given", ["0", "-1"])
def test_no_room_is_refused(folder: Folder, given: str) -> None:
    folder.run(CLAIM, f"--circuit-store-mb={given}").usage_error(
        f"--circuit-store-mb {given} holds nothing; expected 1 or more"
    )
