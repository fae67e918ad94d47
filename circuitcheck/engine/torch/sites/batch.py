"""Prompts that are run together, as the tensors and indices that kernels work on."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import torch

from circuitcheck.engine.torch.sites.shapes import Index, LogitsRead, PerPrompt, PerToken, Tokens
from circuitcheck.engine.torch.transfer.sending import sent
from circuitcheck.memory import made_once
from circuitcheck.places import AllBut, At, named_in
from circuitcheck.plan import Reading
from circuitcheck.prompts import Prompt

Made = TypeVar("Made")


def continuation(prompt: Prompt, reading: Reading) -> tuple[int, ...]:
    """The tokens that follow the prompt in a run: those of the answer, or distractor, that is read, but for its last, which
    the run predicts and need not hold."""
    if reading == "logits":
        return ()
    return (prompt.answer_ids if reading == "answer" else prompt.distractor_ids)[:-1]


def by_size(prompts: Iterable[Prompt], reading: Reading) -> list[list[int]]:
    """Indices into `prompts`, grouped by token counts, shortest first."""
    groups: dict[tuple[int, int], list[int]] = {}
    for index, prompt in enumerate(prompts):
        groups.setdefault((len(prompt.tokens), len(continuation(prompt, reading))), []).append(index)
    return [indices for _, indices in sorted(groups.items())]


def in_parts(groups: Iterable[list[int]], size: int) -> Iterator[list[int]]:
    """Each group, `size` of it at a time."""
    for group in groups:
        for start in range(0, len(group), size):
            yield group[start : start + size]


@dataclass(frozen=True)
class Batch:
    """The longest of `prompts` has `length` tokens; with what is read after them, `width`. Shorter ones are followed by
    their last token again, which nothing sees that is read. Where several of them read one text, which
    is run once, `of` says of each which of the texts that is. A pass may run the tokens from `start` on alone: `span` of
    them, and what `where` and `read` give counts from there. What it gives is made once, and not to be changed."""

    prompts: tuple[Prompt, ...]
    device: torch.device
    reading: Reading = "logits"
    of: tuple[int, ...] | None = None
    start: int = 0
    _made: dict[Hashable, Any] = field(init=False, default_factory=dict, compare=False, repr=False)

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What several passes and metrics need of a batch, made for the first."""
        return made_once(self._made, key, make)

    def begun_at(self, start: int) -> "Batch":
        """The same prompts, of which the tokens from `start` on are run."""
        return self if start == self.start else self.once(("begun", start), lambda: replace(self, start=start))

    @property
    def length(self) -> int:
        return self.once("length", lambda: max(len(prompt.tokens) for prompt in self.prompts))

    @property
    def width(self) -> int:
        return self.length + len(continuation(self.prompts[0], self.reading))

    @property
    def span(self) -> int:
        return self.width - self.start

    @property
    def texts(self) -> list[int]:
        """For each prompt the row in what was run."""
        return list(range(len(self.prompts))) if self.of is None else list(self.of)

    @property
    def row_of_text(self) -> Index:
        """[prompt]: the same, on the device."""
        return self.once("texts", lambda: sent(self.texts, self.device))

    def tokens(self, base: str) -> Tokens:
        """Token ids [prompt, pos] of the clean prompts or of a counterfactual, followed by what is read."""
        return self.once(("tokens", base), lambda: sent(self.on_host(base), self.device))

    def on_host(self, base: str) -> Tokens:
        """The same, not on the device."""
        return self.once(("on host", base), lambda: self.followed(prompt.run(base) for prompt in self.prompts))

    def followed(self, runs: Iterable[tuple[int, ...]]) -> Tokens:
        """Token ids [prompt, pos] of other runs, one for each prompt, followed by what is read of that prompt. On the
        host."""
        rows = [run + continuation(prompt, self.reading) for run, prompt in zip(runs, self.prompts, strict=True)]
        return torch.tensor([row + row[-1:] * (self.width - len(row)) for row in rows])

    @property
    def read(self) -> tuple[Index, Index]:
        """(rows, columns): the tokens whose logits metrics read. Of each prompt its END; where an answer is read, each token
        that one of the answer is predicted from."""
        return self.once("read", self._read)

    def _read(self) -> tuple[Index, Index]:
        steps = range(self._tokens_read)
        rows = [text for text in self.texts for _ in steps]
        columns = [prompt.end - self.start + step for prompt in self.prompts for step in steps]
        return sent(rows, self.device), sent(columns, self.device)

    def by_prompt(self, logits: LogitsRead) -> LogitsRead:
        """Logits [token, vocab] that were read, as metrics take them: [prompt, vocab] at END, or [prompt, token, vocab]
        where each token of the answer is predicted."""
        return logits if self.reading == "logits" else logits.reshape(len(self.prompts), self._tokens_read, -1)

    @property
    def _tokens_read(self) -> int:
        return self.width - self.length + 1

    @property
    def last(self) -> Index:
        """[prompt]: the last token that acts on what is read, of those that are run."""
        beyond = self.width - self.length - self.start
        return self.once("last", lambda: sent([prompt.end + beyond for prompt in self.prompts], self.device))

    def up_to_end(self, values: PerToken) -> PerPrompt:
        """[prompt]: the sum of values [text, token] over the tokens that act on what is read."""
        acting = torch.arange(values.shape[1], device=values.device) <= self.last[:, None]
        found: PerPrompt = torch.where(acting, values[self.row_of_text], 0).sum(dim=1)
        return found

    def where(self, at: At) -> tuple[Index, Index]:
        """(rows, columns): every (prompt, token) that `at` names, each once, prompt by prompt, as indices into what is run.
        Raises UnknownPosition."""
        return self.once(("where", at), lambda: self._places(at, -self.start))

    def where_run(self, at: At) -> tuple[Index, Index]:
        """The same of the tokens that are run alone."""
        return self.once(("run", at), lambda: self._places(at, 0))

    def _places(self, at: At, first: int) -> tuple[Index, Index]:
        """From the index `first` on, of what is run."""
        pairs = [
            (row, column - self.start)
            for row, prompt in zip(self.texts, self.prompts, strict=True)
            for column in self.columns(prompt, at)
            if column - self.start >= first
        ]
        rows, columns = sent(pairs, self.device, torch.long).reshape(-1, 2).T
        return rows, columns

    def columns(self, prompt: Prompt, at: At) -> list[int]:
        """The tokens of a prompt that `at` names. Tokens after END cannot act on what is read there, so nothing is
        written to them."""
        stop = prompt.end + 1
        everything = list(range(stop + self.width - self.length))
        if at is None:
            return everything
        found = {index for place in named_in(at) for index in place.indices_in(prompt.positions, stop)}
        return [index for index in everything if index not in found] if isinstance(at, AllBut) else sorted(found)
