"""Grids that nothing was measured for."""

from dataclasses import replace

import numpy as np

from circuitcheck.quantities import Grid
from circuitcheck.quantities.sweeps.cells import Origin

ORIGIN = Origin("ioi", "0", "discovery", 0, 64, 0.95, ("organism",), "ab" * 16, "a title", "an example")


def a_grid(*axes, value=None, p=0.5, width=0.1, state="", parts=None, sweep=None, **changes):
    shape = tuple(map(len, axes))
    value = np.arange(np.prod(shape), dtype=float).reshape(shape) / 10 if value is None else np.array(value)
    return Grid(
        axes=axes,
        origin=replace(ORIGIN, **changes),
        value=value,
        low=value - width,
        high=value + width,
        nothing=np.zeros(shape),
        p=np.broadcast_to(np.array(p, float), shape),
        rate=np.ones(shape),
        state=np.broadcast_to(np.array(state), shape),
        labels=("",) * value.size,
        parts=parts or ((),) * value.size,
        sweep=sweep,
        method="a method",
    )
