"""What an intervention is to those who run it: data. What it does to tensors is a kernel, registered by its type."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol, Self, runtime_checkable

from circuitcheck.digest import digest
from circuitcheck.places.positions import AllBut, At, named_in
from circuitcheck.places.site_kinds import KindName
from circuitcheck.places.sites import Part, Site
from circuitcheck.places.units import Architecture, compact
from circuitcheck.plan.dictionaries import DictionaryRef
from circuitcheck.prompts import MeanBy

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


ValueSource = str | StreamMean | Resample


@dataclass(frozen=True)
class Need:
    """A value from another run. `source`: "clean" or a counterfactual's name, a run without interventions; a mean over a
    stream; or another prompt of it."""

    site: Site
    at: At
    source: ValueSource


@runtime_checkable
class Intervention(Protocol):
    """A change to a run, as data. `bind` makes the parts explicit that depend on the task it is measured on.

    `writes` gives the sites and positions that it changes, `reads` further sites of its own run that it looks at for it,
    `looks_at` further positions that it names, `dictionaries` those of features that it needs. `part_sets` are the sets of
    heads, neurons or features that it acts on, each of which `swap_parts` can replace as a whole: that is how a claim about
    some heads is compared with the same claim about others. Parts that were swapped in may turn out to do nothing.
    """

    @property
    def allow_vacuous(self) -> bool: ...
    @property
    def freezes(self) -> tuple[KindName, ...]:
        """Kinds of sites that are held still everywhere, in runs that this one takes its values from."""
        ...

    @property
    def needs(self) -> tuple[Need, ...]: ...
    @property
    def writes(self) -> tuple[tuple[Site, At], ...]: ...
    @property
    def reads(self) -> tuple[Site, ...]: ...
    @property
    def dictionaries(self) -> tuple[DictionaryRef, ...]: ...
    @property
    def looks_at(self) -> tuple[At, ...]: ...
    @property
    def part_sets(self) -> tuple[tuple[Part, ...], ...]: ...
    @property
    def digest(self) -> str: ...
    def describe(self) -> str: ...
    def bind(self, *, task: str, mean_by: MeanBy, counterfactual: PickCounterfactual, seed: int) -> Self: ...
    def swap_parts(self, old: tuple[Part, ...], new: tuple[Part, ...]) -> Self: ...


class InterventionBase:
    """What holds for interventions that take nothing from other runs, act on no set of units, hold nothing still and must
    change something. One of one's own is a frozen dataclass with this base, `writes` and `describe`; its fields make its
    digest."""

    freezes: ClassVar[tuple[KindName, ...]] = ()

    @property
    def allow_vacuous(self) -> bool:
        return False

    @property
    def writes(self) -> tuple[tuple[Site, At], ...]:
        raise NotImplementedError(f"{type(self).__name__} does not say what it writes")

    @property
    def reads(self) -> tuple[Site, ...]:
        return ()

    @property
    def dictionaries(self) -> tuple[DictionaryRef, ...]:
        return ()

    @property
    def looks_at(self) -> tuple[At, ...]:
        return tuple(dict.fromkeys(at for _, at in self.writes))

    @property
    def needs(self) -> tuple[Need, ...]:
        return ()

    @property
    def part_sets(self) -> tuple[tuple[Part, ...], ...]:
        return ()

    @property
    def digest(self) -> str:
        return digest(self)

    def swap_parts(self, old: tuple[Part, ...], new: tuple[Part, ...]) -> Self:  # noqa: ARG002 - the protocol's signature
        return self

    def bind(self, *, task: str, mean_by: MeanBy, counterfactual: PickCounterfactual, seed: int) -> Self:  # noqa: ARG002
        return self


def held_still(intervention: Intervention, architecture: Architecture) -> list[tuple[KindName, int]]:
    """The (site kind, layer) that an intervention holds still, at the values of the pass that it acts in."""
    kinds = [kind for kind in intervention.freezes if not (kind == "mlp_out" and architecture.attn_only)]
    return [(kind, layer) for kind in kinds for layer in range(architecture.n_layers)]


def where(at: At) -> str:
    """Positions in words."""
    if at is None:
        return "everywhere"
    return f"{'everywhere but ' if isinstance(at, AllBut) else ''}at " + ", ".join(map(str, named_in(at)))


def listed(sites: tuple[Site, ...]) -> str:
    """Sites in words, outputs by their units."""
    return ", ".join(compact(site.words for site in sites))
