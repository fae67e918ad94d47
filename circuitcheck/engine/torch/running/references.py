"""Values that come from other prompts than those that are measured: means, donors' prompts, directions."""

from collections.abc import Sequence

from circuitcheck.engine.torch.dictionaries.dictionary import LoadedDictionary
from circuitcheck.engine.torch.dictionaries.pool import DictionaryPool
from circuitcheck.engine.torch.loaded.model import LoadedModel
from circuitcheck.engine.torch.running.directions import Vectors, vectors_of
from circuitcheck.engine.torch.running.donors import Donors
from circuitcheck.engine.torch.running.means import StreamMeans, activations_of, layers_of, stream_means
from circuitcheck.engine.torch.shortened.parity import passed
from circuitcheck.engine.torch.sites.batch import Batch, continuation
from circuitcheck.engine.torch.sites.shapes import Tokens
from circuitcheck.errors import BadIntervention, BadTask
from circuitcheck.memory import LeastRecentlyUsed
from circuitcheck.places import KindName
from circuitcheck.plan import DictionaryRef, Direction, Features, Plan, Resample, StreamMean
from circuitcheck.prompts import Prompt, PromptSource, PromptStream

_ABLATED_MOST: tuple[KindName, ...] = ("z", "attn_out", "mlp_out")

# by fingerprint of the model, source, and the kind of site or the features
Means = LeastRecentlyUsed[tuple[str, StreamMean, KindName | Features], StreamMeans]
Directions = LeastRecentlyUsed[str, Vectors]


class References:
    """What one plan takes from the reference stream of its task, and the directions in its model. Means and directions are
    kept by the engine from plan to plan. `passes` counts the prompts that were run for it."""

    def __init__(
        self, loaded: LoadedModel, plan: Plan, means: Means, directions: Directions, dictionaries: DictionaryPool
    ) -> None:
        self._loaded, self._plan, self._means, self._directions = loaded, plan, means, directions
        self._dictionaries = dictionaries
        self._held: dict[DictionaryRef, LoadedDictionary] = {}
        self._donors: dict[Resample, Donors] = {}
        self.passes = 0

    def mean(self, source: StreamMean, of: KindName | Features) -> StreamMeans:
        """Of a kind of site, or of features. Raises BadTask for that of another task, or of more prompts than there are."""
        key = (self._plan.model.fingerprint, source, of)
        if key not in self._means:
            self._size(source)
            prompts = self._prompts(source.seed, range(source.n))
            together = [*self._taken_along(source, of, prompts[:1]), of]
            for each, means in zip(together, self._means_of(together, source, prompts), strict=True):
                self._means[self._plan.model.fingerprint, source, each] = means
            self.passes += len(prompts)
            self._means.trim(keep=1)
        return self._means[key]

    def _means_of(
        self, together: Sequence[KindName | Features], source: StreamMean, prompts: tuple[Prompt, ...]
    ) -> list[StreamMeans]:
        loaded, layers = self._loaded, self._loaded.card.architecture.n_layers
        averaged = [
            activations_of(of, self.dictionary(of.dictionary)) if isinstance(of, Features) else layers_of(of, layers)
            for of in together
        ]
        return stream_means(loaded.model, prompts, averaged, source.by, self._plan.batch, loaded.device)

    def _taken_along(
        self, source: StreamMean, of: KindName | Features, few: tuple[Prompt, ...]
    ) -> list[KindName | Features]:
        """Kinds of site that later claims may ablate: their means cost little beside the passes that they are taken from.
        None where this model does not show all of them, as a trial on a `few` prompts tells."""
        fingerprint = self._plan.model.fingerprint
        others = [kind for kind in _ABLATED_MOST if kind != of and (fingerprint, source, kind) not in self._means]
        if of not in _ABLATED_MOST or not others:
            return []
        return list(others) if passed(lambda: bool(self._means_of(others, source, few))) else []

    def dictionary(self, ref: DictionaryRef) -> LoadedDictionary:
        """On the device of the run. Raises ModelChanged where its spec now gives another."""
        if ref not in self._held:
            self._held[ref] = self._dictionaries.get(ref, self._loaded.device).for_one_run()
        return self._held[ref]

    def tokens(self, batch: Batch, source: Resample) -> Tokens:
        """Token ids [prompt, pos] of the prompts that stand in for those of a batch."""
        if source not in self._donors:
            size = self._size(source)
            self._donors[source] = Donors(source, size, lambda rows: self._prompts(source.seed, rows))
        return batch.followed(self._donors[source].of(prompt).tokens for prompt in batch.prompts)

    def vectors(self, direction: Direction) -> Vectors:
        """Raises BadIntervention for the direction of another model."""
        if direction.model.fingerprint != self._plan.model.fingerprint:
            raise BadIntervention(
                f"the {direction.describe()} was found in {direction.model}, and means nothing in {self._plan.model}."
            )
        return kept_vectors(direction, self._loaded, self._directions)

    def _prompts(self, seed: int, rows: range) -> tuple[Prompt, ...]:
        return rendered(self._plan, self._loaded, self._plan.prompts.other("reference", seed), rows)

    def _size(self, source: StreamMean | Resample) -> int:
        """Of the stream that values are taken from."""
        what = "a mean over" if isinstance(source, StreamMean) else "resampling from"
        task = self._plan.prompts.task
        if source.task != task.origin:
            raise BadTask(f"{what} another task than {task.name!r} has no prompts of its templates.")
        size = task.size(self._loaded.tokenizer, "reference")
        if source.n > size:
            raise BadTask(
                f"{what} n={source.n} prompts: task {task.name!r} has {size} in its reference stream. {_less(size, task)}"
            )
        return size


def kept_vectors(direction: Direction, loaded: LoadedModel, kept: Directions) -> Vectors:
    """Worked out where they are not kept yet."""
    if direction.digest not in kept:
        kept[direction.digest] = vectors_of(direction, loaded, lambda each: kept_vectors(each, loaded, kept))
        kept.trim(keep=1)
    return kept[direction.digest]


def rendered(plan: Plan, loaded: LoadedModel, where: PromptStream, rows: range) -> tuple[Prompt, ...]:
    """Prompts of a plan's task, of `where`. Raises BadTask for one that is longer than the model reads."""
    prompts = where.prompts(loaded.tokenizer, rows)
    readings = {cell.metric.reads for cell in plan.cells} or {"logits"}
    longest = max(len(prompt.tokens) + len(continuation(prompt, reading)) for prompt in prompts for reading in readings)
    n_ctx = loaded.card.architecture.n_ctx
    if longest > n_ctx:
        raise BadTask(
            f"a prompt of task {where.task.name!r} has {longest} tokens, and {plan.model} reads at most {n_ctx}: use "
            f"shorter ones (of a corpus, context=)."
        )
    return prompts


def _less(size: int, task: PromptSource) -> str:
    if size > 1:
        return f"Say n={size} or fewer where it is made, as in model.ablate(sites, kind=..., n={size})."
    if not task.facts.division:
        return "Give it more prompts."
    return (
        f"({task.facts.division}.) Give rows the stream 'reference'; of rows that name no stream a quarter goes there, and "
        f"with population=True none."
    )
