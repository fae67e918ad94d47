"""What a run measures: the values of its cells, and the proof of what each view changed."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from circuitcheck.engine.protocol import Receipt
from circuitcheck.engine.torch.proof.receipts import Proof
from circuitcheck.engine.torch.readouts import finite_or_nan
from circuitcheck.engine.torch.running.graph_run import Found
from circuitcheck.engine.torch.transfer.fetching import Fetching
from circuitcheck.plan import Cell, Plan


class Measured:
    """`values` [cell, prompt] and receipts are there once they are fetched."""

    def __init__(self, plan: Plan, prompts: int, fetching: Fetching) -> None:
        self._plan, self._fetching = plan, fetching
        self.values = np.full((len(plan.cells), prompts), np.nan)
        self._proofs = {cell.view.digest: Proof(cell.view, prompts) for cell in plan.cells}

    def add(self, found: Found, cells: Mapping[int, Cell], indices: list[int]) -> None:
        """What a pass shows of the prompts `indices` to the cells that read it."""
        node, seen, changes = found
        for number in node.cells:
            metric = cells[number].metric
            shows = seen if metric.compares_with_clean else replace(seen, clean=None)
            self._fetching.put(finite_or_nan(metric, shows), self.values[number], indices)
        if node.cells:
            self._proofs[cells[node.cells[0]].view.digest].add(indices, changes, seen.batch)

    def fetch(self) -> None:
        """What was added. Raises what is wrong with it."""
        self._fetching.all()

    def receipts(self) -> tuple[tuple[Receipt, ...], ...]:
        """Of each cell."""
        found = {key: proof.receipts(self._plan) for key, proof in self._proofs.items()}
        return tuple(found[cell.view.digest] for cell in self._plan.cells)
