"""Other prompts to take values from: who gives to whom in a resample ablation."""

from collections.abc import Callable, Iterable

from circuitcheck.digest import digest
from circuitcheck.engine.torch.running.means import Layout, layout_of
from circuitcheck.errors import BadIntervention, BadTask
from circuitcheck.plan import Resample
from circuitcheck.prompts import Prompt
from circuitcheck.text import suggestion

_FURTHEST = 64  # times n: matching everything would otherwise render streams of millions
Key = tuple[Layout, int, tuple[str, ...]]


class Donors:
    """The prompts of a reference stream, by what a donor must share with the prompt that it gives to. `rows` renders some
    of the stream's `size` prompts."""

    def __init__(self, source: Resample, size: int, rows: Callable[[range], Iterable[Prompt]]) -> None:
        self._source, self._size, self._rows = source, size, rows
        self._seen = 0
        self._groups: dict[Key, list[Prompt]] = {}

    def of(self, prompt: Prompt) -> Prompt:
        """The donor of a prompt, which depends on its words and the seed alone. Raises BadTask where nobody fits."""
        key, first = self._key(prompt), self._source.n
        while True:
            self._look_at(min(first, self._size))
            fitting = [each for each in self._groups.get(key, []) if each.index < first and each.tokens != prompt.tokens]
            if fitting:
                return fitting[int(digest((self._source.seed, prompt.tokens))[:8], 16) % len(fitting)]
            if first >= min(self._size, _FURTHEST * self._source.n):
                raise self._nobody_like(prompt)
            first *= 2

    def _look_at(self, count: int) -> None:
        for prompt in self._rows(range(self._seen, count)) if count > self._seen else ():
            self._groups.setdefault(self._key(prompt), []).append(prompt)
        self._seen = max(self._seen, count)

    def _nobody_like(self, prompt: Prompt) -> BadTask:
        shared = "".join(f", {name}={prompt.slots[name]!r}" for name in self._source.matching)
        return BadTask(
            f"none of {self._seen} reference prompts can stand in for {prompt.text!r} (template {prompt.template!r}, token "
            f"counts{shared}): match fewer slots, or raise n, {_FURTHEST} times which are looked through."
        )

    def _key(self, prompt: Prompt) -> Key:
        unknown = [name for name in self._source.matching if name not in prompt.slots]
        if unknown:
            raise BadIntervention(
                f"matching={', '.join(unknown)}: prompts of this task have the slots {', '.join(prompt.slots) or 'none'}."
                f"{suggestion(unknown[0], prompt.slots)}"
            )
        shared = tuple(prompt.slots[name] for name in self._source.matching)
        return layout_of(prompt, self._source.by), len(prompt.tokens), shared
