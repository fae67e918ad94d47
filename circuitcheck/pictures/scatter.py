"""Two numbers of each head against each other, with the names of those that are marked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from circuitcheck.pictures.colours import LESS, MORE, written
from circuitcheck.pictures.scales import Scale
from circuitcheck.pictures.svg import FAINT, FONT, GREY, LINE, element, lines_of, picture, tip, width_of, words

_EDGE = 12.0
_PLOT = (460.0, 380.0)
_RADIUS = 3.5
_WAYS = ((1, 0), (1, -1), (1, 1), (-1, 0), (-1, -1), (-1, 1), (0, -1), (0, 1))
_FARTHEST = 14  # steps of 8 pixels
_APART = 3.0  # between names
Box = tuple[float, float, float, float]  # left, top, right, bottom
Leader = tuple[tuple[float, float], tuple[float, float]]  # from a dot to its name


@dataclass(frozen=True)
class Dot:
    """`effect` is the distance of y from what it is where nothing is done; `marked`: is that shown not to be 0? Then its
    name is written beside it. `says` is read out."""

    name: str
    x: float
    y: float
    effect: float
    marked: bool
    says: str


def scatter(
    dots: Sequence[Dot], *, title: str, axes: tuple[str, str], nothing: tuple[float, float], notes: Sequence[str]
) -> str:
    """`axes` name x and y, and lines stand at `nothing`, their numbers where nothing is done. Dots without a mark are rings.
    Names stand where no other name, no dot and no name's line is; those for which there is no such place are counted."""
    left = _EDGE + LINE + 48
    width = left + _PLOT[0] + 5 * _EDGE
    titles, y = lines_of([title], _EDGE, _EDGE + FONT, width - 2 * _EDGE, font_weight="bold")
    top = y + LINE / 2
    bottom = top + _PLOT[1]
    across = Scale.around([nothing[0], *(dot.x for dot in dots)], left, left + _PLOT[0])
    up = Scale.around([nothing[1], *(dot.y for dot in dots)], bottom, top)
    body = [*titles, *_grid(across, up, nothing, (left, top, left + _PLOT[0], bottom))]
    for dot in sorted(dots, key=lambda dot: dot.marked):
        colour = written(MORE if dot.effect > 0 else LESS)
        fill = colour if dot.marked else "#ffffff"
        ring = element(
            "circle",
            tip(dot.says),
            cx=across(dot.x),
            cy=up(dot.y),
            r=_RADIUS,
            fill=fill,
            stroke=colour if dot.marked else GREY,
            stroke_width=1.0,
        )
        body.append(ring)
    names, without = _names(dots, across, up, (left, top, width - 2, bottom))
    body += names
    notes = [*notes, f"{without} marked names found no place beside their dots."] if without else list(notes)
    body.append(words(axes[0], left + _PLOT[0] / 2, bottom + 2 * LINE, text_anchor="middle"))
    middle = (top + bottom) / 2
    body.append(words(axes[1], _EDGE + 4, middle, text_anchor="middle", transform=f"rotate(-90 {_EDGE + 4} {middle:.1f})"))
    said, y = lines_of(notes, _EDGE, bottom + 3.5 * LINE, width - 2 * _EDGE, fill=GREY)
    return picture(title, " ".join(notes), width, y, [*body, *said])


def _grid(across: Scale, up: Scale, nothing: tuple[float, float], box: Box) -> list[str]:
    left, top, right, bottom = box
    found = []
    for each in across.ticks:
        x = across(each)
        found.append(element("line", x1=x, x2=x, y1=top, y2=bottom, stroke=FAINT))
        found.append(words(f"{each:g}", x, bottom + LINE, text_anchor="middle", fill=GREY))
    for each in up.ticks:
        y = up(each)
        found.append(element("line", x1=left, x2=right, y1=y, y2=y, stroke=FAINT))
        found.append(words(f"{each:g}", left - 5, y + 4, text_anchor="end", fill=GREY))
    x, y = across(nothing[0]), up(nothing[1])
    found.append(element("line", x1=x, x2=x, y1=top, y2=bottom, stroke=GREY))
    found.append(element("line", x1=left, x2=right, y1=y, y2=y, stroke=GREY))
    return found


def _names(dots: Sequence[Dot], across: Scale, up: Scale, inside: Box) -> tuple[list[str], int]:
    """The names, and how many found no place."""
    points = [(across(dot.x), up(dot.y)) for dot in dots]
    taken = [(x - _RADIUS, y - _RADIUS, x + _RADIUS, y + _RADIUS) for x, y in points]
    found, leaders, without = list[str](), list[Leader](), 0
    strongest = sorted((n for n, dot in enumerate(dots) if dot.marked), key=lambda n: -abs(dots[n].effect))
    for n in strongest:
        (x, y), name = points[n], dots[n].name
        free = _boxes(x, y, width_of(name) + _APART, inside)
        box = next((each for each in free if _has_room(each, _leader(x, y, each), taken, len(dots), leaders)), None)
        if box is None:
            without += 1
            continue
        taken.append(box)
        if leader := _leader(x, y, box):
            leaders.append(leader)
            found.append(element("line", x1=x, y1=y, x2=leader[1][0], y2=leader[1][1], stroke=GREY, stroke_width=0.6))
        found.append(words(name, box[0], box[3] - 3))
    return found, without


def _boxes(x: float, y: float, wide: float, inside: Box) -> Iterator[Box]:
    """Where a name may stand, the nearest first."""
    for far in range(1, _FARTHEST + 1):
        for right, down in _WAYS:
            gap = _RADIUS + 2 + 8 * (far - 1)
            left = x + gap if right > 0 else x - gap - wide if right < 0 else x - wide / 2
            top = y - FONT / 2 + down * (FONT / 2 + gap)
            box = (left, top, left + wide, top + FONT)
            if _within(box, inside):
                yield box


def _leader(x: float, y: float, box: Box) -> Leader | None:
    """The line from a dot to its name, where that is not beside it."""
    near = min(max(x, box[0]), box[2]), min(max(y, box[1]), box[3])
    return ((x, y), near) if abs(near[0] - x) + abs(near[1] - y) > 2.5 * _RADIUS else None


def _has_room(box: Box, leader: Leader | None, taken: Sequence[Box], dots: int, leaders: Sequence[Leader]) -> bool:
    """Of boxes that are `taken`, the first are those of `dots`, which a line may cross; no name may."""
    if any(_meet(box, other) for other in taken) or any(_crosses(other, box) for other in leaders):
        return False
    return leader is None or not any(_crosses(leader, other) for other in taken[dots:])


def _crosses(line: Leader, box: Box) -> bool:
    """Is a part of it in the box? The shares of the line at which it enters and leaves each side's half plane (Liang and
    Barsky 1984)."""
    (x1, y1), (x2, y2) = line
    enters, leaves = 0.0, 1.0
    for step, room in ((x1 - x2, x1 - box[0]), (x2 - x1, box[2] - x1), (y1 - y2, y1 - box[1]), (y2 - y1, box[3] - y1)):
        if step == 0:
            if room < 0:
                return False
        elif step < 0:
            enters = max(enters, room / step)
        else:
            leaves = min(leaves, room / step)
    return enters < leaves


def _within(box: Box, room: Box) -> bool:
    return box[0] >= room[0] and box[1] >= room[1] and box[2] <= room[2] and box[3] <= room[3]


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
