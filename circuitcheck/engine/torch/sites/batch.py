"""Prompts of one token count, as the tensors and indices that kernels work on."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch

from circuitcheck.engine.torch.sites.shapes import Index, LogitsRead, PerPrompt, PerToken, Tokens
from circuitcheck.places import AllBut, At, named_in
from circuitcheck.plan import Reading
from circuitcheck.prompts import Prompt


def continuation(prompt: Prompt, reading: Reading) -> tuple[int, ...]:
    """The tokens that follow the prompt in a run: those of the answer, or distractor, that is read, but for its last, which
    the run predicts and need not hold."""
    if reading == "logits":
        return ()
    return (prompt.answer_ids if reading == "answer" else prompt.distractor_ids)[:-1]


def by_size(prompts: Iterable[Prompt], reading: Reading) -> list[list[int]]:
    """Indices into `prompts`, grouped by token counts, shortest first: no padding, ever."""
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
    """`prompts` all have `length` tokens; with what is read after them, `width`. Where several of them read one text, which
    is run once, `of` says of each which of the texts that is. A pass may run the tokens from `start` on alone: `span` of
    them, and what `where` and `read` give counts from there."""

    prompts: tuple[Prompt, ...]
    device: torch.device
    reading: Reading = "logits"
    of: tuple[int, ...] | None = None
    start: int = 0

    @property
    def length(self) -> int:
        return len(self.prompts[0].tokens)

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

    def tokens(self, base: str) -> Tokens:
        """Token ids [prompt, pos] of the clean prompts or of a counterfactual, followed by what is read."""
        return self.followed(prompt.run(base) for prompt in self.prompts)

    def followed(self, runs: Iterable[tuple[int, ...]]) -> Tokens:
        """Token ids [prompt, pos] of other runs, one for each prompt, followed by what is read of that prompt."""
        rows = [run + continuation(prompt, self.reading) for run, prompt in zip(runs, self.prompts, strict=True)]
        return torch.tensor(rows, device=self.device)

    @property
    def read(self) -> tuple[Index, Index]:
        """(rows, columns): the tokens whose logits metrics read. Of each prompt its END; where an answer is read, each token
        that one of the answer is predicted from."""
        ends = torch.tensor([prompt.end - self.start for prompt in self.prompts], device=self.device)
        rows = torch.tensor(self.texts, device=self.device)
        steps = torch.arange(self._tokens_read, device=self.device)
        return rows.repeat_interleave(self._tokens_read), (ends[:, None] + steps).flatten()

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
        return torch.tensor([prompt.end + beyond for prompt in self.prompts])

    def up_to_end(self, values: PerToken) -> PerPrompt:
        """[prompt]: the sum of values [text, token] over the tokens that act on what is read."""
        found: PerPrompt = values.cumsum(dim=1)[self.texts, self.last]
        return found

    def where(self, at: At) -> tuple[Index, Index]:
        """(rows, columns): every (prompt, token) that `at` names, each once, prompt by prompt, as indices into what is run.
        Raises UnknownPosition."""
        pairs = [
            (row, column - self.start)
            for row, prompt in zip(self.texts, self.prompts, strict=True)
            for column in self.columns(prompt, at)
        ]
        rows, columns = torch.tensor(pairs, dtype=torch.long, device=self.device).reshape(-1, 2).T
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
