"""Whatever became of the file: what is read is what was written, the rest is measured anew, and the run goes on."""

import os
import random
import shutil
import sqlite3
from pathlib import Path

import pytest
from stored_blocks import KEY, ROWS, block, filled, right_or_missing, same

from circuitcheck.store import Key, Store
from circuitcheck.store.blocks import pack_block
from circuitcheck.store.database import checksum_of
from circuitcheck.store.packing import pack

BLOCKS = 40


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return filled(tmp_path_factory.mktemp("whole"), BLOCKS).read_bytes()


def usable(folder: Path) -> bool:
    """Can a store there be written to, and be read by the next process?"""
    key = Key("values", ("another",))
    first, second = Store(folder, 100), Store(folder, 100)
    first.keep([(key, block(0))])
    first.close()
    (found,) = second.blocks(key, range(ROWS))
    second.close()
    return same(found, block(0))


def test_a_flipped_byte_anywhere(whole: bytes, tmp_path: Path) -> None:
    """Most of the header, which says what the file is, and bytes from all over the rest."""
    read = set()
    for number, offset in enumerate([*range(30), *range(30, 108, 3), *range(108, len(whole), 1201)]):
        folder = tmp_path / str(number)
        folder.mkdir()
        damaged = bytearray(whole)
        damaged[offset] ^= random.Random(offset).randrange(1, 256)
        (folder / "values-0.db").write_bytes(damaged)
        read.add(right_or_missing(folder, BLOCKS))
        assert offset % 8 > 2 or usable(folder), offset
        shutil.rmtree(folder)
    assert max(read) == BLOCKS
    assert min(read) == 0
    assert BLOCKS - 1 in read


def test_a_file_cut_short_anywhere(whole: bytes, tmp_path: Path) -> None:
    for cut in [0, 1, 15, 16, 99, 100, *range(4096, len(whole), 4096), *range(4096 + 37, len(whole), 9 * 4096)]:
        folder = tmp_path / str(cut)
        folder.mkdir()
        (folder / "values-0.db").write_bytes(whole[:cut])
        assert right_or_missing(folder, BLOCKS) < BLOCKS
        assert usable(folder), cut


def test_a_log_of_writes_cut_short_or_flipped(tmp_path: Path) -> None:
    """What a process that was killed leaves: all it wrote is in the log still."""
    store = Store(tmp_path / "alive", 100)
    for number in range(BLOCKS):
        store.keep([(KEY, block(ROWS * number))])
    main, log = (Path(f"{store.database.path}{end}").read_bytes() for end in ("", "-wal"))
    read = []
    for cut in range(0, len(log), 8 * 4099):
        for kind, data in (("cut", log[:cut]), ("flipped", log[:cut] + bytes([log[cut] ^ 255]) + log[cut + 1 :])):
            folder = tmp_path / f"{kind} {cut}"
            folder.mkdir()
            (folder / "values-0.db").write_bytes(main)
            (folder / "values-0.db-wal").write_bytes(data)
            read.append(right_or_missing(folder, BLOCKS))
            assert usable(folder)
    assert len(set(read)) > 5
    store.close()


def test_a_damaged_entry_goes_and_is_told_once(tmp_path: Path) -> None:
    path = filled(tmp_path, 3)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE entries SET content = zeroblob(LENGTH(content)) WHERE start > 0")
    connection.close()
    store = Store(tmp_path, 100)
    assert [each.rows.start for each in store.blocks(KEY, range(3 * ROWS))] == [0]
    assert [each.rows.start for each in store.blocks(KEY, range(3 * ROWS))] == [0]
    (notice,) = store.notices
    assert "a damaged entry was found and dropped" in notice
    store.keep([(KEY, block(ROWS))])
    assert len(store.blocks(KEY, range(3 * ROWS))) == 2


