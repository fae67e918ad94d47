"""Tasks as a user holds them: prompts to look at, and quantities to claim things about."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from circuitcheck.errors import BadTask, UnknownCounterfactual, UnknownPosition
from circuitcheck.plan import CLEAN, Accuracy, Cell, LogitDiff, Metric, View
from circuitcheck.prompts import STREAMS, Prompt, TaskDefinition
from circuitcheck.quantities.linear import Linear
from circuitcheck.quantities.metrics import as_metric
from circuitcheck.quantities.models import ModelView
from circuitcheck.quantities.quantity import Prompts, Quantity
from circuitcheck.session import current_session


@dataclass(frozen=True)
class Task:
    """A task's prompts and metrics. `stream` is where its quantities draw prompts: claims use `test`."""

    definition: TaskDefinition
    stream: str = "test"

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def positions(self) -> tuple[str, ...]:
        return self.definition.positions

    @property
    def counterfactuals(self) -> tuple[str, ...]:
        return self.definition.counterfactual_names

    def on_stream(self, stream: str) -> "Task":
        """This task with quantities on another stream: look around on `discovery`, claim on `test`. Raises BadTask."""
        if stream not in STREAMS:
            raise BadTask(f"{stream!r} is not a stream; there are {', '.join(STREAMS)}.")
        return replace(self, stream=stream)

    def sample(self, n: int, *, model: ModelView, seed: int = 0, stream: str | None = None) -> tuple[Prompt, ...]:
        """The first `n` prompts of a stream for this model's tokenizer. Raises EmptyPool, BadTask."""
        return current_session().prompts(self.definition, model.card.ref, stream or self.stream, seed, range(n))

    def logit_diff(self, view: ModelView) -> Quantity:
        """Mean over prompts of the answer's logit minus the distractor's, at the prompt's last token."""
        return self.measure(LogitDiff(), view)

    def accuracy(self, view: ModelView) -> Quantity:
        """Share of prompts whose answer has the largest logit of the whole vocabulary."""
        return self.measure(Accuracy(), view)

    def measure(self, metric: Metric | Callable[[Any, Any], Any], view: ModelView) -> Quantity:
        """Mean over prompts of `metric` in `view`. A function of (logits, prompts) is a metric of this process only.

        Raises UnknownPosition, UnknownCounterfactual, TypeError.
        """
        found = as_metric(metric)
        cell = Cell(self._bound(view), found)
        shown = "model" if view.data == View(view.data.model) else view.data.describe()
        return Quantity(self._prompts(), Linear(((1.0, cell),)), None, f"{self.name}.{found.name}({shown})")

    def recovered(self, view: ModelView, against: str | None = None) -> Quantity:
        """(m(view) - m(counterfactual)) / (m(clean) - m(counterfactual)) with m the logit difference, a ratio of means:
        1 is the untouched model, 0 the counterfactual. `against` defaults to the first counterfactual.

        Raises UnknownCounterfactual; for a task without any, use a ratio of two quantities.
        """
        name = self._counterfactual(against, f"recovered({view.data.describe()})")
        clean = replace(view, data=View(view.data.model))
        low = self.logit_diff(clean.on(name))
        ratio = (self.logit_diff(view) - low) / (self.logit_diff(clean) - low)
        shown = "model" if view.data == clean.data else view.data.describe()
        return replace(ratio, label=f"{self.name}.recovered({shown}; against {name})")

    def __repr__(self) -> str:
        size = f"{len(self.definition.templates)} templates"
        return (
            f"<task {self.name}: {size}, positions {', '.join(self.positions)}, "
            f"counterfactuals {', '.join(self.counterfactuals) or 'none'}, {self.stream} stream>"
        )

    def _prompts(self) -> Prompts:
        return Prompts(self.definition, self.stream, current_session().settings.seed)

    def _bound(self, view: ModelView) -> View:
        """The view with everything explicit that depends on this task, after checking that the task has it."""
        if not isinstance(view, ModelView):
            raise TypeError(f"{view!r} is no model or view; expected cc.load(...) or one of its views.")
        data = view.data
        if data.base != CLEAN:
            self._counterfactual(data.base, view.data.describe())
        for intervention in data.interventions:
            for _, at in intervention.writes:
                for position in at or ():
                    if position.name not in self.positions:
                        raise UnknownPosition(
                            f"task {self.name!r} has no position {position.name!r} (in: {intervention.describe()}); "
                            f"it has {', '.join(self.positions)}."
                        )
        task, seed = self.definition.digest, current_session().settings.seed
        bound = (each.bind(task=task, counterfactual=self._counterfactual, seed=seed) for each in data.interventions)
        return replace(data, interventions=tuple(bound))

    def _counterfactual(self, name: str | None, what: str) -> str:
        names = self.counterfactuals
        if not names:
            instead = " To compare with the clean model instead, divide: quantity(view) / quantity(model)."
            raise UnknownCounterfactual(
                f"task {self.name!r} declares no counterfactual, which {what} needs."
                + (instead if what.startswith("recovered") else " Use another kind of ablation.")
            )
        if name is not None and name not in names:
            raise UnknownCounterfactual(f"task {self.name!r} has no counterfactual {name!r}; it has {', '.join(names)}.")
        return name or names[0]
