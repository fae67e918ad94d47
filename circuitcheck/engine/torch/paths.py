"""Path patching: a run in which everything is frozen but the senders tells what the receivers read."""

from functools import partial

from torch import Tensor

from circuitcheck.engine.torch.batch import Batch
from circuitcheck.engine.torch.kernels import Sources, replacements, writes_of
from circuitcheck.engine.torch.sites import SiteLayer, Write, place
from circuitcheck.plan import KindName, PatchPath


@writes_of.register
def _(intervention: PatchPath, batch: Batch, sources: Sources) -> list[Write]:
    seen = _read_by_receivers(intervention, batch, sources)
    return replacements(intervention.writes, batch, lambda where: seen[where])


def _read_by_receivers(path: PatchPath, batch: Batch, sources: Sources) -> dict[SiteLayer, Tensor]:
    """The receivers' values where each head and MLP gives what it gives in the run so far, but for the senders."""
    kinds: tuple[KindName, ...] = ("z",) if sources.architecture.attn_only else ("z", "mlp_out")
    frozen = [(kind, layer) for kind in kinds for layer in range(sources.architecture.n_layers)]
    usual = sources.rerun([], frozen)
    rows, columns = batch.where(path.sender_at)
    for need in path.needs:
        site = need.site
        where = place(site.kind, [] if site.index is None else [site.index], rows, columns)
        usual[site.kind, site.layer][where] = sources.value(need.source, (site.kind, site.layer))[where]
    freeze = [Write(kind, layer, partial(_instead, new=usual[kind, layer])) for kind, layer in frozen]
    return sources.rerun(freeze, {(site.kind, site.layer) for site in path.receivers})


def _instead(_old: Tensor, *, new: Tensor) -> Tensor:
    return new
