"""Views whose features are changed: the methods of a view that take a dictionary."""

from collections.abc import Iterable
from typing import Any, Self

from circuitcheck.arguments import known_arguments
from circuitcheck.engine.protocol import ModelCard
from circuitcheck.errors import BadIntervention
from circuitcheck.given import checked_number
from circuitcheck.places import parse_at
from circuitcheck.plan import Ablate, EditFeatures, Intervention, Reconstruct
from circuitcheck.plan.interventions import ERROR_TERMS, Edit, ErrorTerm, Kind
from circuitcheck.quantities.dictionaries import Dictionary, FeatureSet, as_features
from circuitcheck.session import current_session
from circuitcheck.text import shown

At = str | Iterable[str] | None
_EDITS: dict[Kind, Edit] = {"zero": "remove", "mean": "mean", "counterfactual": "patch", "resample": "resample"}


class FeatureViews:
    """`error` says what becomes of what the dictionary does not reconstruct: with "keep" it stays, so that a site's value
    changes by what the features write and by nothing else; with "drop" the site's value is the reconstruction alone."""

    card: ModelCard

    @known_arguments
    def remove(self, features: FeatureSet, *, at: At = None, error: ErrorTerm = "keep", allow_vacuous: bool = False) -> Self:
        """The activations of `features` become 0 at the positions `at` (None: every token).

        Raises BadIntervention, UnknownPosition, BadDictionary for a dictionary of another model or width; when it is
        measured, VacuousIntervention where they fire on none of the prompts.
        """
        return self._edit(features, "remove", at, error, allow_vacuous=allow_vacuous)

    @known_arguments
    def clamp(
        self,
        features: FeatureSet,
        value: float,
        *,
        at: At = None,
        error: ErrorTerm = "keep",
        allow_vacuous: bool = False,
    ) -> Self:
        """The activations of `features` become `value`, also where they do not fire. Raises what `remove` does."""
        amount = checked_number("clamp(): value", value, BadIntervention, "a finite number")
        return self._edit(features, "clamp", at, error, amount=amount, allow_vacuous=allow_vacuous)

    @known_arguments
    def scale(
        self,
        features: FeatureSet,
        factor: float,
        *,
        at: At = None,
        error: ErrorTerm = "keep",
        allow_vacuous: bool = False,
    ) -> Self:
        """The activations of `features` are multiplied by `factor`; 0 removes them. Raises what `remove` does."""
        amount = checked_number("scale(): factor", factor, BadIntervention, "a finite number")
        if amount == 1 and not allow_vacuous:
            raise BadIntervention("scale(): factor=1 changes nothing that could be measured.")
        return self._edit(features, "scale", at, error, amount=amount, allow_vacuous=allow_vacuous)

    @known_arguments
    def through(self, dictionary: Dictionary, *, at: At = None, error: ErrorTerm = "drop") -> Self:
        """A site's value is replaced by what the dictionary reconstructs; with `error="keep"` by itself, which is a check
        that changes nothing. Raises BadDictionary, BadIntervention, UnknownPosition."""
        if not isinstance(dictionary, Dictionary):
            raise BadIntervention(f"through() got {shown(dictionary)}; expected a dictionary, such as cc.sae(folder).")
        current_session().check_fits(dictionary.ref, self.card.ref)
        kept = _error_term(error)
        return self._then(Reconstruct(dictionary.ref, parse_at(at), kept, allow_vacuous=kept == "keep"))

    def _edit(
        self,
        features: Any,
        edit: Edit,
        at: At,
        error: object = "keep",
        *,
        amount: float | None = None,
        source: str | None = None,
        n: int | None = None,
        matching: tuple[str, ...] = (),
        allow_vacuous: bool = False,
    ) -> Self:
        found = as_features(features, edit)
        current_session().check_fits(found.dictionary.ref, self.card.ref)
        return self._then(
            EditFeatures(
                features=found.plan,
                edit=edit,
                at=parse_at(at),
                amount=amount,
                source=source,
                n=Ablate.n if n is None else n,
                matching=matching,
                error=_error_term(error),
                allow_vacuous=allow_vacuous,
            )
        )

    def _ablate_features(
        self,
        features: FeatureSet,
        kind: Kind,
        at: At,
        source: str | None,
        n: int | None,
        matching: tuple[str, ...],
        *,
        allow_vacuous: bool,
    ) -> Self:
        return self._edit(features, _EDITS[kind], at, source=source, n=n, matching=matching, allow_vacuous=allow_vacuous)

    def _then(self, intervention: Intervention) -> Self:
        raise NotImplementedError


def _error_term(given: object) -> ErrorTerm:
    """Raises BadIntervention for what is no way to treat it."""
    for each in ERROR_TERMS:
        if given == each:
            return each
    raise BadIntervention(
        f"error={shown(given)}; expected 'keep' (what the dictionary does not reconstruct stays) or 'drop' (it is left out)."
    )
