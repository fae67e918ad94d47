"""What is written comes back to the last bit, and nothing else is believed."""

import json
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from typing import get_type_hints

import numpy as np
import pytest
from how_many import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_blocks import block

from circuitcheck.engine.protocol import DictionaryCard, FeatureReceipt, ModelCard, Receipt, Reconstructed, Scanned
from circuitcheck.places import Architecture, Site
from circuitcheck.plan import DictionaryRef, MadeFor, ModelRef
from circuitcheck.store import Block
from circuitcheck.store.blocks import pack_block, unpack_block
from circuitcheck.store.packing import Unreadable, pack, unpack
from circuitcheck.store.records import pack_record, unpack_record

quick = settings(deadline=None, max_examples=examples(40), derandomize=True)
NUMBERS = st.floats(allow_nan=False)
TEXTS = st.lists(st.text(), max_size=3).map(tuple)
CARD = ModelCard(
    ModelRef("a\ud800model", "0123", "float32", "always", "4567"),
    Architecture(2, 4, 2, 64, None, parallel=True),
    {"weights": "é"},
    "cpu",
)


DICTIONARY = DictionaryCard(
    DictionaryRef("a/b", "b", "0123", Site("q", 1, 11), Site("q", 1, 11), 4096, MadeFor("m", None, prepend_bos=True), 3),
    "topk",
    64,
    64,
    {"weights": "0"},
)


@st.composite
def measured(draw):
    rows = draw(st.integers(1, 5))
    row = st.lists(NUMBERS, min_size=rows, max_size=rows).map(tuple)
    receipt = st.builds(
        Receipt,
        *(st.text() for _ in range(4)),
        TEXTS,
        row,
        allow_vacuous=st.booleans(),
        dtype=st.text(),
        idle=TEXTS,
        features=st.lists(st.builds(FeatureReceipt, st.text(), row), max_size=3).map(tuple),
        output=st.one_of(st.just(()), row),
    )
    values = draw(st.lists(st.floats(), min_size=rows, max_size=rows))
    prompts = draw(st.one_of(st.just(()), st.lists(st.text(), min_size=rows, max_size=rows).map(tuple)))
    return np.array(values), tuple(draw(st.lists(receipt, max_size=3))), prompts


@quick
@given(measured())
def test_receipts_and_values_survive_exactly(given_):
    values, receipts, prompts = given_
    rows = range(3, 3 + len(values))
    found = unpack_block(pack_block(Block(rows, values, receipts, prompts)), rows, 7)
    assert found.values.tobytes() == values.tobytes()
    assert (found.rows, found.receipts, found.prompts, found.made) == (rows, receipts, prompts, 7)
    assert all(type(number) is float for receipt in found.receipts for number in receipt.relative)


def test_every_field_of_a_receipt_is_kept():
    full = block(1).receipts[0]
    for each in fields(Receipt):
        assert getattr(full, each.name) != each.default, f"give {each.name} a value in stored_blocks.py"
    assert unpack_record(Receipt, pack_record(full)) == full


NUMBERS_BY_NAME = {
    "<f8": np.array([1.5, np.nan, -np.inf]),
    "<f4": np.array([[1.5], [0.1]], np.float32),
    "<i8": np.array([], np.int64),
    "|b1": np.array([True, False]),
}


def of_arrays(kind):
    """With an array of the right type in each field that is one, and numbers in the others."""
    hints = get_type_hints(kind)
    made = {}
    for number, each in enumerate(fields(kind)):
        dtypes = [dtype for dtype in NUMBERS_BY_NAME if np.dtype(dtype).type.__name__ in str(hints[each.name])]
        made[each.name] = NUMBERS_BY_NAME[dtypes[0]] if dtypes else number
    return kind(**made)


@pytest.mark.parametrize("kind", [Reconstructed, Scanned])
def test_arrays_survive_exactly(kind):
    whole = of_arrays(kind)
    found = unpack_record(kind, pack_record(whole))
    for each in fields(kind):
        mine, its = getattr(whole, each.name), getattr(found, each.name)
        if isinstance(mine, np.ndarray):
            assert (its.dtype, its.shape, its.tobytes()) == (mine.dtype, mine.shape, mine.tobytes())
        else:
            assert (its, type(its)) == (mine, int)


@pytest.mark.parametrize("card", [CARD, DICTIONARY])
def test_a_card_comes_back(card):
    found = unpack_record(type(card), pack_record(card))
    assert found == card
    assert found.fingerprint == card.fingerprint


