"""The check-up of a dictionary: how well it fits a model's values on a task or on text."""

from dataclasses import dataclass

import numpy as np

from circuitcheck.errors import BadTask
from circuitcheck.given import checked_number, checked_whole, known_arguments
from circuitcheck.places import parse_position
from circuitcheck.plan import KLFromClean, Loss
from circuitcheck.quantities.dictionaries import Dictionary
from circuitcheck.quantities.metrics import checked_dictionary
from circuitcheck.quantities.models import ModelView, as_view
from circuitcheck.quantities.questions.conditions import conditions_of
from circuitcheck.quantities.questions.estimate import Estimate
from circuitcheck.quantities.questions.fit import Parts, encoded
from circuitcheck.quantities.task import Task
from circuitcheck.sampling import Estimand, RatioOfMeans, Values, estimate, mean_of
from circuitcheck.session import current_session


@dataclass(frozen=True, repr=False)
class Fit:
    """Of a dictionary on `prompts` of a task's discovery stream, at one token. `explained_variance` is 1 minus the share
    that is not explained; `l0` the number of active features; `kl` and `loss` what splicing the reconstruction in does to
    the next token (in nats), `loss` as the difference from the untouched model; `alive` the share of features that fire on
    any of these prompts."""

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
            ("active features (L0)", self.l0),
            ("KL of the splice", self.kl),
            ("loss of the splice, less the clean one", self.loss),
        )
        lines += [f"  {name}: {found.value:.4g} [{found.low:.4g}, {found.high:.4g}]" for name, found in named]
        return "\n".join([*lines, f"  features that fire on any of them: {self.alive:.1%}"])


@known_arguments
def fit(
    dictionary: Dictionary, task: Task, model: ModelView, *, at: str = "END", n: int = 256, confidence: float = 0.95
) -> Fit:
    """The check-up of a dictionary: explained variance, L0, KL and loss of the splice, each with an interval, and the share
    of features that fire, at the position `at` of `n` prompts of the discovery stream.

    Raises BadDictionary for another model's, BadTask for a task without prompts, UnknownPosition.
    """
    ref, view = checked_dictionary(dictionary, "fit()").ref, as_view(model, "fit()")
    n = checked_whole("n", n, BadTask, 2)
    level = checked_number("confidence", confidence, ValueError, "a number such as 0.95")
    splice = view.through(dictionary, at=at, error="drop")
    quantity = task.on_stream("discovery").metric(KLFromClean(), splice)
    found = encoded(quantity.prompts, view.card.ref, ref, parse_position(at), n)
    if found is None:
        raise BadTask(f"task {task.name!r} has no prompts in its discovery stream: nothing can be looked at.")
    parts, rows = Parts.of(found), len(found.activations)
    loss = task.on_stream("discovery").metric(Loss(), splice) - task.on_stream("discovery").metric(Loss(), view)
    units = conditions_of(quantity, current_session().settings).sampling_units or (lambda values: values)

    def looked_up(label: str, *columns: Values) -> Estimate:
        values = np.stack(columns)

        def build(part: Values) -> Estimand:
            first = units(part[0])
            return mean_of(first, None, None) if len(part) == 1 else RatioOfMeans(first, units(part[1]))

        return Estimate.of(label, "discovery", estimate(lambda wanted: values[:, wanted], build, rows, level, None))

    return Fit(
        str(ref),
        at,
        rows,
        looked_up("explained variance", parts.variance - parts.error, parts.variance),
        looked_up("L0", parts.active),
        quantity.estimate(rows, confidence=level),
        loss.estimate(rows, confidence=level),
        parts.alive,
    )
