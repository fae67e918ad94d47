"""Cells and plans: what an engine is asked to measure."""

from dataclasses import dataclass, field
from functools import cached_property

from circuitcheck.digest import digest
from circuitcheck.places.site_kinds import KindName
from circuitcheck.plan.dictionaries import DictionaryRef
from circuitcheck.plan.metrics import Metric
from circuitcheck.plan.references import ModelRef
from circuitcheck.plan.views import View
from circuitcheck.prompts import PromptStream


@dataclass(frozen=True)
class Cell:
    """One metric of one view: a row of numbers, one for each prompt."""

    view: View
    metric: Metric

    @cached_property
    def digest(self) -> str:
        return digest((self.view.digest, self.metric.digest))

    @property
    def site_kinds(self) -> frozenset[KindName]:
        """The kinds of sites that are written, taken from other runs, or read by the metric."""
        written = {site.kind for each in self.view.interventions for site, _ in each.writes}
        needed = {need.site.kind for each in self.view.interventions for need in each.needs}
        read = {site.kind for each in self.view.interventions for site in each.reads}
        frozen = {kind for each in self.view.interventions for kind in each.freezes}
        return frozenset(written | needed | read | frozen | {site.kind for site in self.metric.sites})

    @property
    def dictionaries(self) -> tuple[DictionaryRef, ...]:
        """Those whose features are changed or looked at, each once."""
        changed = [ref for each in self.view.interventions for ref in each.dictionaries]
        return tuple(dict.fromkeys((*changed, *self.metric.dictionaries)))

    def describe(self) -> str:
        return f"{self.metric.name} of {self.view.describe()}"


@dataclass(frozen=True)
class Plan:
    """Measure `cells`, all on `model`, on `prompts`, `batch` of one length at a time: which prompts are run together changes
    a number by rounding alone. `question` holds all cells that were asked for together, where some of them are known:
    these decide how passes are run, so that numbers have the same bits whatever is known. A `rerun` shows what other company
    in a batch does to numbers that are known: none of these stand in for its own."""

    model: ModelRef
    prompts: PromptStream
    cells: tuple[Cell, ...]
    batch: int = 32
    question: tuple[Cell, ...] = field(default=(), metadata={"digest": False})
    rerun: bool = False
    _digest: str = field(init=False, repr=False, compare=False, metadata={"digest": False})

    def __post_init__(self) -> None:
        strangers = [cell.describe() for cell in self.cells if cell.view.model != self.model]
        if strangers:
            raise ValueError(f"these cells belong to another model than {self.model}: {strangers}")
        parts = (self.model, *self.prompts.key, self.batch, self.rerun)
        object.__setattr__(self, "_digest", digest((parts, tuple(cell.digest for cell in self.cells))))

    @property
    def digest(self) -> str:
        return self._digest
