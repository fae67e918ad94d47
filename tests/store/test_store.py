"""What a store gives back of what it was given, and what it lets go of."""

from pathlib import Path

import pytest
from stored_blocks import KEY, ROWS, block, same

from circuitcheck.engine.protocol import ModelCard
from circuitcheck.places import Architecture
from circuitcheck.plan import ModelRef
from circuitcheck.store import Key, Store
from circuitcheck.store.overview import overview

CARD = ModelCard(ModelRef("organism", "0123", "float32", "always", "4567"), Architecture(4, 4, 4, 64, 256), {}, "cpu")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "values", 100)


def test_blocks_come_back_in_order_and_cut_to_the_rows_that_are_asked(store: Store) -> None:
    store.keep([(KEY, block(16)), (KEY, block(0))])
    first, second = store.blocks(KEY, range(2, 18))
    assert (first.rows, second.rows) == (range(2, 8), range(16, 18))
    assert first.values.tobytes() == block(0).values[2:].tobytes()
    assert first.receipts[0].relative == block(0).receipts[0].relative[2:]
    assert first.receipts[0].features[1].activation == block(0).receipts[0].features[1].activation[2:]
    assert second.receipts[0].output == block(16).receipts[0].output[:2]
    assert second.prompts == block(16).prompts[:2]


def test_rows_that_two_blocks_have_come_once(store: Store) -> None:
    store.keep([(KEY, block(0)), (KEY, block(4)), (KEY, block(0, rows=32)), (KEY, block(6, rows=4))])
    assert [each.rows for each in store.blocks(KEY, range(32))] == [range(8), range(8, 32)]
    assert [row for each in store.blocks(KEY, range(3, 30)) for row in each.rows] == list(range(3, 30))


@pytest.mark.parametrize(
    "other",
    [
        Key("other", KEY.parts),
        Key("values", (*KEY.parts, 0)),
        Key("values", KEY.parts[::-1]),
        Key("values", ("a model", "a task", 1)),
        Key("values", ("a model", "a task", "0")),
    ],
)
def test_another_key_is_another_entry(store: Store, other: Key) -> None:
    store.keep([(KEY, block(0))])
    assert store.blocks(other, range(ROWS)) == []
    assert store.blocks(Key("values", KEY.parts, "another name", "another task"), range(ROWS))


def test_names_that_no_file_can_hold_are_kept_as_escapes(store: Store) -> None:
    odd = Key("values", KEY.parts, "a model \ud800", "a task \x1b[2J")
    store.keep([(odd, block(0))])
    assert store.blocks(KEY, range(ROWS))
    assert {(each.model, each.subject) for each in overview(store.database)} == {(r"a model \ud800", r"a task \x1b[2J")}


def test_a_record_is_kept_until_it_is_forgotten(store: Store) -> None:
    assert store.record(KEY, ModelCard) is None
    store.keep_record(KEY, CARD)
    assert store.record(KEY, ModelCard) == CARD
    store.forget(KEY)
    assert store.record(KEY, ModelCard) is None


def test_a_record_of_one_type_is_none_of_another(store: Store) -> None:
    store.keep([(KEY, block(0, rows=1))])
    assert store.record(KEY, ModelCard) is None
    store.keep_record(KEY, CARD)
    assert store.blocks(KEY, range(1)) == []


def test_a_record_that_is_too_large_is_not_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("circuitcheck.store.store._LARGEST", 100)
    store.keep_record(KEY, CARD)
    assert store.record(KEY, ModelCard) is None


def test_nothing_is_made_before_it_is_used(store: Store) -> None:
    assert not store.database.folder.exists()


class Clock:
    def __init__(self) -> None:
        self.now = 1e9

    def __call__(self) -> float:
        return self.now


def sized(folder: Path, clock: Clock) -> tuple[Store, list[Key]]:
    """A store of 1 MB, and keys of which each has an entry of some 40 kB, used in turn, hours apart."""
    store, keys = Store(folder, 1, clock), [Key("values", (number,)) for number in range(32)]
    for key in keys:
        store.keep([(key, block(0, rows=1000))])
        clock.now += 7200
    return store, keys


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    clock = Clock()
    store, keys = sized(tmp_path, clock)
    store.blocks(keys[0], range(1))  # it is used, and the second is not
    clock.now += 1
    store.database.shrink_to(1 << 20)
    there = [bool(store.blocks(key, range(1))) for key in keys]
    assert there[0]
    assert not there[1]
    assert there[-1]
    assert there == [True, *sorted(there[1:])]
    store.close()
    assert store.database.path.stat().st_size <= 1 << 20


def test_it_shrinks_by_itself_as_it_grows(tmp_path: Path) -> None:
    store = Store(tmp_path, 1)
    for number in range(220):
        store.keep([(Key("values", (number,)), block(0, rows=1000))])
    store.close()
    assert (1 << 19) < store.database.path.stat().st_size < (6 << 20)
    assert store.blocks(Key("values", (219,)), range(1))
    assert not store.notices


def test_days_are_those_on_which_it_was_measured(tmp_path: Path) -> None:
    clock = Clock()
    store = Store(tmp_path, 1, clock)
    store.keep([(KEY, block(0))])
    clock.now += 1e6
    (found,) = store.blocks(KEY, range(ROWS))
    assert found.made == int(1e9)
    assert same(found, block(0))
