"""Histograms as inline SVG, coloured by the page's style."""

import math

from circuitcheck.quantities.scanned.shown import Histogram

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 640, 200, 56, 34, 10
_SMALL_WIDTH, _SMALL_HEIGHT = 120, 24
_GAP = 1.0


def histogram_as_svg(histogram: Histogram) -> str:
    """Bars of the bins in use, on a scale of logarithms; heights are counts."""
    bars = histogram.bars
    if not bars:
        return "<p>It never fires.</p>"
    most = max(count for _, count in bars)
    step, room = (_WIDTH - _LEFT) / len(bars), _HEIGHT - _BOTTOM - _TOP
    drawn = []
    for place, (middle, count) in enumerate(bars):
        height, left = room * count / most, _LEFT + place * step
        drawn.append(
            f'<rect x="{left:.1f}" y="{_TOP + room - height:.1f}" width="{max(1.0, step - _GAP):.1f}" '
            f'height="{height:.1f}"><title>about {middle:.3g}: {count:,} tokens</title></rect>'
        )
    lines = f'<line x1="{_LEFT}" y1="{_HEIGHT - _BOTTOM}" x2="{_WIDTH}" y2="{_HEIGHT - _BOTTOM}"/>'
    heights = "".join(
        f'<text x="{_LEFT - 6}" y="{_TOP + room - room * count / most + 4:.1f}" text-anchor="end">{count:,}</text>'
        for count in (0, most)
    )
    label = f"histogram of {sum(count for _, count in bars):,} activations"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-label="{label}">'
        f"{lines}{heights}{''.join(drawn)}{_ticks(bars, step)}"
        f'<text x="{(_LEFT + _WIDTH) / 2:.0f}" y="{_HEIGHT - 2}" text-anchor="middle">activation</text></svg>'
    )


def sparkline(histogram: Histogram) -> str:
    """The same, small, without numbers."""
    bars = histogram.bars
    if not bars:
        return ""
    most, step = max(count for _, count in bars), _SMALL_WIDTH / len(bars)
    drawn = "".join(
        f'<rect x="{place * step:.1f}" y="{_SMALL_HEIGHT * (1 - count / most):.1f}" '
        f'width="{max(1.0, step - _GAP):.1f}" height="{_SMALL_HEIGHT * count / most:.1f}"/>'
        for place, (_, count) in enumerate(bars)
    )
    return (
        f'<svg viewBox="0 0 {_SMALL_WIDTH} {_SMALL_HEIGHT}" width="{_SMALL_WIDTH}" height="{_SMALL_HEIGHT}" role="img" '
        f'aria-label="histogram">{drawn}</svg>'
    )


def _ticks(bars: tuple[tuple[float, int], ...], step: float) -> str:
    """The middle of every so many bins, by at most eight numbers."""
    every = math.ceil(len(bars) / 8)
    return "".join(
        f'<text x="{_LEFT + (place + 0.5) * step:.1f}" y="{_HEIGHT - _BOTTOM + 14}" text-anchor="middle">{middle:.2g}</text>'
        for place, (middle, _) in enumerate(bars)
        if place % every == 0
    )
