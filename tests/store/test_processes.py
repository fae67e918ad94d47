"""Many processes at once, some of them killed: what is there is whole, and nobody waits for long."""

import os
import random
import signal
import time
from functools import partial
from pathlib import Path

import pytest
from stored_blocks import KEY, ROWS, block, in_another_process, right_or_missing, same

from circuitcheck.store import Key, Store

KILLS = 24
WRITERS = 4
EACH = 25
MOST = 10_000  # blocks


def write_on_and_on(folder: Path, start: int, says: int) -> None:
    store = Store(folder, 100)
    for number in range(start, MOST):
        store.keep([(KEY, block(ROWS * number)), (OTHER, block(ROWS * number))])
        os.write(says, b".")


OTHER = Key("values", ("another cell",))


@pytest.mark.slow
def test_a_process_that_is_killed_while_it_writes_leaves_whole_entries(tmp_path: Path) -> None:
    """Every other one after its first write at the earliest, the rest also while they open the file, or make it."""
    before, (hears, says) = 0, os.pipe()
    for number in range(KILLS):
        child = in_another_process(partial(write_on_and_on, tmp_path, before, says))
        if number % 2:
            os.read(hears, 1 << 16)
        time.sleep(random.Random(number).uniform(0, 0.03))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.write(says, b".")
        told = len(os.read(hears, 1 << 16)) - 1
        found = [right_or_missing(tmp_path, MOST, key, before) for key in (KEY, OTHER)]
        assert found[0] == found[1] >= told  # what is written together is there together
        before += found[0]
    assert before >= KILLS // 2
    assert right_or_missing(tmp_path, MOST) == before  # and stays


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    """A file that is not there yet, too: all of them make it."""

    def write(own: int) -> None:
        store = Store(tmp_path, 100)
        for number in range(EACH):
            store.keep([(Key("values", (own,)), block(ROWS * number)), (KEY, block(ROWS * number))])
        os._exit(len(store.notices))

    children = [in_another_process(partial(write, own)) for own in range(WRITERS)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * WRITERS
    for key in (KEY, *(Key("values", (own,)) for own in range(WRITERS))):
        assert right_or_missing(tmp_path, EACH, key) == EACH
    assert [each.name for each in tmp_path.iterdir()] == ["values-0.db"]


def test_one_reads_what_another_has_just_written(tmp_path: Path) -> None:
    reader, writer = Store(tmp_path, 100), Store(tmp_path, 100)
    for number in range(3):
        assert reader.blocks(KEY, range(ROWS * number, ROWS * (number + 1))) == []
        writer.keep([(KEY, block(ROWS * number))])
        (found,) = reader.blocks(KEY, range(ROWS * number, ROWS * (number + 1)))
        assert same(found, block(ROWS * number))


def test_a_store_goes_on_after_a_fork(tmp_path: Path) -> None:
    store = Store(tmp_path, 100)
    store.keep([(KEY, block(0))])

    def go_on() -> None:
        store.keep([(KEY, block(ROWS))])
        os._exit(len(store.blocks(KEY, range(2 * ROWS))))

    child = in_another_process(go_on)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
    assert len(store.blocks(KEY, range(2 * ROWS))) == 2


def test_two_that_measured_the_same_keep_the_first(tmp_path: Path) -> None:
    one, other = Store(tmp_path, 100), Store(tmp_path, 100)
    one.keep([(KEY, block(0))])
    other.keep([(KEY, block(0, seed=1))])
    (found,) = other.blocks(KEY, range(ROWS))
    assert same(found, block(0))


def test_a_file_that_is_damaged_while_others_have_it_open_is_left_by_each(tmp_path: Path) -> None:
    one, other = Store(tmp_path, 100), Store(tmp_path, 100)
    for store in (one, other):
        store.keep([(KEY, block(0))])
    other.database.ask("PRAGMA wal_checkpoint(TRUNCATE)")  # or the log would mend it
    other.database.path.write_bytes(b"\xff" * 8192)
    for number, store in enumerate((one, other, Store(tmp_path, 100)), start=1):
        store.keep([(KEY, block(number * ROWS))])
        assert all(same(each, block(each.rows.start)) for each in store.blocks(KEY, range(9 * ROWS)))
    assert Store(tmp_path, 100).database.path.name != "values-0.db"
