"""Pictures: static, told in words, never more certain than their intervals, and without names on top of each other."""

import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from circuitcheck.pictures import Bar, Dot, MapCell, bars, heat_map, profile, scatter
from circuitcheck.pictures.colours import LESS, MORE, colour_of
from circuitcheck.pictures.scales import ticks
from circuitcheck.pictures.svg import FONT

SVG = "{http://www.w3.org/2000/svg}"
POSITIONS = ["IO", "S1", "S1+1", "S2", "plural noun", "category", "after the comma", "second template word", "X", "Y"]


def read(text):
    return ElementTree.fromstring(text)


def a_map(cells, rows, columns, notes=("a note",)):
    return heat_map(cells, rows=rows, columns=columns, axes=("layer", "at"), title="a title", unit="a unit", notes=notes)


def layers(rows=30, columns=15):
    drawn = np.random.default_rng(0).standard_normal((rows, columns))
    cells = [[MapCell(float(value), abs(value) > 1, abs(value) > 1.2, says="a cell") for value in row] for row in drawn]
    return a_map(cells, [f"L{n}" for n in range(rows)], [f"{POSITIONS[n % 10]} {n}" for n in range(columns)])


def heads(count=270):
    drawn = np.random.default_rng(1).standard_normal((count, 2)) * [1.0, 0.3]
    dots = [Dot(f"L{n // 9}H{n % 9}", x, y, y, abs(y) > 0.5, f"head {n}") for n, (x, y) in enumerate(drawn.tolist())]
    return scatter(dots, title="a title", axes=("attention", "contribution"), nothing=(0.0, 0.0), notes=["a note"])


def rows_of_bars(count=60):
    return [
        Bar(f"L{n}H{n}", math.sin(n), math.sin(n) - 0.2, math.sin(n) + 0.2, n % 3 == 0, f"bar {n}") for n in range(count)
    ]


PICTURES = {
    "map": layers,
    "scatter": heads,
    "bars": lambda: bars(rows_of_bars(), title="a title", unit="a unit", start=0.0, notes=["a note"]),
    "profile": lambda: profile(rows_of_bars(30), axis="layer", title="a title", unit="a unit", start=0.0, notes=["a note"]),
}


@pytest.mark.parametrize("make", PICTURES.values(), ids=PICTURES)
def test_it_is_static_and_says_what_it_shows(make):
    text = make()
    root = read(text)
    assert root.get("role") == "img"
    named = [root.find(f"*[@id='{each}']").text for each in root.get("aria-labelledby").split()]
    assert named[0] == "a title"
    assert "a note" in named[1]
    assert not [
        each for each in root.iter() if each.tag.removeprefix(SVG) in ("script", "image", "style", "a", "foreignObject")
    ]
    assert re.findall(r'(?:href|src)=|https?://(?!www\.w3\.org/2000/svg")|on\w+="', text) == []


def boxes(root):
    """Of every text that is drawn straight: left, top, right, bottom."""
    for each in root.iter(f"{SVG}text"):
        wide, x, y = 0.5 * FONT * len(each.text), float(each.get("x")), float(each.get("y"))
        left = x - {"middle": wide / 2, "end": wide}.get(each.get("text-anchor"), 0.0)
        turned = each.get("transform", "")
        if not turned:
            yield each.text, (left, y - 0.75 * FONT, left + wide, y)


def meet(one, other):
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@pytest.mark.parametrize("make", PICTURES.values(), ids=PICTURES)
def test_no_text_is_on_another_or_outside(make):
    root = read(make())
    found = [each for each in boxes(root) if each[0] not in "+−"]
    wide, tall = float(root.get("width")), float(root.get("height"))
    assert len(found) > 15
    for number, (text, box) in enumerate(found):
        assert box[0] >= 0
        assert box[2] <= wide
        assert box[3] <= tall
        clashing = [other for other, where in found[number + 1 :] if meet(box, where)]
        assert not clashing, (text, clashing)


def test_slanted_names_are_as_far_apart_as_their_letters_are_tall():
    turned = [each for each in read(layers()).iter(f"{SVG}text") if "rotate(-40" in each.get("transform", "")]
    assert len(turned) == 15
    places = sorted(float(each.get("x")) for each in turned)
    assert min(np.diff(places)) * math.sin(math.radians(40)) > FONT


def drawn(cell):
    """(fill, hatched, sign) of the first cell."""
    root = read(a_map([[cell, MapCell(2.0, True, True)]], ["L0"], ["A", "B"]))
    group = next(each for each in root.iter(f"{SVG}g") if each.find(f"{SVG}title").text == cell.says)
    fills = [each.get("fill") for each in group.iter(f"{SVG}rect")]
    sign = group.find(f"{SVG}text")
    return fills[0], "url(#hatched)" in fills, "" if sign is None else sign.text


