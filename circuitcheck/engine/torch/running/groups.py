"""Which passes of a graph are shortened, from where on, and which are run side by side."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from circuitcheck.engine.torch.running.graph import Node, Pass
from circuitcheck.engine.torch.shortened.parity import Ways
from circuitcheck.engine.torch.shortened.shortcut import Shortcut, shortcut_of
from circuitcheck.engine.torch.sites.batch import Batch
from circuitcheck.plan import Cell, PatchPath, Resample

Asked = tuple[list[Node], Mapping[int, Cell]]  # a graph of cells, and these by number
_WORTH = 0.8  # a shortened pass is at most so much of a whole one, all that it takes counted
_OTHER_NUMBERS = "passes of this model that are shortened do not give its numbers"
_OWN_VALUES = "it is given values of the very run that it acts on"
_MOST = "it touches nearly all layers and tokens"
_FEW = "the pass that they would start from is not run otherwise, and they are too few for it"


@dataclass(frozen=True)
class AtOnce:
    """How much of shortened passes is run side by side, at most: tokens that are run, and those that they attend to."""

    tokens: int = 2048
    attended: int = 1 << 15

    def halved(self, times: int) -> "AtOnce":
        return AtOnce(max(1, self.tokens >> times), max(1, self.attended >> times))

    def passes(self, batch: Batch, shortcut: Shortcut) -> int:
        prompts = len(batch.prompts)
        run, attended = prompts * (batch.width - shortcut.start), prompts * batch.width
        return max(1, min(self.tokens // run, self.attended // attended))


USUAL = AtOnce()


@dataclass(frozen=True)
class Group:
    """Passes that are run side by side, from `shortcut` on; a whole pass has none, and if it has interventions `why` says
    what kept it from being shortened. `records` asks an untouched pass for what shorter ones start from."""

    nodes: list[Node]
    shortcut: Shortcut | None = None
    records: bool = False
    why: str = ""


def groups_of(
    graph: list[Node],
    cells: Mapping[int, Cell],
    batch: Batch,
    ways: Ways,
    n_layers: int,
    at_once: AtOnce,
    asked: Asked | None = None,
) -> list[Group]:
    """All passes of a graph, each after those that it takes values from. What was `asked` together decides, where more was
    than this graph runs. Depends on nothing but what is given, so that the same plan gives the same bits."""
    all_nodes, all_cells = (graph, cells) if asked is None else asked
    shortcuts, why = _shortcuts(all_nodes, all_cells, batch, ways, n_layers)
    starting_points = {node.run.tokens for node in all_nodes if node.run in shortcuts}
    if asked is not None:  # others may start there
        starting_points |= {node.run.tokens for node in all_nodes if not node.run.interventions}
    groups: list[Group] = []
    beside: dict[tuple[str | Resample, Shortcut], Group] = {}
    for node in graph:
        shortcut = shortcuts.get(node.run)
        if shortcut is None:
            records = not node.run.interventions and node.run.tokens in starting_points
            groups.append(Group([node], records=records, why=why.get(node.run, "")))
            continue
        key = (node.run.tokens, shortcut)
        if key in beside and len(beside[key].nodes) < at_once.passes(batch, shortcut) and _can_stand_beside(node):
            beside[key].nodes.append(node)
        else:
            groups.append(Group([node], shortcut))
            if _can_stand_beside(node):
                beside[key] = groups[-1]
    return groups


def _shortcuts(
    graph: list[Node], cells: Mapping[int, Cell], batch: Batch, ways: Ways, n_layers: int
) -> tuple[dict[Pass, Shortcut], dict[Pass, str]]:
    """Of the passes that are worth shortening: all those on the same tokens together must be, with the one more that they
    start from where that is not run anyway. Of all others with interventions, why they are whole."""
    acting = [node for node in graph if node.run.interventions]
    if not ways.layers:
        return {}, {node.run: _OTHER_NUMBERS for node in acting}
    taken = {source for node in graph for source in node.takes_from}
    found: dict[Pass, Shortcut] = {}
    why = {node.run: _OWN_VALUES if _gets_its_own(node) else _MOST for node in acting}
    for tokens in dict.fromkeys(node.run.tokens for node in graph):
        nodes = [node for node in graph if node.run.tokens == tokens]
        shares = {}
        for node in (node for node in nodes if node.run.interventions and not _gets_its_own(node)):
            metrics = [cells[number].metric for number in node.cells]
            shortcut = shortcut_of(node.run.interventions, metrics, node.keeps, batch, is_taken=node.run in taken)
            shortcut = shortcut if ways.tokens else Shortcut(shortcut.layer)
            share = shortcut.share_of(n_layers, batch.width)
            if share <= _WORTH:
                found[node.run], shares[node.run] = shortcut, share
        one_more = len(nodes) == sum(bool(node.run.interventions) for node in nodes)
        if one_more + sum(shares.values()) > _WORTH * len(shares):
            found = {run: shortcut for run, shortcut in found.items() if run not in shares}
            why.update(dict.fromkeys(shares, _FEW))
    return found, {run: each for run, each in why.items() if run not in found}


def _can_stand_beside(node: Node) -> bool:
    """Takes values from untouched passes alone, which come first, and reads no other sites of its own."""
    return not any(source.interventions for source in node.takes_from) and not _reads(node)


def _reads(node: Node) -> bool:
    return any(_any(each.reads) for each in node.run.interventions)


def _gets_its_own(node: Node) -> bool:
    """Does it get values of the untouched pass on the same tokens? These may change nothing, which rounding would hide."""
    others = (each for each in node.run.interventions if not isinstance(each, PatchPath))
    return any(need.source == node.run.tokens for each in others for need in each.needs)


def _any(found: Iterable[object]) -> bool:
    return bool(tuple(found))
