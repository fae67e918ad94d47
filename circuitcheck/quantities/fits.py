"""The check-up of a dictionary: how well it fits a model's values on a task or on text."""

from dataclasses import dataclass, replace

import numpy as np

from circuitcheck.arguments import known_arguments
from circuitcheck.errors import BadIntervention, BadTask
from circuitcheck.given import checked_number, checked_whole
from circuitcheck.places import parse_at
from circuitcheck.plan import KLFromClean, Loss, View
from circuitcheck.quantities.dictionaries import Dictionary
from circuitcheck.quantities.feature_views import At
from circuitcheck.quantities.metrics import checked_dictionary
from circuitcheck.quantities.questions.conditions import conditions_of
from circuitcheck.quantities.questions.estimate import Estimate
from circuitcheck.quantities.questions.fit import to_look_up
from circuitcheck.quantities.task import Task
from circuitcheck.quantities.views import ModelView, as_view
from circuitcheck.sampling import Estimand, RatioOfMeans, Values, estimate
from circuitcheck.session import current_session


@dataclass(frozen=True, repr=False)
class Fit:
    """Of a dictionary on `prompts` of a task's discovery stream, at the tokens `at` (None: all). `explained_variance` is 1
    minus the share that is not explained; `l0` the number of features active at a token; `kl` and `loss` what splicing the
    reconstruction in does to the next token at END (in nats), `loss` as the difference from the untouched model; `alive` the
    share of features that fire on any of these tokens."""

    dictionary: str
    at: str
    prompts: int
    explained_variance: Estimate
    l0: Estimate
    kl: Estimate
    loss: Estimate
    alive: float

    @property
    def unexplained_variance(self) -> float:
        return 1 - self.explained_variance.value

    def __repr__(self) -> str:
        lines = [f"{self.dictionary} at {self.at}, {self.prompts} prompts of the discovery stream"]
        named = (
            ("explained variance", self.explained_variance),
            ("features active at a token (L0)", self.l0),
            ("KL of the splice", self.kl),
            ("loss of the splice, less the clean one", self.loss),
        )
        lines += [f"  {name}: {found.value:.4g} [{found.low:.4g}, {found.high:.4g}]" for name, found in named]
        return "\n".join([*lines, f"  features that fire on any of them: {self.alive:.1%}"])


@known_arguments
def fit(
    dictionary: Dictionary, task: Task, model: ModelView, *, at: At = None, n: int = 256, confidence: float = 0.95
) -> Fit:
    """The check-up of a dictionary: explained variance, L0, KL and loss of the splice, each with an interval, and the share
    of features that fire, at the tokens `at` (None: all) of `n` prompts of the discovery stream. At one position the values
    may hardly differ: there is little variance to explain then.

    Raises BadDictionary for another model's, BadIntervention for a view with interventions, BadTask for a task without
    prompts, UnknownPosition.
    """
    ref, view = checked_dictionary(dictionary, "fit()").ref, as_view(model, "fit()")
    if view.data != View(view.data.model):
        raise BadIntervention(f"fit() reads the untouched model, and got {view!r}: give the model itself.")
    n = checked_whole("n", n, BadTask, 2)
    level = checked_number("confidence", confidence, ValueError, "a number such as 0.95")
    session, looks = current_session(), task.on_stream("discovery")
    splice = view.through(dictionary, at=at, error="drop")
    kl = looks.metric(KLFromClean(), splice)
    where = to_look_up(kl.prompts)
    rows = range(min(n, session.population(where, [view.card.ref])))
    if not rows:
        raise BadTask(f"task {task.name!r} has no prompts in its discovery stream: nothing can be looked at.")
    found = session.reconstruct(where, view.card.ref, ref, parse_at(at), rows)
    units = conditions_of(kl, session.settings).grouping.in_units

    def ratio(label: str, above: Values, below: Values) -> Estimate:
        def build(part: Values) -> Estimand:
            return RatioOfMeans(units(part[0]), units(part[1]))

        columns = np.stack([above, below])
        drawn = estimate(lambda wanted: columns[:, wanted], build, len(rows), level, None)
        if np.ptp(above / below) == 0:  # as many features at every token: k of a TopK dictionary
            drawn = replace(drawn, low=drawn.estimate, high=drawn.estimate)
        return Estimate.of(label, "discovery", drawn)

    return Fit(
        str(ref),
        "every token" if at is None else str(at),
        len(rows),
        ratio("explained variance", found.variance - found.error, found.variance),
        ratio("L0", found.active, found.tokens),
        kl.estimate(len(rows), confidence=level),
        (looks.metric(Loss(), splice) - looks.metric(Loss(), view)).estimate(len(rows), confidence=level),
        float(found.fires.mean()),
    )
