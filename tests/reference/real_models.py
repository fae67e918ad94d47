"""One model that does something, held twice: by circuitcheck, and by `transformers` with a forward pass by hand."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from sites_reference import Place, Plain, Write
from torch import Tensor

import circuitcheck as cc
from circuitcheck.prompts import PromptStream

At = tuple[str, ...] | None
"""Positions such as ("S1+1", "END"); None is every token."""


class Group:
    """Prompts of one length, run together."""

    def __init__(self, plain: Plain, rows: list[int], prompts: Sequence) -> None:
        self.plain, self.rows, self.prompts = plain, rows, prompts
        self._seen: dict[str, dict[Place, Tensor]] = {}

    def tokens(self, run: str) -> Tensor:
        return torch.tensor([prompt.run(run) for prompt in self.prompts])

    def values(self, run: str) -> dict[Place, Tensor]:
        """Every site's value in the untouched run."""
        if run not in self._seen:
            self._seen[run] = self.plain.read_all(self.tokens(run))
        return self._seen[run]

    def mask(self, at: At, but: bool = False) -> Tensor:
        """[prompt, token]: is it one of these positions (or, with `but`, none of them)?"""
        chosen = torch.zeros(len(self.prompts), len(self.prompts[0].tokens), dtype=torch.bool)
        for row, prompt in enumerate(self.prompts):
            chosen[row, columns(prompt, at)] = True
        return ~chosen if but else chosen


def columns(prompt, at: At) -> list[int]:
    if at is None:
        return list(range(len(prompt.tokens)))
    found: list[int] = []
    for word in at:
        name, offset, span = re.fullmatch(r"(\w+?)([+-]\d+)?(\[:\])?", word).groups()
        found += prompt.positions[name] if span else [prompt.positions[name][-1] + int(offset or 0)]
    return found


New = Callable[[Group, Place, Tensor], Tensor]


@dataclass(frozen=True)
class Put:
    """New values of some places at some tokens; of `only` these entries of a value, where that is said (neurons)."""

    places: tuple[Place, ...]
    new: New
    at: At = None
    but: bool = False
    only: tuple[int, ...] | None = None

    def writes(self, group: Group) -> list[Write]:
        chosen = group.mask(self.at, self.but)[:, :, None]
        return [Write(*place, partial(self._written, group, place, chosen)) for place in self.places]

    def _written(self, group: Group, place: Place, chosen: Tensor, old: Tensor) -> Tensor:
        if self.only is not None:
            entries = torch.zeros(old.shape[-1], dtype=torch.bool)
            entries[list(self.only)] = True
            chosen = chosen & entries
        return torch.where(chosen, self.new(group, place, old).to(old), old)


def of_heads(kind: str, layer: int, *heads: int) -> tuple[Place, ...]:
    return tuple((kind, layer, head) for head in heads)


def zero(group: Group, place: Place, old: Tensor) -> Tensor:
    return torch.zeros_like(old)


def of_run(run: str) -> New:
    """The value in the untouched run on these prompts' counterfactuals (or on themselves, "clean")."""
    return lambda group, place, old: group.values(run)[place]


def without_keys(keys: tuple[str, ...]) -> New:
    """Of a pattern: nothing goes to these keys, and the rest is shared in proportion."""

    def new(group: Group, place: Place, old: Tensor) -> Tensor:
        left = old.masked_fill(group.mask(keys)[:, None, :], 0.0)
        return left / left.sum(-1, keepdim=True)

    return new


def steered(vectors: dict[int, Tensor], change: Callable[[Tensor, Tensor], Tensor]) -> New:
    """`change(value, vector)` in float64, with the vector of the place's layer."""
    return lambda group, place, old: change(old.double(), vectors[place[1]])


CHANGES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "add": lambda here, vector: here + 1.5 * vector,
    "subtract": lambda here, vector: here - 1.5 * vector,
    "project_out": lambda here, vector: here - (here @ vector)[..., None] * vector / (vector @ vector),
}


@dataclass(frozen=True)
class Case:
    """A view, and what it means by hand: puts in the run on the prompts themselves or on a counterfactual of theirs."""

    view: cc.ModelView
    puts: list[Put] = field(default_factory=list)
    run: str = "clean"


