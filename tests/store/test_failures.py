"""What the file is not to blame for: the run goes on without the store, and says so once."""

import os
import resource
import shutil
import sqlite3
from pathlib import Path

import pytest
from stored_blocks import KEY, ROWS, block, in_another_process, right_or_missing

from circuitcheck.store import Store, database


def goes_on(store: Store, words: str) -> None:
    for number in range(3):
        store.keep([(KEY, block(ROWS * number))])
        assert store.blocks(KEY, range(ROWS)) == []
    (notice,) = store.notices
    assert words in notice
    assert "this run goes on without it" in notice


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "values").write_text("")
    goes_on(Store(tmp_path / "values", 100), "File exists")


def test_a_folder_that_nothing_can_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests may run as root, who can write anywhere but in the system's own."""
    goes_on(Store(Path("/proc/self"), 100), "/proc/self cannot be used")


def test_another_program_that_holds_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_SECONDS", 0.05)
    store = Store(tmp_path, 100)
    store.keep([(KEY, block(0))])
    holder = sqlite3.connect(store.database.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    store.keep([(KEY, block(ROWS))])
    assert not store.notices[1:]
    store.close()
    other = Store(tmp_path, 100)
    goes_on(other, "database is locked")
    holder.close()
    assert right_or_missing(tmp_path) >= 1


def test_a_file_system_without_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_shared_memory(connection: sqlite3.Connection) -> None:
        raise sqlite3.OperationalError("locking protocol")

    monkeypatch.setattr(database, "_write_ahead", no_shared_memory)
    goes_on(Store(tmp_path, 100), "locking protocol")


def test_a_full_disk(tmp_path: Path) -> None:
    """As far as a process can have one of its own: no file may grow beyond a limit."""

    def fill() -> None:
        store = Store(tmp_path, 100)
        store.keep([(KEY, block(0))])
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        for number in range(1, 300):
            store.keep([(KEY, block(ROWS * number))])
        assert store.blocks(KEY, range(ROWS)) == []
        (notice,) = store.notices
        os._exit(0 if "this run goes on without it" in notice else 1)

    child = in_another_process(fill)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert 1 <= right_or_missing(tmp_path, 300) < 300


def test_a_full_disk_costs_the_entries_that_it_has_no_room_for(tmp_path: Path, small_disk: Path) -> None:
    store = Store(small_disk, 100)
    for number in range(2000):
        store.keep([(KEY, block(ROWS * number))])
    (notice,) = store.notices
    assert "disk is full" in notice
    assert "Free some room" in notice
    store.close()
    roomy = shutil.copytree(small_disk, tmp_path / "roomy")
    assert 1 <= right_or_missing(roomy, 2000) < 2000


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """A disk of 1 MB, where this process may make one."""
    import subprocess

    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("only root can make a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_memory_that_runs_out_turns_it_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lacks_memory(*_: object) -> list[object]:
        raise MemoryError

    store = Store(tmp_path, 100)
    monkeypatch.setattr(store.database, "_read", lacks_memory)
    assert store.blocks(KEY, range(ROWS)) == []
    assert "MemoryError" in store.notices[0]
