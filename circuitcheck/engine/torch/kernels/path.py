"""Path patching: a run in which everything is frozen but the senders tells what the receivers read."""

from collections.abc import Container

from circuitcheck.engine.torch.kernels.base import Sources, writes_of, writes_of_values
from circuitcheck.engine.torch.sites.access import SiteLayer, Write, place_of, writes_that_put
from circuitcheck.engine.torch.sites.batch import Batch
from circuitcheck.plan import PatchPath, held_still


@writes_of.register
def _(intervention: PatchPath, batch: Batch, sources: Sources) -> list[Write]:
    seen = sources.told(intervention)
    if seen is None:
        seen = sources.rerun(frozen(intervention, batch, sources), read_by(intervention))
    return writes_of_values(intervention.writes, batch, lambda where: seen[where])


def read_by(path: PatchPath) -> set[SiteLayer]:
    """The sites of a path's receivers."""
    return {(site.kind, site.layer) for site in path.receivers}


def frozen(path: PatchPath, batch: Batch, sources: Sources, layers: Container[int] | None = None) -> list[Write]:
    """Each head and MLP of these layers, or of all, gives what it gives in the run so far, but for the senders. Of these
    count the tokens that are run."""
    still = [where for where in held_still(path, sources.architecture) if layers is None or where[1] in layers]
    usual = sources.held_still(still)
    rows, columns = batch.where_run(path.sender_at)
    for need in path.needs:
        site = need.site
        where = place_of(site, rows, columns)
        usual[site.kind, site.layer] = usual[site.kind, site.layer].clone()
        usual[site.kind, site.layer][where] = sources.value(need.source, (site.kind, site.layer))[where]
    return writes_that_put(usual)
