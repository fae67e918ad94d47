"""What is written comes back to the last bit, and nothing else is believed."""

from contextlib import suppress
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stored_blocks import block

from circuitcheck.engine.protocol import FeatureReceipt, ModelCard, Receipt
from circuitcheck.places import Architecture
from circuitcheck.plan import ModelRef
from circuitcheck.store.blocks import pack_block, unpack_block
from circuitcheck.store.cards import pack_card, unpack_card
from circuitcheck.store.packing import Unreadable, pack, unpack

NUMBERS = st.floats(allow_nan=False)
TEXTS = st.lists(st.text(), max_size=3).map(tuple)
CARD = ModelCard(
    ModelRef("a\ud800model", "0123", "float32", "always", "4567"),
    Architecture(2, 4, 2, 64, None, parallel=True),
    {"weights": "é"},
    "cpu",
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


@given(measured())
def test_receipts_and_values_survive_exactly(given_):
    values, receipts, prompts = given_
    found = unpack_block(pack_block(values, receipts, prompts), len(values))
    assert found[0].tobytes() == values.tobytes()
    assert found[1:] == (receipts, prompts)
    assert all(type(number) is float for receipt in found[1] for number in receipt.relative)


def test_a_field_that_receipts_get_is_stored_too():
    """Or the store has to learn of it."""
    full = block(1).receipts[0]
    for each in fields(Receipt):
        assert getattr(full, each.name) != each.default, f"give {each.name} a value here, and see it come back"
    found = unpack_block(pack_block(block(1).values, (full,), ()), 8)[1][0]
    assert found == full


def test_a_card_comes_back():
    assert unpack_card(pack_card(CARD)) == CARD
    assert unpack_card(pack_card(CARD)).fingerprint == CARD.fingerprint


@pytest.mark.parametrize("cut", [0, 3, 10, 200, -8, -1])
def test_bytes_that_were_cut_are_refused(cut):
    content = pack_block(block(0).values, block(0).receipts, block(0).prompts)
    with pytest.raises(Unreadable):
        unpack_block(content[:cut], 8)
    with pytest.raises(Unreadable):
        unpack_block(content + b"more", 8)
    with pytest.raises(Unreadable):
        unpack_block(content, 9)


def receipt_with(**changes):
    said = dict.fromkeys(("digest", "model", "view", "intervention", "dtype"), "")
    said |= {"sites": [], "idle": [], "allow_vacuous": False, "features": [], "output": False}
    return {"prompts": [], "receipts": [{**said, **changes}]}


ARRAYS = (np.zeros(2), np.zeros((1, 2)))


@pytest.mark.parametrize(
    "header, arrays",
    [
        ({"prompts": []}, ARRAYS),
        ({"prompts": [], "receipts": {}}, ARRAYS),
        ({"prompts": [1, 2], "receipts": []}, ARRAYS[:1]),
        ({"prompts": ["one"], "receipts": []}, ARRAYS[:1]),
        ({"prompts": [], "receipts": []}, ARRAYS),
        ({"prompts": [], "receipts": []}, (np.zeros(3),)),
        ({"prompts": [], "receipts": []}, (np.zeros(2, np.int64),)),
        (receipt_with(sites="L0"), ARRAYS),
        (receipt_with(sites=[1]), ARRAYS),
        (receipt_with(model=None), ARRAYS),
        (receipt_with(allow_vacuous=1), ARRAYS),
        (receipt_with(output=True), ARRAYS),
        (receipt_with(features=["q[1]"]), ARRAYS),
        (receipt_with(more=1), ARRAYS),
        (receipt_with(), (np.zeros(2), np.zeros((1, 3)))),
        (receipt_with(), (np.zeros(2), np.zeros((1, 2), np.float32))),
    ],
)
def test_what_fits_together_only_nearly_is_refused(header, arrays):
    unpack_block(pack(receipt_with(), ARRAYS), 2)
    with pytest.raises(Unreadable):
        unpack_block(pack(header, arrays), 2)


@pytest.mark.parametrize(
    "part, said",
    [
        ("ref", {"spec": "organism"}),
        ("ref", {**vars(CARD.ref), "dtype": 1}),
        ("architecture", {**vars(CARD.architecture), "n_layers": True}),
        ("architecture", {**vars(CARD.architecture), "n_layers": 2.0}),
        ("architecture", {**vars(CARD.architecture), "parallel": 1}),
        ("architecture", {"n_layers": 2}),
        ("fingerprint", {"weights": 1}),
        ("device", 0),
    ],
)
def test_a_card_with_a_field_of_another_type_is_refused(part, said):
    whole = dict(unpack(pack_card(CARD)).header)
    assert unpack_card(pack(whole)) == CARD
    with pytest.raises(Unreadable):
        unpack_card(pack({**whole, part: said}))


def test_arrays_of_other_types_are_not_packed():
    with pytest.raises(ValueError, match="expected <f8"):
        pack({}, [np.array(["text"])])
    with pytest.raises(ValueError, match="expected <f8"):
        pack({}, [np.array([object()])])


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


def test_a_receipt_of_fewer_rows_is_no_block():
    short = replace(block(0).receipts[0], output=(1.0,))
    with pytest.raises(ValueError):
        pack_block(block(0).values, (short,), ())
