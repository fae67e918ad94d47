"""From where on a pass must be run, and how far: below the first layer that it touches, and before the first token, it is
the untouched pass on the same tokens; after the last layer that is looked at nothing is read."""

from collections.abc import Iterable
from dataclasses import dataclass

from circuitcheck.engine.torch.sites.access import SiteLayer
from circuitcheck.engine.torch.sites.batch import Batch
from circuitcheck.places import At, Site
from circuitcheck.plan import (
    Ablate,
    Activation,
    ActiveFeatures,
    Attention,
    Attribution,
    EditFeatures,
    FeatureActivation,
    FeatureFires,
    Intervention,
    KnockOut,
    Lens,
    Metric,
    Norm,
    Patch,
    PatchPath,
    Reconstruct,
    ReconstructionError,
    Steer,
)

# What reads and writes at the tokens it names, wherever a pass begins. Others may count tokens in their own way.
KNOW_THE_START = (Ablate, EditFeatures, KnockOut, Patch, PatchPath, Reconstruct, Steer)
_METRICS_OF_SITES = (
    Activation,
    ActiveFeatures,
    FeatureActivation,
    FeatureFires,
    Norm,
    ReconstructionError,
)
_METRICS_THAT_READ_LOGITS_TOO = (Attribution, Lens)


@dataclass(frozen=True)
class Shortcut:
    """`layer` is the first that is run, `start` the first token; no layer from `stop` on is run, where one is given: logits
    mean nothing then. The layers `frozen`, between those, add what they added in the untouched pass."""

    layer: int = 0
    start: int = 0
    stop: int | None = None
    frozen: tuple[int, ...] = ()

    def share_of(self, n_layers: int, width: int) -> float:
        """Of a whole pass over `width` tokens, how much is run: in tokens times layers."""
        return self.size(n_layers, width) / (n_layers * width)

    def size(self, n_layers: int, width: int) -> int:
        """Tokens times layers that are run, of one prompt."""
        return len(self.layers(n_layers)) * (width - self.start)

    def layers(self, n_layers: int) -> list[int]:
        """Those that are run."""
        return [each for each in range(self.layer, n_layers if self.stop is None else self.stop) if each not in self.frozen]


def shortcut_of(
    interventions: Iterable[Intervention],
    metrics: Iterable[Metric],
    keeps: Iterable[SiteLayer],
    batch: Batch,
    *,
    is_taken: bool,
) -> Shortcut:
    """Of a pass with these interventions, whose values at the sites `keeps` are read by `metrics` or, where it `is_taken`,
    by other passes."""
    done, read = list(interventions), list(metrics)
    touched = [place for step, each in enumerate(done) for place in _touched(each, is_first=not step)]
    layers = [site.layer for site, _ in touched] + [site.layer for each in done for site in each.reads]
    layer = min([*layers, *(layer for _, layer in keeps)], default=0)
    knows = all(type(each) in KNOW_THE_START for each in done)  # a subclass may have a kernel of its own
    if is_taken or not knows or not all(map(knows_its_tokens, read)):
        return Shortcut(layer)
    places = {at for _, at in touched} | {at for metric in read for at in _looked_at(metric)}
    stop = None
    if read and all(map(reads_sites_alone, read)):
        stop = 1 + max([*layers, *(layer for _, layer in keeps)])
    return Shortcut(layer, _first_token(places, batch), stop)


def reads_sites_alone(metric: Metric) -> bool:
    """Is it one of ours that looks at no logits?"""
    return type(metric) in (*_METRICS_OF_SITES, Attention)


def shortcut_of_path(path: PatchPath, start: int, *, skips_frozen: bool) -> Shortcut:
    """Of the pass in which everything but a path's senders is frozen: from the first of these to the last receiver. As no
    token attends to another's change in it, it begins where the pass does that takes up what the receivers read."""
    acting = {site.layer for site in (*path.senders, *path.receivers)}
    first, stop = min(acting), 1 + max(site.layer for site in path.receivers)
    frozen = tuple(each for each in range(first, stop) if each not in acting) if skips_frozen else ()
    return Shortcut(first, start, stop, frozen)


def _touched(intervention: Intervention, *, is_first: bool) -> Iterable[tuple[Site, At]]:
    """Where it writes; and, unless it has a pass of its own, where that writes which tells a path's receivers what they
    read."""
    senders = intervention.needs if isinstance(intervention, PatchPath) and not is_first else ()
    return (*intervention.writes, *((need.site, need.at) for need in senders))


def knows_its_tokens(metric: Metric) -> bool:
    """Does it read the tokens that it names, wherever a pass begins or ends? One of a user's that looks at sites may count
    them in its own way."""
    return not metric.sites or reads_sites_alone(metric) or type(metric) in _METRICS_THAT_READ_LOGITS_TOO


def _looked_at(metric: Metric) -> list[At]:
    if not metric.sites:
        return []
    if isinstance(metric, Attribution) and metric.key is not None:
        return [None]  # the values of all tokens that heads attend to
    return [(metric.query,) if isinstance(metric, Attention) else metric.looks_at]


def _first_token(places: Iterable[At], batch: Batch) -> int:
    """Of any prompt, and never after its END, where its logits are read."""
    found = [prompt.end for prompt in batch.prompts]
    found += [column for prompt in batch.prompts for at in places for column in batch.columns(prompt, at)[:1]]
    return min(found)
