"""What a found head is compared with, in a claim: the other heads of its layer."""

import json
import re
from dataclasses import dataclass

import numpy as np

from circuitcheck.quantities.sweeps.cells import GridCells

_HEAD = re.compile(r"L(\d+)H\d+")
_SHARES = (0.95, 0.75, 0.5)  # of the others
_FEWEST = 2


@dataclass(frozen=True)
class Control:
    """`code` asserts it of `cell`, a cell that `swept(model, task)` has; empty where there is none. `reason` says in words
    what the others did where they were searched."""

    code: str
    words: str
    reason: str


NONE = Control("", "", "")


def control_of(grid: GridCells, place: tuple[int, ...], *, above: bool) -> Control:
    """Of a cell that lies above what does nothing, or below it. For a head that is ablated or patched others stand in; from
    a number without interventions those of the sweep are taken away."""
    peers = _peers(grid, place)
    if len(peers) < _FEWEST:
        return NONE
    lesser = [peer for peer in peers if _is_less(grid, peer, place, above=above)]
    done = f"Of the {len(peers)} other heads of its layer {len(lesser)} clearly do less, intervals apart"
    share = next((each for each in _SHARES if each < len(lesser) / len(peers)), None)
    if share is None:
        return Control("", "", f"{done}: so it is compared with none.")
    part = _own_part(grid, place)
    if part:
        effect, words = "cell" if above else "(-cell)", f"with more effect than {share:.0%} of the other heads of its layer"
        return Control(f'{effect}.beats(cc.random_sites(like="{part}"), share={share})', words, f"{done}.")
    if not _has_differences(grid):
        return Control("", "", f"{done}; from a ratio theirs cannot be taken away.")
    code = _differences(grid, lesser, above=above)
    return Control(code, f"with more effect than {len(lesser)} other heads of its layer", f"{done}.")


def _peers(grid: GridCells, place: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The other cells with a number that are heads of its layer."""
    layer = _layer(grid.name(place))
    others = (each for each in np.ndindex(grid.shape) if each != place and not grid.state[each])
    return [each for each in others if layer and _layer(grid.name(each)) == layer]


def _layer(name: str) -> str:
    found = _HEAD.fullmatch(name)
    return found[1] if found else ""


def _is_less(grid: GridCells, one: tuple[int, ...], other: tuple[int, ...], *, above: bool) -> bool:
    return bool(grid.high[one] < grid.low[other] if above else grid.low[one] > grid.high[other])


def _own_part(grid: GridCells, place: tuple[int, ...]) -> str:
    """The head that all the cell's own interventions are on, as a site; empty where they are on others, or it has none."""
    name, parts = grid.name(place), grid.parts[int(np.ravel_multi_index(place, grid.shape))]
    if parts == (name,):
        return name
    return f"{name}.v" if parts == (f"key/value head {name}",) else ""


def _has_differences(grid: GridCells) -> bool:
    """Two ratios have none, and of a grid from a file nobody knows."""
    return grid.sweep is not None and grid.sweep[grid.coordinates((0,) * len(grid.shape))].denominator is None


def _differences(grid: GridCells, lesser: list[tuple[int, ...]], *, above: bool) -> str:
    named = ", ".join(_quoted(grid.coordinates(each)) for each in lesser)
    less = f"cell - cells[other] {'>' if above else '<'} 0"
    return f"*({less} for other in [{named}])"


def _quoted(words: tuple[str, ...]) -> str:
    """As a cell is named in brackets."""
    quoted = ", ".join(map(json.dumps, words))
    return f"({quoted})" if len(words) > 1 else quoted
