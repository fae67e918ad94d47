"""Other prompts to take values from: who gives to whom in a resample ablation."""

from collections.abc import Iterable

from circuitcheck.digest import digest
from circuitcheck.engine.torch.sources import Layout, layout_of
from circuitcheck.errors import BadIntervention, BadTask
from circuitcheck.plan import Resample
from circuitcheck.prompts import Prompt

Key = tuple[Layout, int, tuple[str, ...]]


class Donors:
    """The prompts of a reference stream, by what a donor must share with the prompt that it gives to."""

    def __init__(self, source: Resample, prompts: Iterable[Prompt]) -> None:
        self._source = source
        self._groups: dict[Key, list[Prompt]] = {}
        for prompt in prompts:
            self._groups.setdefault(self._key(prompt), []).append(prompt)

    def of(self, prompt: Prompt) -> Prompt:
        """The donor of a prompt, which depends on its words and the seed alone. Raises BadTask where nobody fits."""
        fitting = [each for each in self._groups.get(self._key(prompt), []) if each.tokens != prompt.tokens]
        if not fitting:
            shared = "".join(f", {name}={prompt.slots[name]!r}" for name in self._source.matching)
            raise BadTask(
                f"none of {self._source.n} reference prompts can stand in for {prompt.text!r} (template "
                f"{prompt.template!r}, token counts{shared}): raise n, or match fewer slots."
            )
        return fitting[int(digest((self._source.seed, prompt.tokens))[:8], 16) % len(fitting)]

    def _key(self, prompt: Prompt) -> Key:
        unknown = [name for name in self._source.matching if name not in prompt.slots]
        if unknown:
            raise BadIntervention(
                f"matching={', '.join(unknown)}: prompts of this task have the slots {', '.join(prompt.slots) or 'none'}."
            )
        shared = tuple(prompt.slots[name] for name in self._source.matching)
        return layout_of(prompt, self._source.by), len(prompt.tokens), shared
