"""What a plan takes to be measured: passes over a batch of prompts, and the values that one pass takes from another. Each
pass is run once, for all cells and passes that need it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from circuitcheck.engine.torch.sites.access import SiteLayer
from circuitcheck.places import Architecture
from circuitcheck.plan import CLEAN, Cell, Intervention, Resample, StreamMean, View, held_still


@dataclass(frozen=True)
class Pass:
    """One run of the model: on the clean prompts, a counterfactual of each, or another prompt for each; with interventions.
    Two are the same if their digests are."""

    tokens: str | Resample
    interventions: tuple[Intervention, ...] = field(default=(), compare=False)
    _digests: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_digests", tuple(each.digest for each in self.interventions))

    @classmethod
    def of(cls, view: View) -> "Pass":
        return cls(view.base, view.interventions)


_CLEAN = Pass(CLEAN)


@dataclass
class Node:
    """A pass with what it is for: `cells`, by number, whose metrics read it; `keeps`, the sites that these look at or that
    another pass takes values of; `takes_from`, the passes that must have been run before it."""

    run: Pass
    cells: list[int] = field(default_factory=list)
    keeps: set[SiteLayer] = field(default_factory=set)
    takes_from: set[Pass] = field(default_factory=set)


def graph_of(cells: Mapping[int, Cell], architecture: Architecture) -> list[Node]:
    """The passes that these cells need, each once, and each after those that it takes values from."""
    graph = _Graph(architecture)
    for number, cell in cells.items():
        node = graph.node(Pass.of(cell.view))
        node.cells.append(number)
        node.keeps |= {(site.kind, site.layer) for site in cell.metric.sites}
        if cell.metric.compares_with_clean and node.run != _CLEAN:
            node.takes_from.add(graph.node(_CLEAN).run)
    return sorted(graph.nodes.values(), key=lambda node: (len(node.run.interventions), node.run != _CLEAN))


class _Graph:
    def __init__(self, architecture: Architecture) -> None:
        self.nodes: dict[Pass, Node] = {}
        self._architecture = architecture

    def node(self, run: Pass) -> Node:
        """The node of a pass, made together with those that it takes values from."""
        if run not in self.nodes:
            self.nodes[run] = Node(run)
            for step, intervention in enumerate(run.interventions):
                for need in intervention.needs:
                    if not isinstance(need.source, StreamMean):
                        self._take(run, Pass(need.source), [(need.site.kind, need.site.layer)])
                still = held_still(intervention, self._architecture)
                if still:
                    self._take(run, Pass(run.tokens, run.interventions[:step]), still)
        return self.nodes[run]

    def _take(self, run: Pass, source: Pass, places: Iterable[SiteLayer]) -> None:
        self.node(source).keeps.update(places)
        self.nodes[run].takes_from.add(source)
