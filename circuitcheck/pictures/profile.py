"""A number along an ordered axis, such as layers: a line within its band of intervals."""

import math
from collections.abc import Sequence

from circuitcheck.pictures.bars import Bar, ends_of
from circuitcheck.pictures.colours import LESS, MORE, written
from circuitcheck.pictures.scales import Scale
from circuitcheck.pictures.svg import FAINT, FONT, GREY, INK, LINE, element, lines_of, picture, tip, width_of, words

_EDGE = 12.0
_PLOT = (460.0, 220.0)


def profile(given: Sequence[Bar], *, axis: str, title: str, unit: str, start: float, notes: Sequence[str]) -> str:
    """One after the other from left to right; a line at `start`, what a cell is that does nothing. Full dots are shown to
    differ from it, rings are not."""
    left = _EDGE + 60
    width = left + _PLOT[0] + 2 * _EDGE
    titles, y = lines_of([title], _EDGE, _EDGE + FONT, width - 2 * _EDGE, font_weight="bold")
    top = y + LINE / 2
    bottom = top + _PLOT[1]
    up = Scale.around([*ends_of(given), start], bottom, top)
    step = _PLOT[0] / max(len(given), 1)
    body = [*titles]
    for each in up.ticks:
        body.append(element("line", x1=left, x2=left + _PLOT[0], y1=up(each), y2=up(each), stroke=FAINT))
        body.append(words(f"{each:g}", left - 5, up(each) + 4, text_anchor="end", fill=GREY))
    body.append(element("line", x1=left, x2=left + _PLOT[0], y1=up(start), y2=up(start), stroke=INK))
    body += _dots(given, left, step, up, start)
    every = max(1, math.ceil((max(width_of(bar.name) for bar in given) + 4) / step))
    for number, bar in enumerate(given):
        if number % every == 0:
            body.append(words(bar.name, left + step * (number + 0.5), bottom + LINE, text_anchor="middle", fill=GREY))
    body.append(words(axis, left + _PLOT[0] / 2, bottom + 2 * LINE, text_anchor="middle"))
    said, y = lines_of([unit, *notes], _EDGE, bottom + 3.5 * LINE, width - 2 * _EDGE, fill=GREY)
    return picture(title, " ".join([unit, *notes]), width, y, [*body, *said])


def _dots(given: Sequence[Bar], left: float, step: float, up: Scale, start: float) -> list[str]:
    found, before = list[str](), None
    for number, bar in enumerate(given):
        x = left + step * (number + 0.5)
        if bar.value is None:
            before = None
            found.append(element("g", tip(bar.says) + words("none", x, up(start) - 5, text_anchor="middle", fill=GREY)))
            continue
        if before is not None:
            found.append(element("line", x1=before[0], y1=before[1], x2=x, y2=up(bar.value), stroke=GREY))
        before = (x, up(bar.value))
    for number, bar in enumerate(given):
        if bar.value is None:
            continue
        x, colour = left + step * (number + 0.5), written(MORE if bar.value > start else LESS)
        drawn = ""
        if math.isfinite(bar.low) and math.isfinite(bar.high):
            drawn = element("line", x1=x, x2=x, y1=up(bar.low), y2=up(bar.high), stroke=INK, stroke_width=1.2)
        fill = colour if bar.marked else "#ffffff"
        drawn += element("circle", cx=x, cy=up(bar.value), r=3.5, fill=fill, stroke=colour if bar.marked else GREY)
        found.append(element("g", tip(bar.says) + drawn))
    return found