class Pair:
    """A model both ways, and the first `n` test prompts of a task. Values are measured in `session`, in blocks of `n`.
    `late` is the later layer of the cases, where it must be a certain one."""

    def __init__(
        self, model: cc.Model, plain: Plain, session: cc.Session, task: cc.Task, n: int, late: int | None = None
    ) -> None:
        self.model, self.plain, self.session, self.n, self.late = model, plain, session, n, late
        self.task = task.on_stream("test")
        assert session.settings.batch == n
        self.prompts = self.sample(n)
        lengths = [len(prompt.tokens) for prompt in self.prompts]
        rows_of = {length: [row for row in range(n) if lengths[row] == length] for length in sorted(set(lengths))}
        self.groups = [Group(plain, rows, [self.prompts[row] for row in rows]) for rows in rows_of.values()]
        self._means: dict[int, dict[str, dict[Place, Tensor]]] = {}
        self._clean: dict[str, np.ndarray] = {}
        self._differences: dict[tuple, dict[int, Tensor]] = {}

    def sample(self, n: int, stream: str = "test"):
        with cc.use_session(self.session):
            return self.task.prompts(n, model=self.model, stream=stream)

    @torch.no_grad()
    def ends(self, puts: Sequence[Put] = (), run: str = "clean") -> Tensor:
        """[prompt, vocabulary]: the logits at END, in float64."""
        found: dict[int, Tensor] = {}
        for group in self.groups:
            logits = self.plain.logits(group.tokens(run), [write for put in puts for write in put.writes(group)])
            found |= {row: logits[at, self.prompts[row].end].double() for at, row in enumerate(group.rows)}
        return torch.stack([found[row] for row in range(self.n)])

    @torch.no_grad()
    def seen(self, puts: Sequence[Put] = (), run: str = "clean") -> list[dict[Place, Tensor]]:
        """For each prompt, every site's value in the run with these puts."""
        found: dict[int, dict[Place, Tensor]] = {}
        for group in self.groups:
            values = self.plain.read_all(group.tokens(run), [write for put in puts for write in put.writes(group)])
            found |= {row: {place: value[at] for place, value in values.items()} for at, row in enumerate(group.rows)}
        return [found[row] for row in range(self.n)]

    def differences(self, ends: Tensor) -> np.ndarray:
        return np.array(
            [
                float(end[prompt.answer_id] - end[prompt.distractor_id])
                for end, prompt in zip(ends, self.prompts, strict=True)
            ]
        )

    def untouched(self, run: str) -> np.ndarray:
        if run not in self._clean:
            self._clean[run] = self.differences(self.ends(run=run))
        return self._clean[run]

    def measured(self, view: cc.ModelView, metric: object = None) -> np.ndarray:
        with cc.use_session(self.session):
            return self.task.metric(metric or cc.logit_diff(), view).values(self.n)

    def measured_all(self, view: cc.ModelView, metrics: Iterable) -> np.ndarray:
        """[metric, prompt], in one plan."""
        with cc.use_session(self.session):
            cells = [cell for metric in metrics for cell in self.task.metric(metric, view).cells]
            return cc.current_session().measure(PromptStream(self.task.definition, "test", 0), cells, range(self.n)).values

    def mean(self, n: int) -> New:
        """The mean over those of the first `n` reference prompts that have the prompt's template, token by token."""

        def new(group: Group, place: Place, old: Tensor) -> Tensor:
            return torch.stack([self._means_over(n)[prompt.template][place] for prompt in group.prompts])

        return new

    @torch.no_grad()
    def _means_over(self, n: int) -> dict[str, dict[Place, Tensor]]:
        if n not in self._means:
            reference = self.sample(n, "reference")
            found = {}
            for template in dict.fromkeys(prompt.template for prompt in self.prompts):
                tokens = torch.tensor([prompt.tokens for prompt in reference if prompt.template == template])
                values = self.plain.read_all(tokens)
                found[template] = {place: value.double().mean(0) for place, value in values.items()}
            self._means[n] = found
        return self._means[n]

    def mean_differences(self, site: str, layers: Sequence[int], at: str, minus: str, n: int) -> dict[int, Tensor]:
        """For each layer, over the first `n` prompts of the discovery stream."""
        key = (site, tuple(layers), at, minus, n)
        if key not in self._differences:
            self._differences[key] = self._mean_differences(*key)
        return self._differences[key]

    @torch.no_grad()
    def _mean_differences(self, site, layers, at, minus, n) -> dict[int, Tensor]:
        found: dict[int, list[Tensor]] = {layer: [] for layer in layers}
        for prompt in self.sample(n, "discovery"):
            values = self.plain.read_all(torch.tensor([prompt.tokens]))
            (here,), (there,) = columns(prompt, (at,)), columns(prompt, (minus,))
            for layer in layers:
                value = values[site, layer, None][0].double()
                found[layer].append(value[here] - value[there])
        return {layer: torch.stack(each).mean(0) for layer, each in found.items()}

    def check(self, case: Case, tolerance: float, margin: float) -> None:
        """The same differences both ways, which are not those of the untouched run."""
        expected = self.differences(self.ends(case.puts, case.run))
        assert np.abs(expected - self.untouched(case.run)).max() > margin, "this case would pass without an intervention"
        np.testing.assert_allclose(self.measured(case.view), expected, rtol=0, atol=tolerance)
