"""Ablation and patching: values of other runs, or zero, in place of a run's own."""

from collections.abc import Callable

from circuitcheck.engine.torch.kernels.base import Sources, writes_of, writes_of_values
from circuitcheck.engine.torch.sites.access import SiteLayer, Write
from circuitcheck.engine.torch.sites.batch import Batch
from circuitcheck.engine.torch.sites.shapes import Value
from circuitcheck.plan import Ablate, Need, Patch


@writes_of.register
def _(intervention: Ablate, batch: Batch, sources: Sources) -> list[Write]:
    return writes_of_values(intervention.writes, batch, _from_runs(intervention.needs, sources))


@writes_of.register
def _(intervention: Patch, batch: Batch, sources: Sources) -> list[Write]:
    return writes_of_values(intervention.writes, batch, _from_runs(intervention.needs, sources))


def _from_runs(needs: tuple[Need, ...], sources: Sources) -> Callable[[SiteLayer], Value | None]:
    """The value of a layer's site in the run that it is needed from, None where none is."""
    wanted = {(need.site.kind, need.site.layer): need.source for need in needs}
    return lambda where: sources.value(wanted[where], where) if where in wanted else None