def test_many_zeros_take_little_room():
    block_ = Block(range(100_000), np.zeros(100_000), (), ())
    content = pack_block(block_)
    assert len(content) < 10_000
    assert unpack_block(content, range(100_000), 0).values.tobytes() == block_.values.tobytes()
    for wrong in (content[:-1], content + b"x", b"\x01", b"\x02" + content[1:], b""):
        with pytest.raises(Unreadable):
            unpack_block(wrong, range(100_000), 0)


def test_what_unpacks_to_more_than_an_entry_may_be_is_refused(monkeypatch):
    content = pack_block(Block(range(100_000), np.zeros(100_000), (), ()))
    monkeypatch.setattr("circuitcheck.store.packing._LARGEST", 100_000)
    with pytest.raises(Unreadable, match="larger than"):
        unpack(content)


@pytest.mark.parametrize("cut", [0, 3, 10, 200, -8, -1])
def test_bytes_that_were_cut_are_refused(cut):
    content, rows = pack_block(block(0)), range(8)
    unpack_block(content, rows, 0)
    for wrong, asked in ((content[:cut], rows), (content + b"more", rows), (content, range(9))):
        with pytest.raises(Unreadable):
            unpack_block(wrong, asked, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"relative": (1.0,)},
        {"output": (1.0,)},
        {"features": (FeatureReceipt("q[1]", (1.0,)),)},
    ],
)
def test_a_receipt_of_other_rows_is_refused(change):
    whole = block(0)
    short = replace(whole, receipts=(replace(whole.receipts[0], **change),))
    with pytest.raises(Unreadable, match="not of these rows"):
        unpack_block(pack_block(short), range(8), 0)


SPOILT = {
    "a number for a text": lambda said: said["ref"].update(dtype=1),
    "a field less": lambda said: said["ref"].pop("dtype"),
    "a field more": lambda said: said.update(more=1),
    "true for a number": lambda said: said["architecture"].update(n_layers=True),
    "a fraction for a whole number": lambda said: said["architecture"].update(n_layers=2.0),
    "1 for true": lambda said: said["architecture"].update(parallel=1),
    "nothing for a number": lambda said: said["architecture"].update(n_layers=None),
    "no mapping": lambda said: said.update(fingerprint=[]),
    "a mapping of others": lambda said: said.update(fingerprint={"weights": 1}),
    "no object": lambda said: said.update(architecture=[]),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_field_of_another_type_is_refused(spoil):
    said = json.loads(json.dumps(unpack(pack_record(CARD)).header))
    assert unpack_record(ModelCard, pack(said)) == CARD
    spoil(said)
    with pytest.raises(Unreadable):
        unpack_record(ModelCard, pack(said))


SPOILT_ARRAYS = {
    "another one's type": lambda said, arrays: arrays.__setitem__(0, arrays[0].astype(np.float32)),
    "more axes": lambda said, arrays: arrays.__setitem__(0, arrays[0].reshape(1, -1)),
    "none of that number": lambda said, arrays: said.update(relative={"array": 99}),
    "no number": lambda said, arrays: said.update(relative={"array": True}),
    "the numbers themselves": lambda said, arrays: said.update(relative=[1.0]),
    "no list": lambda said, arrays: said.update(sites="L0"),
    "a list of others": lambda said, arrays: said.update(sites=[1]),
}


@pytest.mark.parametrize("spoil", SPOILT_ARRAYS.values(), ids=SPOILT_ARRAYS)
def test_arrays_and_lists_of_another_type_are_refused(spoil):
    whole = unpack(pack_record(block(0).receipts[0]))
    said, arrays = dict(whole.header), list(whole.arrays)
    assert unpack_record(Receipt, pack(said, arrays)) == block(0).receipts[0]
    spoil(said, arrays)
    with pytest.raises(Unreadable):
        unpack_record(Receipt, pack(said, arrays))


def test_a_record_that_could_hold_anything_is_a_mistake_of_ours():
    @dataclass
    class Loose:
        anything: object

    with pytest.raises(TypeError, match="cannot be kept"):
        unpack_record(Loose, pack_record(Loose("text")))


def test_arrays_of_other_types_are_not_packed():
    with pytest.raises(ValueError, match="expected <f8"):
        pack({}, [np.array(["text"])])
    with pytest.raises(ValueError, match="expected <f8"):
        pack({}, [np.array([object()])])


@quick
@given(st.binary(max_size=60))
def test_any_bytes_are_refused_or_read(data):
    for content in (data, len(data).to_bytes(4, "big") + data):
        with suppress(Unreadable):
            unpack(content)


def test_truth_values_are_0_or_1():
    content = pack({}, [np.array([True, False])])
    assert unpack(content).arrays[0].tolist() == [True, False]
    with pytest.raises(Unreadable, match="truth"):
        unpack(content[:-1] + b"\x02")
