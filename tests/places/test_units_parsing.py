"""The words for units: `L8H2`, `L8H0-3`, `L8.attn`, `L8-11.mlp`."""

import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitcheck.errors import UnknownUnit
from circuitcheck.places import Architecture, AttnLayer, Head, MlpLayer, parse_layers, parse_sites, parse_units

MODEL = Architecture(n_layers=12, n_heads=4, n_key_value_heads=4, n_ctx=64)

heads = st.builds(Head, st.integers(0, 11), st.integers(0, 3))
layers = st.builds(AttnLayer, st.integers(0, 11)) | st.builds(MlpLayer, st.integers(0, 11))
sets_of_units = st.lists(heads | layers, min_size=1, max_size=12, unique=True)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("L8H2", {Head(8, 2)}),
        ("L8H0-3", {Head(8, 0), Head(8, 1), Head(8, 2), Head(8, 3)}),
        ("L8H2-2", {Head(8, 2)}),
        ("L11H3", {Head(11, 3)}),
        ("L8.attn", {AttnLayer(8)}),
        ("L8.mlp", {MlpLayer(8)}),
        ("L8-11.mlp", {MlpLayer(8), MlpLayer(9), MlpLayer(10), MlpLayer(11)}),
        ("L0-1.attn", {AttnLayer(0), AttnLayer(1)}),
        ("L9H3, L9H1, L10H0", {Head(9, 3), Head(9, 1), Head(10, 0)}),
        ("L8H2,L3.attn,L0-1.mlp", {Head(8, 2), AttnLayer(3), MlpLayer(0), MlpLayer(1)}),
        ("  L8H2 ,\n\tL9H1  ", {Head(8, 2), Head(9, 1)}),
        ("L8H2 L9H1", {Head(8, 2), Head(9, 1)}),
        (["L8H2", "L9H1"], {Head(8, 2), Head(9, 1)}),
        (["L8H2, L9H1", "L3.mlp"], {Head(8, 2), Head(9, 1), MlpLayer(3)}),
        (("L8H2", Head(9, 1)), {Head(8, 2), Head(9, 1)}),
        (Head(8, 2), {Head(8, 2)}),
        ((word for word in ("L8H2", "L9H1")), {Head(8, 2), Head(9, 1)}),
    ],
)
def test_each_form_names_its_units_once(text, expected):
    found = parse_units(text, MODEL)
    assert set(found) == expected
    assert len(found) == len(expected)


@given(sets_of_units)
def test_what_a_unit_prints_is_read_back(units):
    assert set(parse_units(", ".join(map(str, units)), MODEL)) == set(units)


@given(sets_of_units.flatmap(lambda units: st.tuples(st.just(units), st.permutations(units))))
def test_the_order_of_the_words_does_not_matter(both):
    first, second = both
    assert parse_units(first, MODEL) == parse_units(second, MODEL)


def test_heads_come_sorted_by_layer_then_head():
    assert parse_units("L10H0, L9H3, L2H1, L9H0", MODEL) == (Head(2, 1), Head(9, 0), Head(9, 3), Head(10, 0))


@pytest.mark.parametrize("text", ["L12H0", "L0H4", "L0H0-4", "L12.attn", "L11-12.mlp", Head(12, 0), AttnLayer(12)])
def test_a_unit_beyond_the_model_is_refused_with_the_models_limits(text):
    with pytest.raises(UnknownUnit, match=r"12 layers.*L11.*4 heads.*H3"):
        parse_units(text, MODEL)


@pytest.mark.parametrize("unit", [Head(0, -1), Head(-1, 0), AttnLayer(-1), MlpLayer(-1)])
def test_a_negative_index_is_no_way_to_count_from_the_end(unit):
    with pytest.raises(UnknownUnit):
        parse_units(unit, MODEL)


@pytest.mark.parametrize("nothing", ["", "   ", ",", [], ["", " "]])
def test_no_units_at_all_are_refused(nothing):
    with pytest.raises(UnknownUnit, match="no units"):
        parse_units(nothing, MODEL)


@pytest.mark.parametrize("text", ["L8H3-0", "L11-8.mlp"])
def test_a_backwards_range_is_refused_by_name(text):
    with pytest.raises(UnknownUnit, match=f"{text}.*backwards"):
        parse_units(text, MODEL)


@pytest.mark.parametrize("text", ["L8H2, L8H2", "L8H0-3, L8H2", ["L8H2", Head(8, 2)], "L8H2 L08H02", "L1-2.mlp, L2.mlp"])
def test_a_unit_named_twice_is_refused_by_name(text):
    with pytest.raises(UnknownUnit, match=r"(L8H2|L2\.mlp).*more than once"):
        parse_units(text, MODEL)


def test_a_hundred_thousand_units_are_refused_in_seconds():
    started = time.process_time()
    with pytest.raises(UnknownUnit, match="L8H2 named more than once"):
        parse_units(",".join(["L8H2"] * 100_000), MODEL)
    assert time.process_time() - started < 10  # each word was looked for in all that follows


@pytest.mark.parametrize("parse", [parse_units, parse_sites, parse_layers])
def test_a_text_longer_than_any_model_needs_is_refused_by_its_length(parse):
    with pytest.raises(UnknownUnit, match="a text of 5000000 characters names more units than any model has"):
        parse("L8H2," * 1_000_000, MODEL)


@pytest.mark.parametrize(
    "text",
    "8.2 L8 H2 L8H L8.h2 l8h2 L8H2- L8H-3 L-1H0 L8.attn.mlp L8.z L8H0-3-4 L8-9H2 L1.5.mlp L8H2;L9H1 heads".split(),
)
def test_rubbish_is_refused_with_the_forms_that_are_understood(text):
    with pytest.raises(UnknownUnit, match=r"not a unit.*L8H2 \(a head\).*L8-11\.mlp"):
        parse_units(text, MODEL)


@pytest.mark.parametrize("thing", [8, None, [8]])
def test_what_is_neither_text_nor_unit_is_refused_in_words(thing):
    with pytest.raises((UnknownUnit, TypeError), match="(?i)expected"):
        parse_units(thing, MODEL)


def test_a_range_far_beyond_the_model_is_refused_without_being_written_out():
    tracemalloc.start()
    try:
        with pytest.raises(UnknownUnit):
            parse_units("L0H0-99999", MODEL)
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "text, meant",
    [
        ("8.2", "'L8H2'"),
        ("l8h2", "'L8H2'"),
        ("8:2", "'L8H2'"),
        ("blocks.8.attn.hook_z", r"'L8\.attn' \(the layer\) or 'L8H0' \(one head\)"),
        ("blocks.8.mlp.hook_post", r"'L8\.mlp' \(the layer\) or 'L8\.mlp\[0\]' \(one neuron\)"),
    ],
)
def test_words_of_other_tools_are_answered_with_ours(text, meant):
    with pytest.raises(UnknownUnit, match=f"Did you mean {meant}"):
        parse_units(text, MODEL)
