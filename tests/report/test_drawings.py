"""Pictures on the page: ours come onto it as they are, and nothing else does."""

import pytest

from circuitcheck.pictures import Bar, Dot, MapCell, bars, heat_map, profile, scatter
from circuitcheck.report.page.drawings import drawing_of

BARS = [Bar("L0H1", 1.0, 0.5, 1.5, True, "a < b"), Bar("L0H2", None, 0.0, 0.0, False, "")]
CELLS = [[MapCell(1.0, marked=True, sure=True), MapCell(0.2), MapCell(None), MapCell(0.0, vacuous=True)]]
PICTURES = {
    "bars": bars(BARS, title="bars", unit="logits", start=0.0, notes=["a note"]),
    "profile": profile(BARS[:1] * 3, axis="layer", title="profile", unit="", start=0.0, notes=[]),
    "scatter": scatter([Dot("L0H1", 0.5, 1.0, 1.0, True, "it")], title="s", axes=("a", "b"), nothing=(0.0, 0.0), notes=[]),
    "map": heat_map(CELLS, rows=["L0"], columns=list("abcd"), axes=("layer", "at"), title="map", unit="share", notes=["n"]),
}


@pytest.mark.parametrize("name", PICTURES)
def test_ours_are_written_anew_with_ids_of_their_own(name):
    found = drawing_of(PICTURES[name], "mine")
    assert found is not None
    assert found.count("</") == PICTURES[name].count("</") + PICTURES[name].count("/>")
    assert found.count("=") == PICTURES[name].count("=") - 1  # the namespace, which a page needs not say
    assert found.count(' id="mine-') == found.count(' id="')
    assert found.count("url(#mine-hatched)") == PICTURES[name].count("url(#hatched)")


SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10">{}</svg>'


@pytest.mark.parametrize(
    "given",
    [
        SVG.format("<script>alert(1)</script>"),
        SVG.format('<rect width="3" onclick="alert(1)"/>'),
        SVG.format('<a href="javascript:alert(1)"><text>x</text></a>'),
        SVG.format('<image href="https://example.org/x.png"/>'),
        SVG.format('<rect fill="url(https://example.org/x.svg#a)"/>'),
        SVG.format('<rect style="position:fixed"/>'),
        SVG.format("<style>body { display: none }</style>"),
        SVG.format("<foreignObject><p>supported</p></foreignObject>"),
        SVG.format('<g id="a b&quot;"/>').replace('id="a b', 'id="a/b'),
        SVG.format("<g>" * 9 + "</g>" * 9),
        SVG.format("<svg/>"),
        '<!DOCTYPE svg [<!ENTITY a "aaaa">]>' + SVG.format("<text>&a;</text>"),
        '<?xml-stylesheet href="https://example.org/x.css"?>' + SVG.format(""),
        "</details></section><h1>All supported</h1>",
        '<svg width="10"><rect/></svg>',
        "",
    ],
)
def test_what_no_picture_of_ours_holds_is_left_out(given):
    assert drawing_of(SVG.format("<rect/>"), "mine") is not None
    assert drawing_of(given, "mine") is None


def test_text_stays_text():
    found = drawing_of(SVG.format("<text>&lt;script&gt; \u202esevas</text>"), "mine")
    assert "<text>&lt;script&gt; \\u202esevas</text>" in found
