"""Heads whose output is scaled, how far the answer is ahead of every other token, and whose thing is whose."""

from dataclasses import dataclass
from functools import partial

import circuitcheck as cc
from circuitcheck import ext


@dataclass(frozen=True)
class Scale(ext.InterventionBase):
    """`factor` times the outputs of heads, at positions: half a head, or two of it."""

    heads: tuple[ext.Site, ...]
    factor: float
    at: ext.At

    def __post_init__(self):
        if self.factor == 1:
            raise ValueError("factor=1 changes nothing; expected another number")

    @property
    def writes(self):
        return tuple((site, self.at) for site in self.heads)

    @property
    def part_sets(self):
        return (ext.parts_of(self.heads),)

    def swap_parts(self, old, new):
        """So that `beats(cc.random_heads(...))` can put other heads in the place of these."""
        heads = ext.with_parts(self.heads, old, new)
        return self if heads == self.heads else Scale(heads, self.factor, self.at)

    def describe(self):
        return f"{self.factor:g} times {ext.listed(self.heads)} {ext.where(self.at)}"


def scaled(model, heads, *, factor, at=None):
    """A view of `model` in which the outputs of `heads` are `factor` times what they were."""
    sites = ext.parse_sites(heads, model.card.architecture)
    return model.intervene(Scale(sites, factor, ext.parse_at(at)))


@ext.register_kernel(Scale)
def kernel(intervention, batch, sources):
    """One write for each layer: all of its heads at once."""
    rows, columns = batch.where(intervention.at)
    layers = {}
    for site in intervention.heads:
        layers.setdefault(site.layer, []).append(site.index)
    return [
        ext.Write(
            "z",
            layer,
            partial(times, places=ext.place("z", indices, rows, columns), factor=intervention.factor),
        )
        for layer, indices in layers.items()
    ]


def times(value, *, places, factor):
    """A new tensor: the given one may be read by others."""
    new = value.clone()
    new[places] = factor * value[places]
    return new


@dataclass(frozen=True)
class Margin(ext.MetricBase):
    """The answer's logit minus the largest of all other tokens."""

    name = "margin"
    tokens = "all"
    support = "real"


@ext.register_readout(Margin)
def margin(metric, seen):
    """One number for each prompt, of logits [prompt, vocab]."""
    import torch

    answers = torch.tensor([prompt.answer_id for prompt in seen.prompts], device=seen.logits.device)[:, None]
    others = seen.logits.scatter(1, answers, -torch.inf).amax(dim=1)
    return seen.logits.gather(1, answers)[:, 0] - others


def belongings():
    """What two people have, and that of the first again: "Mary has a book. John has a ring. Mary has a" -> " book"."""
    return cc.Task.define(
        "belongings",
        templates={
            "has": "{A} has a {X}. {B} has a {Y}. {Q} has a",
            "took": "{A} took the {X}, and {B} took the {Y}. {Q} has the",
        },
        pools={
            "name": "Mary John Tom Anna Paul Kate Jack Emma".split(),
            "thing": "book ring basket flower gift bone computer kiss drink ball".split(),
        },
        draw={"A": "name", "B": "name", "X": "thing", "Y": "thing"},
        slots={"Q": "A"},
        answer="X",
        distractor="Y",
        counterfactuals={"swap": {"X": "Y", "Y": "X"}},
        tokens=None,
        answer_tokens=None,
    )


def register():
    """What the entry point names: called once, before the first model is loaded."""
    ext.register_metric("margin", Margin())
    ext.register_task("belongings", belongings)
