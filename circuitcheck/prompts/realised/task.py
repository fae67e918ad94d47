"""A task as one tokenizer's prompts make it."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, lru_cache

from circuitcheck.digest import digest
from circuitcheck.errors import BadTask
from circuitcheck.prompts.permutation import permute
from circuitcheck.prompts.prompt import Labels, Prompt, mirror_of
from circuitcheck.prompts.realised.combinations import Combinations
from circuitcheck.prompts.realised.frames import Frame, frames_of
from circuitcheck.prompts.realised.rendering import Drawn, Renderer
from circuitcheck.prompts.realised.survivors import EXAMPLES, Survivors
from circuitcheck.prompts.schema.task import TaskSchema
from circuitcheck.prompts.streams import combination, stream_size
from circuitcheck.prompts.tokenizer import Tokenizer
from circuitcheck.text import counted

_FEW = 1000  # prompts: what they cost more each comes to less than finding out whether tokens may be put together
_KEPT = 512  # prompts: questions about one task ask for the same ones


@lru_cache(maxsize=32)
def realise(task: TaskSchema, tokenizer: Tokenizer) -> "RealisedTask":
    """Raises EmptyPool where too few items fit this tokenizer, BadTask where it cannot be asked."""
    return RealisedTask(task, tokenizer)


class RealisedTask:
    """A task with the pool items that fit one tokenizer."""

    def __init__(self, task: TaskSchema, tokenizer: Tokenizer) -> None:
        self.task, self.tokenizer = task, tokenizer
        frames = frames_of(task, tokenizer)
        self.survivors = Survivors(task, frames, tokenizer)
        self.survivors.check()
        self.combinations = Combinations(task, frames, self.survivors.classes)
        self._sizes: dict[str, int] = {}
        self._kept: dict[tuple[int, str, int], Prompt] = {}  # by seed, stream and row
        self._frames = {frame.template: frame for frame in frames}
        self._renderer, self._rendered = Renderer(task, tokenizer, frames, self.survivors), 0
        self.shape = digest([[name, *map(list, classes)] for name, classes in sorted(self.survivors.classes.items())])

    @cached_property
    def renderer(self) -> Renderer:
        """Twice as fast where it may put tokens together; to find that out takes a second."""
        frames = self._frames.values()
        if all(self.survivors.independent(frame) for frame in frames):
            self._renderer.try_splicing([(0, frame, values) for frame in frames for values in self._spread(frame)])
        return self._renderer

    def _render(self, drawn: Sequence[Drawn]) -> tuple[Prompt, ...]:
        """Where values are stored only the prompts are rendered that results rest on."""
        self._rendered += len(drawn)
        return (self._renderer if self._rendered <= _FEW else self.renderer).render(drawn)

    def size(self, stream: str) -> int:
        """Prompts in `stream`: rounds in which every template comes once, until the smallest is used up."""
        if stream not in self._sizes:
            per_template = min(stream_size(stream, count) for count in self.combinations.counts.values())
            self._sizes[stream] = per_template * len(self.task.templates)
        return self._sizes[stream]

    def prompts(self, rows: range, *, seed: int, stream: str) -> tuple[Prompt, ...]:
        """Raises BadTask beyond the stream's size."""
        kept = {index: self._kept[seed, stream, index] for index in rows if (seed, stream, index) in self._kept}
        drawn = [(index, *self.drawn_at(index, seed=seed, stream=stream)) for index in rows if index not in kept]
        fresh = {prompt.index: prompt for prompt in self._render(drawn)}
        if len(self._kept) + len(fresh) > _KEPT:
            self._kept.clear()
        if len(fresh) <= _KEPT:
            self._kept |= {(seed, stream, index): prompt for index, prompt in fresh.items()}
        return tuple(kept[index] if index in kept else fresh[index] for index in rows)

    def picked(self, template: str, values: Mapping[str, str], index: int = 0) -> Prompt:
        """The prompt of a template with these values of the drawn variables."""
        return self._render([(index, self._frames[template], self.combinations.complete(dict(values)))])[0]

    def groups(self, stream: str) -> int:  # noqa: ARG002 - of other sources it depends on the stream
        """Every template comes once in each round."""
        return len(self.task.templates)

    def labels(self, rows: range, *, seed: int, stream: str) -> tuple[Labels, ...]:
        """Nothing is tokenized for it. Raises BadTask beyond the stream's size."""
        return tuple(self._labels(*self.drawn_at(index, seed=seed, stream=stream)) for index in rows)

    def drawn_at(self, index: int, *, seed: int, stream: str) -> tuple[Frame, dict[str, str]]:
        """The template and the values of a stream's prompt. Raises BadTask beyond the stream's size."""
        frame, number = self.number_at(index, seed=seed, stream=stream)
        return frame, self.combinations.values(frame.template, number)

    def number_at(self, index: int, *, seed: int, stream: str) -> tuple[Frame, int]:
        """The template of a stream's prompt, and the number of its combination. Raises BadTask beyond the stream's size."""
        size = self.size(stream)
        if not 0 <= index < size:
            raise BadTask(f"task {self.task.name!r} has {counted(size, 'prompt')} in its {stream} stream, not {index + 1}.")
        templates = self.task.templates
        turn, place = divmod(index, len(templates))
        template = templates[permute(place, len(templates), f"round {self.task.digest} {stream} {seed} {turn}")]
        number = combination(
            turn,
            stream=stream,
            combinations=self.combinations.counts[template.id],
            task=self.task.digest,
            seed=seed,
            template=template.id,
        )
        return self._frames[template.id], number

    def _spread(self, frame: Frame) -> Iterator[dict[str, str]]:
        """Values of a few combinations from all over a template's."""
        count = self.combinations.counts[frame.template]
        for number in range(min(EXAMPLES, count)):
            chosen = permute(number, count, f"examples {self.task.digest} {frame.template}")
            yield self.combinations.values(frame.template, chosen)

    def _labels(self, frame: Frame, values: Mapping[str, str]) -> Labels:
        second = self.task.second_cluster
        mirrors = tuple(_mirror(frame, values, changes) for changes in frame.altered.values())
        return Labels(frame.template, None if second is None else values[second], self._pair(frame, values), mirrors)

    def _pair(self, frame: Frame, values: Mapping[str, str]) -> str | None:
        if not self.task.pairs:
            return None
        drawn = [variable for variables in self.combinations.drawn[frame.template].values() for variable in variables]
        others = [values[variable] for variable in drawn if variable not in self.task.pairs]
        return "|".join([frame.template, *sorted(values[variable] for variable in self.task.pairs), *others])


def _mirror(frame: Frame, values: Mapping[str, str], changes: Mapping[str, str]) -> str:
    """Of a prompt and the counterfactual that `changes` make of it, by what they have in the slots that differ."""
    clean, other = ("|".join(values[held[slot]] for slot in changes) for held in (frame.held, changes))
    kept = (values[variable] for slot, variable in frame.held.items() if slot not in changes)
    return "|".join((frame.template, mirror_of(clean, other), *kept))
