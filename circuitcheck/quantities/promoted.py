"""The tokens that features raise and lower by what they write themselves: a fact of weights, without prompts."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitcheck.arguments import known_arguments
from circuitcheck.errors import BadIntervention
from circuitcheck.given import checked_number, checked_whole
from circuitcheck.plan import ModelRef
from circuitcheck.quantities.dictionaries import FeatureSet, as_features
from circuitcheck.quantities.views import ModelView, as_view
from circuitcheck.session import current_session

Effects = tuple[tuple[str, float], ...]  # (token, effect on its logit)


@dataclass(frozen=True, repr=False)
class Promoted:
    """`up` and `down`: (token, effect on its logit), the largest first. Effects are of one unit of activation, without the
    scale of the last norm: they can be compared with each other, not with logits."""

    features: str
    up: Effects
    down: Effects

    def __contains__(self, token: object) -> bool:
        """Is it among those that are raised most?"""
        return token in [word for word, _ in self.up]

    def __repr__(self) -> str:
        raised, lowered = (", ".join(f"{word!r} {value:+.3g}" for word, value in part) for part in (self.up, self.down))
        return f"<{self.features} raises {raised}; lowers {lowered}>"


@known_arguments
def promotes(features: FeatureSet | Mapping[FeatureSet, float], model: ModelView, k: int = 10) -> Promoted:
    """The `k` tokens whose logits features raise and lower most along the direct path to the unembedding: a feature of z
    goes through the output projection, and the decoder's bias stays out. Of several, the sum, each with its strength:
    `promotes({q[7]: 2.0, mlp[3]: 1.0}, model)`.

    Raises BadIntervention for what are no features, or those of a site without such a path (queries, keys); BadDictionary.
    """
    view, most = as_view(model, "promotes()"), checked_whole("k", k, BadIntervention)
    given = features if isinstance(features, Mapping) else {as_features(features, "promotes()"): 1.0}
    session = current_session()
    parts = [
        session.engine.direct_effect(view.card.ref, found.plan.dictionary, dict.fromkeys(found.numbers, number))
        for found, number in map(_with_strength, given.items())
    ]
    if not parts:
        raise BadIntervention("promotes() got no features; expected some, such as cc.sae(folder)[7].")
    effect = np.sum(parts, axis=0)
    words = " + ".join(str(each) if number == 1 else f"{number:g} * {each}" for each, number in given.items())
    return Promoted(words, *extremes(effect, view.card.ref, most))


def extremes(effect: NDArray[np.float64], model: ModelRef, k: int) -> tuple[Effects, Effects]:
    """The `k` tokens with the largest, and those with the smallest, of the effects [vocab] on a model's logits."""
    tokenizer, order = current_session().tokenizer(model), np.argsort(-effect, kind="stable")
    up, down = (tuple((tokenizer.decode((int(i),)), float(effect[i])) for i in ids) for ids in (order[:k], order[::-1][:k]))
    return up, down


def _with_strength(item: tuple[object, object]) -> tuple[FeatureSet, float]:
    features, strength = item
    return as_features(features, "promotes()"), checked_number("strength", strength, BadIntervention)
