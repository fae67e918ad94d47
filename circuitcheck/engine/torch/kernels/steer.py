"""Steering: a direction added to the residual stream, subtracted, or projected out."""

from functools import partial

import torch

from circuitcheck.engine.torch.kernels.base import Refuse, Sources, writes_of
from circuitcheck.engine.torch.sites.access import Write
from circuitcheck.engine.torch.sites.batch import Batch
from circuitcheck.engine.torch.sites.shapes import Index, Value, Vector
from circuitcheck.engine.torch.transfer.sending import sent
from circuitcheck.errors import VacuousIntervention
from circuitcheck.plan import Steer

_MOST_ROUNDED_AWAY = 0.5  # of a dose, to rounding


@writes_of.register
def _(intervention: Steer, batch: Batch, sources: Sources) -> list[Write]:
    vectors = sources.vectors(intervention.direction)
    rows, columns = batch.where(intervention.at)
    return [
        Write(
            site.kind,
            site.layer,
            partial(_steer, vector=vectors[site.layer], how=intervention, rows=rows, columns=columns, refuse=sources.refuse),
        )
        for site, _ in intervention.writes
    ]


def _steer(value: Value, *, vector: Vector, how: Steer, rows: Index, columns: Index, refuse: Refuse) -> Value:
    exact, along = value[rows, columns].double(), sent(vector, value.device)
    if how.mode == "project_out":
        unit = along / along.norm()
        new = exact - how.scale * (exact @ unit)[:, None] * unit
    else:
        new = exact + (how.scale if how.mode == "add" else -how.scale) * along
    written = value.clone()
    written[rows, columns] = new.to(value)
    if how.mode != "project_out":
        asked, arrived = new - exact, written[rows, columns].double() - exact
        lost = (arrived != 0).any() & ((arrived - asked).norm() > _MOST_ROUNDED_AWAY * asked.norm())
        refuse(lost, partial(_lost, how, value.dtype))
    return written


def _lost(how: Steer, dtype: torch.dtype) -> VacuousIntervention:
    return VacuousIntervention(
        f"{how.describe()}: rounding to {dtype} loses more than half of it. Use a larger scale, or another dtype."
    )
