"""The local engine: plans in, tables out."""

import threading

import numpy as np
import torch

from circuitcheck.engine.checkup import CheckUp
from circuitcheck.engine.protocol import ModelCard, Table
from circuitcheck.engine.torch import paths  # noqa: F401 - registers its kernel
from circuitcheck.engine.torch.devices import memory_of, resolve_device
from circuitcheck.engine.torch.doctor import examine
from circuitcheck.engine.torch.pool import ModelPool
from circuitcheck.engine.torch.run import Directions, Means, Run
from circuitcheck.engine.torch.tokenizer import HubTokenizer
from circuitcheck.models import BosPolicy, parse_spec
from circuitcheck.plan import ModelRef, Plan, check_sites

_PART_FOR_MEANS = 8  # of the device's memory, at most
_DIRECTIONS = 1 << 26  # bytes, on the host
_ONE_AT_A_TIME = threading.RLock()  # hooks are on the model, where another thread's run would meet them


class LocalEngine:
    """Runs plans in this process, one at a time whatever the thread. `device` is where a model goes that a plan names and
    nobody has loaded yet."""

    def __init__(self, device: str = "auto", memory_budget: int | None = None) -> None:
        self._device = device
        self._pool = ModelPool(memory_budget)
        self._means = Means(memory_of(resolve_device(device)) // _PART_FOR_MEANS, lambda means: means.bytes)
        self._directions = Directions(_DIRECTIONS, lambda vectors: sum(each.nbytes for each in vectors.values()))

    def load(self, spec: str, *, dtype: str, device: str, bos: BosPolicy) -> ModelCard:
        with _ONE_AT_A_TIME:
            return self._pool.load(parse_spec(spec, dtype=dtype, bos=bos), device).card

    def adopt(self, instance: object, *, bos: BosPolicy) -> ModelCard:
        with _ONE_AT_A_TIME:
            return self._pool.adopt(instance, bos).card

    def card(self, ref: ModelRef) -> ModelCard:
        return self._pool.get(ref, self._device).card

    def tokenizer(self, ref: ModelRef) -> HubTokenizer:
        return self._pool.get(ref, self._device).tokenizer

    def verify(self, ref: ModelRef) -> None:
        """Read every weight of a model that is still loaded again. Raises ModelChanged."""
        self._pool.verify(ref)

    def examine(self, ref: ModelRef) -> CheckUp:
        """The doctor's checks. Raises ModelChanged for a model with somebody's hooks, or changed weights."""
        with _ONE_AT_A_TIME:
            loaded = self._pool.get(ref, self._device)
            loaded.check_unchanged()
            return examine(loaded)

    def run(self, plan: Plan, rows: range) -> Table:
        """Measure `rows` of a plan, whole blocks of `plan.batch` at a time, so that no value depends on `rows`."""
        with _ONE_AT_A_TIME:
            return self._run(plan, rows)

    def _run(self, plan: Plan, rows: range) -> Table:
        loaded = self._pool.get(plan.model, self._device)
        loaded.check_unchanged()
        for view in {cell.view.digest: cell.view for cell in plan.cells}.values():
            for intervention in view.interventions:
                places = [site for site, _ in intervention.writes] + [need.site for need in intervention.needs]
                check_sites(places, loaded.card.architecture)
        self._means.drop(lambda key: not self._pool.holds(key[0]))
        run = Run(loaded, plan, self._means, self._directions)
        size = plan.task.size(loaded.tokenizer, plan.stream)
        tables = []
        with torch.no_grad():
            for start in range(rows.start // plan.batch * plan.batch, rows.stop, plan.batch):
                block = range(start, min(start + plan.batch, size))
                tables.append(run.block(block, range(max(start, rows.start), min(block.stop, rows.stop))))
        loaded.check_unchanged()
        return join(tables)


def join(tables: list[Table]) -> Table:
    """Tables of the same cells over consecutive rows, as one."""
    receipts = tables[0].receipts
    for table in tables[1:]:
        receipts = tuple(
            tuple(mine.then(theirs) for mine, theirs in zip(left, right, strict=True))
            for left, right in zip(receipts, table.receipts, strict=True)
        )
    values = np.concatenate([table.values for table in tables], axis=1)
    return Table(values, receipts, sum(table.forward_passes for table in tables))
