"""Ablations whose kernels are wrong in the ways in which hooks are: those of `circuitcheck.testing`, and more for z."""

from dataclasses import replace

from circuitcheck.engine.torch.kernels.base import writes_of
from circuitcheck.places import parse_at, parse_targets
from circuitcheck.plan import Ablate
from circuitcheck.testing import BUGS, Broken


def buggy(model, bug: str, units: str, at: str | None) -> Broken:
    """A zero ablation that goes wrong."""
    ablation = Ablate(parse_targets(units, model.architecture), "zero", parse_at(at))
    return Broken(ablation, bug, OF_Z[bug] if bug in OF_Z else BUGS[bug].make)


def _of(**fewer):
    """What an honest kernel writes that sees only part of the intervention."""

    def writes(honest, intervention, batch):
        part = replace(intervention, **{name: getattr(intervention, name)[:count] for name, count in fewer.items()})
        return writes_of.dispatch(Ablate)(part, batch, None)

    return writes


def _of_z(edit):
    """A hook on z [prompt, pos, head, d_head] that puts zeros at `edit(head, columns)` of a clone."""

    def writes(honest, intervention, batch):
        def function(value):
            new = value.clone()
            for site in intervention.sites:
                new[edit(site.index, batch.columns(batch.prompts[0], intervention.at))] = 0
            return new

        return [replace(write, function=function) for write in honest]

    return writes


EVERY = slice(None)
OF_Z = {
    "head on the position axis": _of_z(lambda head, columns: (EVERY, head)),
    "head on the prompt axis": _of_z(lambda head, columns: (head,)),
    "head on the last axis": _of_z(lambda head, columns: (EVERY, columns, EVERY, head)),
    "first prompt only": _of_z(lambda head, columns: (0, columns, head)),
    "first token only": _of(at=1),
    "first head only": _of(sites=1),
}
