"""A view: a model with interventions, as data. The model itself never changes."""

from dataclasses import dataclass, field, replace

from circuitcheck.digest import digest
from circuitcheck.places.sites import Part
from circuitcheck.plan.interventions import Intervention
from circuitcheck.plan.references import CLEAN, ModelRef


@dataclass(frozen=True)
class View:
    """`base` says which prompts are run: the clean ones, or a counterfactual of each, scored on the clean answers."""

    model: ModelRef
    base: str = CLEAN
    interventions: tuple[Intervention, ...] = ()
    _digest: str = field(init=False, repr=False, compare=False, metadata={"digest": False})

    def __post_init__(self) -> None:
        parts = (self.model.fingerprint, self.base, tuple(each.digest for each in self.interventions))
        object.__setattr__(self, "_digest", digest(parts))

    @property
    def digest(self) -> str:
        return self._digest

    def then(self, intervention: Intervention) -> "View":
        """This view with one more intervention, applied after the others where they meet."""
        return replace(self, interventions=(*self.interventions, intervention))

    def swap_parts(self, old: tuple[Part, ...], new: tuple[Part, ...]) -> "View":
        """This view with the parts `new` wherever an intervention is on exactly the parts `old`."""
        return replace(self, interventions=tuple(each.swap_parts(old, new) for each in self.interventions))

    def describe(self) -> str:
        parts = [] if self.base == CLEAN else [f"on {self.base}"]
        parts += [intervention.describe() for intervention in self.interventions]
        return "; ".join(parts) or "the untouched model"
