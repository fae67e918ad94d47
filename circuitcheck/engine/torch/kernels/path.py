"""Path patching: a run in which everything is frozen but the senders tells what the receivers read."""

from functools import partial

from circuitcheck.engine.torch.kernels.base import Sources, writes_of, writes_of_values
from circuitcheck.engine.torch.sites.access import SiteLayer, Write, place_of
from circuitcheck.engine.torch.sites.batch import Batch
from circuitcheck.engine.torch.sites.shapes import Value
from circuitcheck.plan import PatchPath, held_still


@writes_of.register
def _(intervention: PatchPath, batch: Batch, sources: Sources) -> list[Write]:
    seen = _read_by_receivers(intervention, batch, sources)
    return writes_of_values(intervention.writes, batch, lambda where: seen[where])


def _read_by_receivers(path: PatchPath, batch: Batch, sources: Sources) -> dict[SiteLayer, Value]:
    """The receivers' values where each head and MLP gives what it gives in the run so far, but for the senders."""
    still = held_still(path, sources.architecture)
    usual = sources.held_still(still)
    rows, columns = batch.where(path.sender_at)
    for need in path.needs:
        site = need.site
        where = place_of(site, rows, columns)
        usual[site.kind, site.layer] = usual[site.kind, site.layer].clone()
        usual[site.kind, site.layer][where] = sources.value(need.source, (site.kind, site.layer))[where]
    freeze = [Write(kind, layer, partial(_instead, new=value)) for (kind, layer), value in usual.items()]
    return sources.rerun(freeze, {(site.kind, site.layer) for site in path.receivers})


def _instead(_old: Value, *, new: Value) -> Value:
    return new