def test_only_what_is_marked_and_sure_has_its_colour():
    assert drawn(MapCell(1.0, True, True, says="x")) == (colour_of(1.0, 2.0, shown=True), False, "+")
    assert drawn(MapCell(-1.0, True, True, says="x")) == (colour_of(-1.0, 2.0, shown=True), False, "−")
    pale = colour_of(1.0, 2.0, shown=False)
    assert drawn(MapCell(1.0, True, False, says="x")) == (pale, True, "+")
    assert drawn(MapCell(1.0, False, True, says="x")) == (pale, True, "")
    assert drawn(MapCell(0.0, vacuous=True, says="x")) == ("#ffffff", False, "")
    assert drawn(MapCell(None, says="x")) == ("#ffffff", False, "")


def test_rows_go_down_and_columns_across():
    cells = [[MapCell(1.0, says=f"{row} {column}") for column in "ABC"] for row in ("L0", "L1")]
    root = read(a_map(cells, ["L0", "L1"], list("ABC")))
    at = {each.find(f"{SVG}title").text: each.find(f"{SVG}rect") for each in root.iter(f"{SVG}g")}
    name = {each.text: each for each in root.iter(f"{SVG}text")}
    for row in ("L0", "L1"):
        for column in "ABC":
            x, y = (float(at[f"{row} {column}"].get(key)) for key in ("x", "y"))
            assert x < float(name[column].get("x")) < x + 26
            assert y < float(name[row].get("y")) < y + 20


def test_colours_tell_sign_and_size_apart_and_are_dark_enough_in_grey():
    def grey(colour):
        return sum(weight * int(colour[n : n + 2], 16) for weight, n in ((0.299, 1), (0.587, 3), (0.114, 5)))

    sizes = [grey(colour_of(value, 1.0, shown=True)) for value in (0.0, 0.25, 0.5, 1.0)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < 120
    assert grey(colour_of(-1.0, 1.0, shown=True)) < 120
    assert MORE[0] - LESS[0] > 100 < LESS[2] - MORE[2]  # red and blue apart: what nobody who is colour-blind mixes up


def test_every_marked_head_is_named_once():
    names = [each.text for each in read(heads(120)).iter(f"{SVG}text") if re.fullmatch(r"L\d+H\d+", each.text)]
    drawn = np.random.default_rng(1).standard_normal((120, 2)) * [1.0, 0.3]
    marked = [f"L{n // 9}H{n % 9}" for n, (_, y) in enumerate(drawn) if abs(y) > 0.5]
    assert sorted(names) == sorted(marked)


def test_no_line_from_a_dot_to_its_name_runs_through_a_name():
    chance = np.random.default_rng(0)
    up = chance.standard_normal(270) * (chance.random(270) < 0.25)
    dots = [Dot(f"L{n // 9}H{n % 9}", abs(chance.standard_normal()), y, y, y != 0, "a head") for n, y in enumerate(up)]
    root = read(scatter(dots, title="t", axes=("x", "y"), nothing=(0.0, 0.0), notes=[]))
    names = [(text, box) for text, box in boxes(root) if re.fullmatch(r"L\d+H\d+", text)]
    lines = [each for each in root.iter(f"{SVG}line") if each.get("stroke-width") == "0.6"]
    assert len(lines) > 10
    for line in lines:
        ends = [np.array([float(line.get(f"{axis}{n}")) for axis in "xy"]) for n in (1, 2)]
        inside = [ends[0] + share * (ends[1] - ends[0]) for share in np.linspace(0, 0.99, 300)]
        struck = [text for text, box in names for x, y in inside if box[0] < x < box[2] and box[1] < y < box[3]]
        assert not struck


def test_names_that_found_no_place_are_counted():
    crowd = [Dot(f"L{n}H{n}", 0.0, 0.0, 1.0, True, "a head") for n in range(200)]
    root = read(scatter(crowd, title="t", axes=("x", "y"), nothing=(0.0, 0.0), notes=[]))
    texts = [each.text for each in root.iter(f"{SVG}text")]
    named = sum(bool(re.fullmatch(r"L\d+H\d+", each)) for each in texts)
    assert 0 < named < 200
    assert f"{200 - named} marked names found no place" in " ".join(texts)


def test_words_of_users_stay_words():
    text = a_map([[MapCell(1.0, says="<script>&\x1b[2J")]], ["<b>"], ['"'], notes=["</desc><script>alert(1)</script>"])
    assert "<script>" not in text
    assert "\x1b" not in text
    assert "<b>" in {each.text for each in read(text).iter(f"{SVG}text")}


def test_infinite_ends_and_missing_numbers_are_not_drawn_as_numbers():
    given = [Bar("a", None, -math.inf, math.inf, False, "none"), Bar("b", 1.0, -math.inf, math.inf, False, "open")]
    for text in (
        bars(given, title="t", unit="u", start=0.0, notes=[]),
        profile(given, axis="n", title="t", unit="u", start=0.0, notes=[]),
    ):
        assert not re.search(r"nan|inf\b", text)
        assert len(read(text)) > 5


@pytest.mark.parametrize("low, high", [(0.0, 1.0), (-2.6, 2.6), (0.998, 1.003), (-1e-9, 3e-9), (5.0, 5.0), (0, 12345)])
def test_ticks_are_few_and_round(low, high):
    found = ticks(low, high)
    assert 1 <= len(found) <= 7
    assert all(low - 1e-12 <= each <= high + 1e-12 for each in found)