@pytest.mark.parametrize("column, value", [("start", 1), ("stop", 80), ("made", 1), ("content", b"x"), ("checksum", None)])
def test_all_that_is_believed_is_under_the_checksum(tmp_path: Path, column: str, value: object) -> None:
    path = filled(tmp_path, 1)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA ignore_check_constraints = ON")
    if value is None:
        value = b"0" * 16
    connection.execute(f"UPDATE entries SET {column} = ?", (value,))
    connection.commit()
    connection.close()
    assert Store(tmp_path, 100).blocks(KEY, range(80)) == []


def test_rows_that_were_moved_are_not_believed(tmp_path: Path) -> None:
    path = filled(tmp_path, 1)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE entries SET start = start + 8, stop = stop + 8")
    connection.commit()
    connection.close()
    assert Store(tmp_path, 100).blocks(KEY, range(80)) == []


def test_an_entry_of_one_key_is_none_of_another(tmp_path: Path) -> None:
    path, other = filled(tmp_path, 1), Key("values", ("another model",))
    connection = sqlite3.connect(path)
    connection.execute("UPDATE entries SET key = ?", (other.digest,))
    connection.commit()
    connection.close()
    assert Store(tmp_path, 100).blocks(other, range(ROWS)) == []


def test_what_is_whole_and_still_no_block_goes(tmp_path: Path) -> None:
    """As another program might write it, with a checksum that is right."""
    path, content = filled(tmp_path, 1), pack({"prompts": [], "receipts": 3, "values": {}})
    connection = sqlite3.connect(path)
    made = connection.execute("SELECT made FROM entries").fetchone()[0]
    connection.execute(
        "UPDATE entries SET content = ?, checksum = ?", (content, checksum_of(KEY.digest, 0, ROWS, made, content))
    )
    connection.commit()
    connection.close()
    store = Store(tmp_path, 100)
    assert store.blocks(KEY, range(ROWS)) == []
    assert "an entry cannot be read" in store.notices[0]
    store.keep([(KEY, block(0))])
    assert len(store.blocks(KEY, range(ROWS))) == 1


def foreign_tables(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE entries (key, start)")
    connection.commit()
    connection.close()


def trigger(path: Path) -> None:
    filled(path.parent)
    connection = sqlite3.connect(path)
    connection.execute("CREATE TRIGGER t AFTER INSERT ON entries BEGIN DELETE FROM entries; END")
    connection.commit()
    connection.close()


def older_version(path: Path) -> None:
    filled(path.parent)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 0")
    connection.commit()
    connection.close()


def of_another_program(path: Path) -> None:
    filled(path.parent)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA application_id = 7")
    connection.commit()
    connection.close()


def text(path: Path) -> None:
    path.write_text("no database\n" * 500)


def text_of_a_pickle(path: Path) -> None:
    path.write_bytes(b"cos\nsystem\n(S'touch /tmp/owned'\ntR." * 100)


@pytest.mark.parametrize("make", [foreign_tables, trigger, older_version, of_another_program, text, text_of_a_pickle])
def test_a_file_that_is_none_of_ours_is_left_for_another(make, tmp_path: Path) -> None:
    make(tmp_path / "values-0.db")
    store = Store(tmp_path, 100)
    assert store.blocks(KEY, range(ROWS)) == []
    assert usable(tmp_path)
    (notice,) = store.notices
    assert "values-0.db is damaged, or no store of this version" in notice
    assert store.database.path.name == "values-1.db"


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir])
def test_what_is_no_regular_file_is_not_opened(make, tmp_path: Path) -> None:
    make(tmp_path / "values-0.db")
    store = Store(tmp_path, 100)
    store.keep([(KEY, block(0))])
    assert store.blocks(KEY, range(ROWS)) == []
    (notice,) = store.notices
    assert "values-0.db is no regular file" in notice


def test_the_bytes_of_a_block_hold_no_code() -> None:
    """A header of JSON and plain numbers: nothing that a reader would run."""
    content = pack_block(block(0))
    assert content[5:6] == b"{"
    assert b"\x80\x04" not in content[:200]
