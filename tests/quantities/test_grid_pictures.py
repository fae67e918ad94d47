"""Grids as pictures: every cell where its axes say, and never more certain than its interval."""

from xml.etree import ElementTree

import numpy as np
import pytest
from made_grids import a_grid

from circuitcheck.errors import BadSweep
from circuitcheck.quantities import axis

SVG = "{http://www.w3.org/2000/svg}"
LAYERS, AT = axis("layer", "L0-2"), axis("at", ["S1", "S2", "END"])


def drawn(picture):
    """What each cell says, with its group of shapes."""
    root = ElementTree.fromstring(picture.svg)
    return {each.find(f"{SVG}title").text: each for each in root.iter(f"{SVG}g")}


def test_layers_go_down_and_positions_across():
    """A square map, which would look the same to a program if its axes were swapped."""
    grid = a_grid(LAYERS, AT)
    cells = {says.partition(":")[0]: each.find(f"{SVG}rect") for says, each in drawn(grid.plot()).items()}
    right = [float(cells[f"L1, {at}"].get("x")) for at in AT.words]
    down = [float(cells[f"{layer}, S2"].get("y")) for layer in LAYERS.words]
    assert right == sorted(right)
    assert down == sorted(down)
    assert (
        len({cells[f"L1, {at}"].get("y") for at in AT.words})
        == len({cells[f"{layer}, S2"].get("x") for layer in LAYERS.words})
        == 1
    )
    assert "L2, END: 0.8, interval [0.7, 0.9], not marked" in drawn(grid.plot())


def test_a_mark_whose_interval_holds_nothing_is_not_drawn_as_sure():
    grid = a_grid(
        axis("at", ["A", "B", "C"]),
        LAYERS,
        value=np.full((3, 3), 0.5),
        p=[[0.01], [0.01], [0.5]],
        width=[[0.1], [0.9], [0.1]],
    )
    cells = {says.partition(":")[0]: each for says, each in drawn(grid.plot()).items()}

    def looks(name):
        return len([each for each in cells[name].iter(f"{SVG}rect") if each.get("fill") == "url(#hatched)"]), cells[
            name
        ].find(f"{SVG}text") is not None

    assert (looks("A, L0"), looks("B, L0"), looks("C, L0")) == ((0, True), (1, True), (1, False))
    bars = drawn(grid.only(layer="L0").plot())
    fills = {says[0]: each.find(f"{SVG}rect").get("fill") for says, each in bars.items()}
    assert fills["A"] != "#ffffff"
    assert (fills["B"], fills["C"]) == ("#ffffff", "#ffffff")


def test_cells_without_a_number_are_told_apart():
    grid = a_grid(
        axis("n", ["a", "b", "c"]),
        axis("m", ["x"]),
        value=[[np.nan], [np.nan], [80.0]],
        state=[["vacuous"], ["no number"], ["undefined"]],
    )
    said = drawn(grid.plot())
    assert "a, x: nothing was changed here" in said
    assert "b, x: no finite number" in said
    assert [says for says in said if says.startswith("c, x: 80, without an interval (undefined)")]
    assert ">+80<" not in grid.plot().svg  # its number does not set the scale
    assert "1 vacuous (nothing was changed)" in grid.plot().svg


def test_a_picture_says_how_many_cells_were_looked_at_also_of_a_part():
    grid = a_grid(LAYERS, AT)
    for picture in (grid.plot(), grid.only(at="END").plot("profile"), grid.only(layer="L1").plot()):
        assert "9 cells looked at on 64 prompts of ioi (discovery stream), organism." in picture.svg
    assert grid._repr_html_() == grid.plot().svg


def test_of_many_bars_the_largest_are_drawn_and_that_is_said():
    grid = a_grid(axis("head", [f"L{n}H0" for n in range(100)]))
    said = drawn(grid.plot())
    assert len(said) == 60
    assert "L40H0" in " ".join(said)
    assert "L39H0" not in " ".join(said)
    assert "The 60 of 100 with the largest effect are shown" in grid.plot().svg


def test_two_grids_are_drawn_against_each_other_only_on_the_same_cells_and_prompts():
    heads = axis("layer", "L0-2"), axis("head", ["H0", "H1"])
    attention, contribution = a_grid(*heads), a_grid(*heads, value=[[3.0, 1.0], [0.0, 0.0], [0.0, 2.0]], p=[[0.01, 0.5]] * 3)
    picture = contribution.plot_against(attention)
    texts = [each.text for each in ElementTree.fromstring(picture.svg).iter(f"{SVG}text")]
    assert "L0H0" in texts
    assert not {"L0H1", "L2H1"} & set(texts)
    for other, words in (
        (a_grid(LAYERS, AT), "other cells"),
        (a_grid(*heads, n=65), "other prompts"),
        (a_grid(*heads, stream="test"), "other prompts"),
    ):
        with pytest.raises(BadSweep, match=words):
            contribution.plot_against(other)
    with pytest.raises(BadSweep, match="expected a grid"):
        contribution.plot_against("attention")


def test_what_cannot_be_drawn_is_said(tmp_path):
    three = a_grid(LAYERS, AT, axis("kind", ["zero", "mean"]))
    with pytest.raises(BadSweep, match=r"grid.only\(kind='zero'\)"):
        three.plot()
    assert three._repr_html_().startswith("<code>")
    assert three.only(kind="mean").plot().svg.startswith("<svg")
    with pytest.raises(BadSweep, match="expected one of map, bars, profile"):
        a_grid(LAYERS).plot("pie")
    with pytest.raises(ValueError, match=r"does not end in \.svg"):
        a_grid(LAYERS).save_picture(tmp_path / "map.png")
