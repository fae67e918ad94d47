"""Metrics of a dictionary's features at one token of each prompt."""

from circuitcheck.engine.torch.dictionaries.dictionary import LoadedDictionary
from circuitcheck.engine.torch.dictionaries.slices import rows_of_site
from circuitcheck.engine.torch.readouts.base import Seen, read
from circuitcheck.engine.torch.sites.shapes import Activations, AtIndex, PerPrompt
from circuitcheck.engine.torch.transfer.sending import sent
from circuitcheck.places import Position, Site
from circuitcheck.plan import ActiveFeatures, FeatureActivation, FeatureFires, ReconstructionError


@read.register
def _(metric: FeatureActivation, seen: Seen) -> PerPrompt:
    return _of_features(metric, seen).double().sum(dim=1)


@read.register
def _(metric: FeatureFires, seen: Seen) -> PerPrompt:
    return (_of_features(metric, seen) != 0).all(dim=1).double()


@read.register
def _(metric: ActiveFeatures, seen: Seen) -> PerPrompt:
    dictionary = seen.dictionary(metric.dictionary)
    return (dictionary.encode(_at(metric.dictionary.reads, metric.at, seen)) != 0).sum(dim=1).double()


@read.register
def _(metric: ReconstructionError, seen: Seen) -> PerPrompt:
    ref = metric.dictionary
    dictionary: LoadedDictionary = seen.dictionary(ref)
    values = _at(ref.reads, metric.at, seen)
    made = dictionary.reconstruct(dictionary.encode(values), values)
    return (made.double() - _at(ref.writes, metric.at, seen).double()).square().sum(dim=1)


def _of_features(metric: FeatureActivation | FeatureFires, seen: Seen) -> Activations:
    """[prompt, feature]: of the metric's features alone."""
    ref = metric.features.dictionary
    activations = seen.dictionary(ref).encode(_at(ref.reads, metric.at, seen))
    return activations[:, sent(metric.features.numbers, activations.device)]


def _at(site: Site, at: Position, seen: Seen) -> AtIndex:
    """[prompt, d_in]: what a site holds at one token of each prompt."""
    return rows_of_site(site, seen.sites[site.kind, site.layer], *seen.batch.where((at,)))
