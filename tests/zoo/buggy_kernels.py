"""Ablations whose kernels are wrong in the ways in which hooks are."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from circuitcheck.engine.torch.batch import Batch
from circuitcheck.engine.torch.kernels import Sources, writes_of
from circuitcheck.engine.torch.sites import Write
from circuitcheck.plan import Ablate, parse_at, parse_targets


@dataclass(frozen=True)
class Buggy(Ablate):
    """A zero ablation that goes wrong: `bug` is a name in BUGS."""

    bug: str = ""


def buggy(model, bug: str, units: str, at: str | None) -> Buggy:
    return Buggy(parse_targets(units, model.architecture), "zero", parse_at(at), bug=bug)


@writes_of.register
def _(intervention: Buggy, batch: Batch, sources: Sources) -> list[Write]:
    honest = writes_of.dispatch(Ablate)(intervention, batch, sources)
    return BUGS[intervention.bug](honest, intervention, batch)


def _each(make) -> Callable[[list[Write], Buggy, Batch], list[Write]]:
    """Every write's function replaced by `make(write, intervention, batch)`."""

    def writes(honest, intervention, batch):
        return [replace(write, function=make(write, intervention, batch)) for write in honest]

    return writes


def _edits_in_place(write, intervention, batch):
    def function(value):
        value.copy_(write.function(value))
        return value

    return function


def _edits_in_place_and_returns_none(write, intervention, batch):
    def function(value):
        value.copy_(write.function(value))

    return function


def _edits_in_place_through_data(write, intervention, batch):
    def function(value):
        value.data.copy_(write.function(value))
        return value

    return function


def _returns_none(write, intervention, batch):
    def function(value):
        value = write.function(value)

    return function


def _edits_a_clone_in_place_and_returns_the_original(write, intervention, batch):
    def function(value):
        value.clone().copy_(write.function(value))
        return value

    return function


def _edits_other_heads_through_data(write, intervention, batch):
    """Beside the write that was asked for."""

    def function(value):
        value.data[:, :, 0] = 0
        return write.function(value)

    return function


def _of(**fewer):
    """What an honest kernel writes that sees only part of the intervention."""

    def writes(honest, intervention, batch):
        part = replace(intervention, **{name: getattr(intervention, name)[:count] for name, count in fewer.items()})
        return writes_of.dispatch(Ablate)(part, batch, None)

    return writes


def _of_z(edit):
    """A hook on z [prompt, pos, head, d_head] that puts zeros at `edit(head, columns)` of a clone."""

    def make(write, intervention, batch):
        def function(value):
            new = value.clone()
            for site in intervention.sites:
                new[edit(site.index, batch.columns(batch.prompts[0], intervention.at))] = 0
            return new

        return function

    return make


EVERY = slice(None)
BUGS = {
    "edits in place": _each(_edits_in_place),
    "edits in place, returns None": _each(_edits_in_place_and_returns_none),
    "edits in place through .data": _each(_edits_in_place_through_data),
    "edits other heads through .data": _each(_edits_other_heads_through_data),
    "returns None": _each(_returns_none),
    "edits a clone, returns the original": _each(_edits_a_clone_in_place_and_returns_the_original),
    "head on the position axis": _each(_of_z(lambda head, columns: (EVERY, head))),
    "head on the prompt axis": _each(_of_z(lambda head, columns: (head,))),
    "head on the last axis": _each(_of_z(lambda head, columns: (EVERY, columns, EVERY, head))),
    "the next head": _each(_of_z(lambda head, columns: (EVERY, columns, head + 1))),
    "the token before": _each(_of_z(lambda head, columns: (EVERY, [each - 1 for each in columns], head))),
    "all heads": _each(_of_z(lambda head, columns: (EVERY, columns))),
    "all tokens": _each(_of_z(lambda head, columns: (EVERY, EVERY, head))),
    "first prompt only": _each(_of_z(lambda head, columns: (0, columns, head))),
    "first token only": _of(at=1),
    "first head only": _of(sites=1),
    "first layer only": lambda honest, intervention, batch: honest[:1],
    "next layer": lambda honest, intervention, batch: [replace(each, layer=each.layer + 1) for each in honest],
    "another kind of site": lambda honest, intervention, batch: [replace(each, kind="q") for each in honest],
    "no write": lambda honest, intervention, batch: [],
    "one token's shape": _each(lambda write, intervention, batch: lambda value: write.function(value)[:, -1:]),
    "another dtype": _each(lambda write, intervention, batch: lambda value: write.function(value).double()),
}
