"""What an intervention is to those who run it: data. What it does to tensors is a kernel, registered by its type."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, Self, runtime_checkable

from circuitcheck.digest import digest
from circuitcheck.plan.positions import AllBut, At, named_in
from circuitcheck.plan.sites import Site, SiteKind
from circuitcheck.plan.units import Unit, compact

MeanBy = Literal["template", "tokens"]
PickCounterfactual = Callable[[str | None, str], str]  # (name or None for the task's first, who asks) -> name


@dataclass(frozen=True)
class StreamMean:
    """The mean of a site over `n` prompts of a task's reference stream: `by` template (and token counts), position by
    position, or over all their tokens."""

    task: str
    n: int
    seed: int
    by: MeanBy = "template"


@dataclass(frozen=True)
class Resample:
    """A site's value in another prompt: for each prompt one of the first `n` of a task's reference stream, drawn among those
    of the same template and token counts (`by` tokens: of the same length) and the same values of the slots `matching`;
    where there is none, one of the first 2n, and so on."""

    task: str
    n: int
    seed: int
    by: MeanBy = "template"
    matching: tuple[str, ...] = ()


Source = str | StreamMean | Resample


@dataclass(frozen=True)
class Need:
    """A value from another run. `source`: "clean" or a counterfactual's name, a run without interventions; a mean over a
    stream; or another prompt of it."""

    site: Site
    at: At
    source: Source


@runtime_checkable
class Intervention(Protocol):
    """A change to a run, as data. `bind` makes the parts explicit that depend on the task it is measured on.

    `writes` gives the sites and positions that it changes, `looks_at` further positions that it names. `unit_sets` are the
    sets of units that it acts on, each of which `swap_units` can replace as a whole: that is how a claim about some units is
    compared with the same claim about others. Swapped in units may turn out to do nothing.
    """

    @property
    def allow_vacuous(self) -> bool: ...
    @property
    def freezes(self) -> tuple[SiteKind, ...]:
        """Kinds of sites that are held still everywhere, in runs that this one takes its values from."""
        ...

    @property
    def needs(self) -> tuple[Need, ...]: ...
    @property
    def writes(self) -> tuple[tuple[Site, At], ...]: ...
    @property
    def looks_at(self) -> tuple[At, ...]: ...
    @property
    def unit_sets(self) -> tuple[tuple[Unit, ...], ...]: ...
    @property
    def digest(self) -> str: ...
    def describe(self) -> str: ...
    def bind(self, *, task: str, mean_by: MeanBy, counterfactual: PickCounterfactual, seed: int) -> Self: ...
    def swap_units(self, old: tuple[Unit, ...], new: tuple[Unit, ...]) -> Self: ...


class Unbound:
    """What holds for interventions that take nothing from other runs, act on no set of units, and hold nothing still."""

    freezes: ClassVar[tuple[SiteKind, ...]] = ()

    @property
    def needs(self) -> tuple[Need, ...]:
        return ()

    @property
    def unit_sets(self) -> tuple[tuple[Unit, ...], ...]:
        return ()

    @property
    def digest(self) -> str:
        return digest(self)

    def swap_units(self, old: tuple[Unit, ...], new: tuple[Unit, ...]) -> Self:  # noqa: ARG002 - the protocol's signature
        return self

    def bind(self, *, task: str, mean_by: MeanBy, counterfactual: PickCounterfactual, seed: int) -> Self:  # noqa: ARG002
        return self


def where(at: At) -> str:
    """Positions in words."""
    if at is None:
        return "everywhere"
    return f"{'everywhere but ' if isinstance(at, AllBut) else ''}at " + ", ".join(map(str, named_in(at)))


def listed(things: tuple[object, ...]) -> str:
    return ", ".join(compact(map(str, things)))
