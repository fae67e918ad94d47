"""One claim over several models or runs, as a drawing: an upright interval for each, beside what is claimed. Geometry,
colours and signs are those of the forest plot."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Any

from circuitcheck.report.cells import Comparison
from circuitcheck.report.page.strips import Scale, regions, scale_of
from circuitcheck.text import in_reading_order, in_table, printable

_WIDTH, _HEIGHT, _LEFT, _ABOVE, _BELOW = 720, 260, 64, 12, 96
_LONGEST = 24  # letters of a label


@dataclass(frozen=True)
class Place:
    """What stands at one place of the axis. `comparison` is None where nothing was measured; `denied`: the claim is its
    opposite."""

    label: str
    verdict: str
    comparison: Comparison | None
    denied: bool = False


def drawn(places: Sequence[Place], title: str, *, alone: bool = False) -> str:
    """An SVG, also to be put into a page; `alone`, with the colours that it needs as a file. Empty where there is nothing to
    draw."""
    scale = _common(places)
    if scale is None:
        return ""
    wide = (_WIDTH - _LEFT) / len(places)
    inside = "".join(_column(place, scale, _LEFT + wide * number, wide) for number, place in enumerate(places))
    style = f"<style>{_colours()}</style>" if alone else ""
    xmlns = ' xmlns="http://www.w3.org/2000/svg"' if alone else ""
    return (
        f'<svg{xmlns} class="series" viewBox="0 0 {_WIDTH} {_ABOVE + _HEIGHT + _BELOW}" role="img" '
        f'aria-label="{_said(title)}">{style}{inside}{"".join(_axis(scale))}</svg>'
    )


def _common(places: Sequence[Place]) -> Scale | None:
    """The scale of the last one, wide enough for all."""
    measured = [
        each.comparison for each in places if each.comparison is not None and each.comparison["estimate"] is not None
    ]
    if not measured or measured[-1]["threshold"] is None:
        return None
    target = measured[-1]["threshold"]
    farthest = max((each["estimate"] for each in measured), key=lambda value: abs(value - target))
    return scale_of({**measured[-1], "estimate": farthest, "looks": [[0, *each["ci"]] for each in measured]})


def _column(place: Place, scale: Scale, left: float, wide: float) -> str:
    middle, found = left + wide / 2, place.comparison
    label = place.label if len(place.label) <= _LONGEST else f"…{place.label[1 - _LONGEST :]}"
    under = _ABOVE + _HEIGHT + 14
    turned = f'transform="rotate(-35 {middle:.1f} {under})"'
    text = f'<text x="{middle:.1f}" y="{under}" {turned} class="end">{_said(label)}</text>'
    if found is None or found["estimate"] is None:
        word = f'<text x="{middle:.1f}" y="{_ABOVE + _HEIGHT - 4}" class="middle">{_said(place.verdict)}</text>'
        return text + word
    ends = [(_y(scale, high), _y(scale, low)) for low, high in regions(scale, found, place.denied)]
    shaded = "".join(
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{wide:.1f}" height="{bottom - top:.1f}"/>' for top, bottom in ends
    )
    edge = f'<path class="line" d="M{left:.1f} {_y(scale, _target(found)):.1f}h{wide:.1f}"/>'
    return shaded + edge + _interval(place, found, scale, middle) + text


def _interval(place: Place, found: Comparison, scale: Scale, x: float) -> str:
    below, above = found["ci"]
    low, high = scale.left if below is None else below, scale.right if above is None else above
    top, bottom = _y(scale, high), _y(scale, low)
    cut = f"M{x - 5:.1f} {top + 8:.1f}l5 -7l5 7" if above is None or high > scale.right else ""
    cut += f"M{x - 5:.1f} {bottom - 8:.1f}l5 7l5 -7" if below is None or low < scale.left else ""
    said = f"{place.label}: {place.verdict}, {in_table(found['estimate'])} [{in_table(below)}, {in_table(above)}]"
    return (
        f'<g class="{_said(place.verdict)}"><title>{_said(said)}</title><path d="M{x:.1f} {top:.1f}V{bottom:.1f}{cut}"/>'
        f'<path class="dot" d="M{x:.1f} {_y(scale, found["estimate"]):.1f}h.01"/></g>'
    )


def _axis(scale: Scale) -> Iterator[str]:
    """The numbers at its ends and at the threshold."""
    for value in (scale.left, scale.target, scale.right):
        yield f'<text x="{_LEFT - 6}" y="{_y(scale, value) + 4:.1f}" class="end">{in_table(value)}</text>'


def _y(scale: Scale, value: float) -> float:
    return _ABOVE + _HEIGHT * (1 - scale.share(value))


def _target(found: Comparison) -> float:
    target: float = 0.0 if found["relation"].startswith("all ") else found["threshold"]
    return target


def _said(text: Any) -> str:
    return escape(in_reading_order(printable(str(text))))


def _colours() -> str:
    """Of the page, for a drawing that stands alone."""
    style = files("circuitcheck.report.page").joinpath("style.css").read_text("utf-8")
    both, _, rest = style.partition("* { box-sizing")
    rules = re.findall(r"^(?:path|rect|\.line|\.dot|\.series.*?|\.\w+) \{.*?\}", rest, re.MULTILINE)
    return " ".join([*both.split(), *rules, "svg { background: var(--paper); font-family: system-ui, sans-serif; }"])
