"""A heat map: one cell for each pair of coordinates."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from circuitcheck.pictures.colours import colour_of, ink_on
from circuitcheck.pictures.svg import FAINT, FONT, GREY, LINE, element, lines_of, picture, tip, width_of, words

_TALL, _WIDE = 17.0, 26.0  # of a cell
_EDGE = 12.0
_NARROWEST = 420.0
_BAR = 140.0
_STEPS = 28
_SLANT = math.radians(40)


@dataclass(frozen=True)
class MapCell:
    """`effect` is the distance from what a cell is that does nothing; None for no number. `marked`: is it shown not to be 0?
    `sure`: does its interval leave 0 out, too? `vacuous`: nothing was changed there. `says` is read out, and shown to who
    points at it."""

    effect: float | None
    marked: bool = False
    sure: bool = False
    vacuous: bool = False
    says: str = ""


Cells = Sequence[Sequence[MapCell]]


def heat_map(
    cells: Cells,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    axes: tuple[str, str],
    title: str,
    unit: str,
    notes: Sequence[str],
) -> str:
    """`cells` [row][column], first row on top; `axes` name what rows and columns are, `unit` what the colours are."""
    left = _EDGE + LINE + max(map(width_of, rows)) + 6
    wide = max(_WIDE, 16.0)
    slanted = max(map(width_of, columns)) > wide - 2
    longest = max(map(width_of, columns))
    head = longest * math.sin(_SLANT) + FONT if slanted else LINE
    over = longest * math.cos(_SLANT) if slanted else 0.0
    width = max(left + wide * len(columns) + over + _EDGE, _NARROWEST)
    titles, y = lines_of([title], _EDGE, _EDGE + FONT, width - 2 * _EDGE, font_weight="bold")
    y += LINE / 2
    top = y + LINE + head
    largest = max((abs(cell.effect) for row in cells for cell in row if cell.effect is not None), default=0.0)
    body = [_hatching(), *titles, words(axes[1], left, y + 2, fill=GREY)]
    body += _column_names(columns, left, top, wide, slanted=slanted)
    for number, (name, row) in enumerate(zip(rows, cells, strict=True)):
        down = top + _TALL * number
        body.append(words(name, left - 6, down + _TALL / 2 + 4, text_anchor="end"))
        body += [_cell(cell, left + wide * place, down, wide, largest) for place, cell in enumerate(row)]
    bottom = top + _TALL * len(rows)
    middle = (top + bottom) / 2
    body.append(
        words(axes[0], _EDGE + 8, middle, text_anchor="middle", fill=GREY, transform=f"rotate(-90 {_EDGE + 8} {middle})")
    )
    legend, y = _legend(cells, largest, unit, left, bottom + LINE, width)
    said, y = lines_of(notes, _EDGE, y + LINE, width - 2 * _EDGE, fill=GREY)
    return picture(title, " ".join(notes), width, y + _EDGE / 2, [*body, *legend, *said])


def _hatching() -> str:
    line = element("path", d="M0,6 L6,0", stroke="#a6a6a6", stroke_width=0.8)
    return element("defs", element("pattern", line, id="hatched", width=6.0, height=6.0, patternUnits="userSpaceOnUse"))


def _column_names(columns: Sequence[str], left: float, top: float, wide: float, *, slanted: bool) -> list[str]:
    if not slanted:
        return [words(name, left + wide * (n + 0.5), top - 5, text_anchor="middle") for n, name in enumerate(columns)]
    places = [(left + wide * (n + 0.5) - 2, top - 5) for n in range(len(columns))]
    return [
        words(name, x, y, transform=f"rotate({-math.degrees(_SLANT):.0f} {x:.1f} {y:.1f})")
        for name, (x, y) in zip(columns, places, strict=True)
    ]


def _cell(cell: MapCell, x: float, y: float, wide: float, largest: float) -> str:
    """Marked: its sign. Its interval leaves 0 out: its full colour, else pale and hatched. Nothing changed: empty. No
    number: crossed out."""
    box: dict[str, Any] = {"x": x, "y": y, "width": wide, "height": _TALL}
    frame = element("rect", **box, fill="none", stroke=FAINT, stroke_width=0.5)
    if cell.effect is None or cell.vacuous:
        cross = f"M{x:.1f},{y:.1f} l{wide:.1f},{_TALL:.1f} m0,-{_TALL:.1f} l-{wide:.1f},{_TALL:.1f}"
        drawn = element("rect", **box, fill="#ffffff")
        drawn += "" if cell.vacuous else element("path", d=cross, stroke=GREY, stroke_width=0.7)
        return element("g", tip(cell.says) + drawn + frame)
    shown = cell.marked and cell.sure
    drawn = element("rect", **box, fill=colour_of(cell.effect, largest, shown=shown))
    drawn += "" if shown else element("rect", **box, fill="url(#hatched)")
    if cell.marked:
        sign, ink = "+" if cell.effect > 0 else "−", ink_on(cell.effect if shown else 0.0, largest)
        drawn += words(sign, x + wide / 2, y + _TALL / 2 + 4, text_anchor="middle", fill=ink, font_weight="bold")
    return element("g", tip(cell.says) + drawn + frame)


_MEANINGS = (
    (MapCell(1.0, marked=True, sure=True), "marked"),
    (MapCell(1.0), "not marked"),
    (MapCell(1.0, marked=True), "marked, but not by its interval"),
    (MapCell(0.0, vacuous=True), "nothing changed"),
    (MapCell(None), "no number"),
)


def _legend(cells: Cells, largest: float, unit: str, left: float, y: float, width: float) -> tuple[list[str], float]:
    """The colours with their numbers, and what the ways of drawing a cell mean, of those that occur."""
    part = _BAR / _STEPS
    bar = [
        element(
            "rect",
            x=left + part * n,
            y=y,
            width=part + 0.3,
            height=10.0,
            fill=colour_of(largest * (2 * (n + 0.5) / _STEPS - 1), largest, shown=True),
        )
        for n in range(_STEPS)
    ]
    ends = [(left, -largest, "start"), (left + _BAR / 2, 0.0, "middle"), (left + _BAR, largest, "end")]
    named = [
        words(f"{value:+.3g}" if value else "0", x, y + 10 + FONT, text_anchor=place, fill=GREY) for x, value, place in ends
    ]
    lines, down = lines_of([unit], left, y + 12 + FONT + LINE, width - left - _EDGE, fill=GREY)
    there = {_kind(cell) for row in cells for cell in row}
    x, drawn = left, list[str]()
    for cell, meaning in _MEANINGS:
        if _kind(cell) not in there:
            continue
        if x + _WIDE + 6 + width_of(meaning) > width - _EDGE:
            x, down = left, down + _TALL + 5
        drawn += [
            _cell(replace(cell, says=meaning), x, down - 6, _WIDE, 1.6),
            words(meaning, x + _WIDE + 6, down + 6, fill=GREY),
        ]
        x += _WIDE + 18 + width_of(meaning)
    return [*bar, *named, *lines, *drawn], down + _TALL


def _kind(cell: MapCell) -> tuple[bool, ...]:
    if cell.vacuous or cell.effect is None:
        return (cell.vacuous,)
    return cell.marked, cell.marked and cell.sure
