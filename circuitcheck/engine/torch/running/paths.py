"""What paths tell their receivers: the passes in which everything but the senders is frozen, several side by side."""

from collections.abc import Mapping, Sequence

from circuitcheck.engine.torch.kernels.path import frozen, read_by
from circuitcheck.engine.torch.running.graph import Node
from circuitcheck.engine.torch.running.model_runs import ModelRuns
from circuitcheck.engine.torch.running.sources import PassSources
from circuitcheck.engine.torch.shortened.parity import Ways
from circuitcheck.engine.torch.shortened.shortcut import Shortcut, shortcut_of_path
from circuitcheck.engine.torch.sites.access import SiteLayer
from circuitcheck.engine.torch.sites.batch import Batch
from circuitcheck.engine.torch.sites.shapes import Tokens, Value
from circuitcheck.plan import PatchPath

Told = Mapping[SiteLayer, Value]  # what receivers read


def told_to_receivers(
    nodes: Sequence[Node], batch: Batch, sources: PassSources, tokens: Tokens, runs: ModelRuns, ways: Ways
) -> dict[int, Told]:
    """Of the nodes, by number, whose first intervention is a path: what its receivers read. Those whose senders and
    receivers are in the same layers share a pass. `sources` are those of the untouched pass on these tokens."""
    together: dict[Shortcut, dict[int, PatchPath]] = {}
    paths = {number: path for number, node in enumerate(nodes) if (path := _first(node)) is not None}
    skips = bool(paths) and runs.skips_frozen(batch, ways)
    for number, path in paths.items():
        together.setdefault(shortcut_of_path(path, batch.start, skips_frozen=skips), {})[number] = path
    found: dict[int, Told] = {}
    for shortcut, alike in together.items():
        layers = shortcut.layers(sources.architecture.n_layers)
        writes = [frozen(path, batch, sources, layers) for path in alike.values()]
        wanted = {where for path in alike.values() for where in read_by(path)}
        _, kept = runs.short(tokens, writes, wanted, runs.read(batch, ways), shortcut, ways)
        for place, number in enumerate(alike):
            found[number] = {where: value.chunk(len(alike))[place] for where, value in kept.items()}
    return found


def _first(node: Node) -> PatchPath | None:
    """A kind of a user's may be made of ours, and have a kernel of its own."""
    first = node.run.interventions[:1]
    return first[0] if first and type(first[0]) is PatchPath else None
