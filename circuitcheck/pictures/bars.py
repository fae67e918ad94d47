"""Bars with their intervals, one below the other."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from circuitcheck.pictures.colours import colour_of
from circuitcheck.pictures.scales import Scale
from circuitcheck.pictures.svg import FAINT, FONT, GREY, INK, LINE, element, lines_of, picture, tip, width_of, words

_TALL = 15.0
_EDGE = 12.0
_PLOT = 380.0


@dataclass(frozen=True)
class Bar:
    """A number with its interval, of which an end may be infinite; None for no number. `says` is read out."""

    name: str
    value: float | None
    low: float
    high: float
    marked: bool
    says: str


def bars(given: Sequence[Bar], *, title: str, unit: str, start: float, notes: Sequence[str]) -> str:
    """From `start`, what a cell is that does nothing, to each value. What is not shown has an outline only."""
    left = _EDGE + max(width_of(bar.name) for bar in given) + 8
    width = left + _PLOT + 2 * _EDGE
    titles, y = lines_of([title], _EDGE, _EDGE + FONT, width - 2 * _EDGE, font_weight="bold")
    top = y + LINE * 1.5
    place = Scale.around([*ends_of(given), start], left, left + _PLOT, room=0.04)
    bottom = top + _TALL * len(given)
    body = [*titles]
    for each in place.ticks:
        body.append(element("line", x1=place(each), x2=place(each), y1=top - 3, y2=bottom, stroke=FAINT))
        body.append(words(f"{each:g}", place(each), top - 6, text_anchor="middle", fill=GREY))
    largest = max((abs(bar.value - start) for bar in given if bar.value is not None), default=0.0)
    for number, bar in enumerate(given):
        middle = top + _TALL * (number + 0.5)
        body.append(words(bar.name, left - 8, middle + 4, text_anchor="end", font_weight="bold" if bar.marked else None))
        body.append(_bar(bar, place, middle, start, largest))
    body.append(element("line", x1=place(start), x2=place(start), y1=top - 3, y2=bottom, stroke=INK))
    said, y = lines_of([unit, *notes], _EDGE, bottom + LINE * 1.5, width - 2 * _EDGE, fill=GREY)
    return picture(title, " ".join([unit, *notes]), width, y, [*body, *said])


def ends_of(given: Sequence[Bar]) -> list[float]:
    """All finite numbers of bars and their intervals."""
    return [end for bar in given if bar.value is not None for end in (bar.low, bar.high, bar.value) if math.isfinite(end)]


def _bar(bar: Bar, place: Scale, middle: float, start: float, largest: float) -> str:
    if bar.value is None:
        return element("g", tip(bar.says) + words("no number", place(start) + 4, middle + 4, fill=GREY))
    one, other = sorted((place(start), place(bar.value)))
    colour = colour_of(math.copysign(largest, bar.value - start), largest, shown=True)
    drawn = element(
        "rect", x=one, y=middle - 5, width=other - one, height=10.0, stroke=colour, fill=colour if bar.marked else "#ffffff"
    )
    if bar.low > -math.inf or bar.high < math.inf:
        ends = place(bar.low), place(bar.high)
        drawn += element("line", x1=ends[0], x2=ends[1], y1=middle, y2=middle, stroke=INK, stroke_width=1.2)
        for end, value in zip(ends, (bar.low, bar.high), strict=True):
            if math.isfinite(value):
                drawn += element("line", x1=end, x2=end, y1=middle - 3, y2=middle + 3, stroke=INK, stroke_width=1.2)
    return element("g", tip(bar.says) + drawn)
