"""Pieces of SVG: every text is escaped, every number is short."""

import math
from collections.abc import Iterable, Sequence
from html import escape

from circuitcheck.digest import digest
from circuitcheck.text import printable

FONT = 11.0  # pixels
LETTER = 0.6 * FONT  # how wide one is, on the safe side: names keep clear of each other
_IN_TEXT = 0.53 * FONT  # on average over a line of text
LINE = 15.0
INK, GREY, FAINT = "#222222", "#595959", "#d9d9d9"


def width_of(text: str) -> float:
    """Of a text in pixels, rather too much than too little."""
    return LETTER * len(text)


def number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if math.isfinite(value) else "0"


def _attributes(given: dict[str, object]) -> str:
    named = {name.rstrip("_").replace("_", "-"): value for name, value in given.items() if value is not None}
    return "".join(
        f' {name}="{number(value) if isinstance(value, float) else escape(str(value))}"' for name, value in named.items()
    )


def element(kind: str, body: str = "", **attributes: object) -> str:
    """`fill_opacity` is written fill-opacity; None leaves an attribute out. The body is SVG already."""
    return f"<{kind}{_attributes(attributes)}>{body}</{kind}>" if body else f"<{kind}{_attributes(attributes)}/>"


def words(text: str, x: float, y: float, **attributes: object) -> str:
    return element("text", escape(printable(text)), x=float(x), y=float(y), **attributes)


def tip(text: str) -> str:
    """What is said of an element to those who point at it, or have it read out."""
    return f"<title>{escape(printable(text))}</title>"


def wrapped(text: str, width: float) -> list[str]:
    """Lines that fit into a width in pixels, cut at spaces."""
    lines, line = list[str](), ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and _IN_TEXT * len(longer) > width:
            lines.append(line)
            longer = word
        line = longer
    return [*lines, line] if line else lines


def lines_of(texts: Iterable[str], x: float, y: float, width: float, **attributes: object) -> tuple[list[str], float]:
    """Texts below each other, and where the next one would stand."""
    found = []
    for text in texts:
        for line in wrapped(text, width):
            found.append(words(line, x, y, **attributes))
            y += LINE
    return found, y


def notice(title: str, text: str) -> str:
    """A picture of nothing but words."""
    titles, y = lines_of([title], 12.0, 12.0 + FONT, 396.0, font_weight="bold")
    said, y = lines_of([text], 12.0, y, 396.0, fill=GREY)
    return picture(title, text, 420.0, y, [*titles, *said])


def picture(title: str, description: str, width: float, height: float, body: Sequence[str]) -> str:
    """The whole: white ground, so that it reads the same on a dark page. Its ids are its own, where several stand on one."""
    own = f"picture-{digest((title, description, *body))[:8]}"
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="{own}-title {own}-desc" '
        f'width="{number(width)}" height="{number(height)}" viewBox="0 0 {number(width)} {number(height)}" '
        f'font-family="Helvetica, Arial, sans-serif" font-size="{number(FONT)}" fill="{INK}">'
    )
    said = (
        f'<title id="{own}-title">{escape(printable(title))}</title>'
        f'<desc id="{own}-desc">{escape(printable(description))}</desc>'
    )
    ground = element("rect", x=0.0, y=0.0, width=float(width), height=float(height), fill="#ffffff")
    return "\n".join([head, said, ground, *body, "</svg>", ""])
