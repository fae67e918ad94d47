"""Tasks as a user holds them: prompts to look at, and quantities to claim things about."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from circuitcheck.arguments import known_arguments
from circuitcheck.places import Site, Sites, check_sites
from circuitcheck.plan import Accuracy, Cell, LogitDiff, LogProb, Loss, Metric, View
from circuitcheck.quantities.attribution import attribution_of, lens_of
from circuitcheck.quantities.dictionaries import FeatureSet
from circuitcheck.quantities.expressions.linear import Linear
from circuitcheck.quantities.masks import masked
from circuitcheck.quantities.metrics import as_metric, metric_hints
from circuitcheck.quantities.quantity import Quantity
from circuitcheck.quantities.sweeps.axis import Axis
from circuitcheck.quantities.sweeps.sweep import Sweep
from circuitcheck.quantities.task_needs import bound_to_task, check_metric, counterfactual_named
from circuitcheck.quantities.task_prompts import TaskPrompts
from circuitcheck.quantities.view_arguments import refuse_another
from circuitcheck.quantities.views import ModelView, as_view
from circuitcheck.session import current_session
from circuitcheck.text import no_attribute


@dataclass(frozen=True, repr=False)
class Task(TaskPrompts):
    """A task's prompts and metrics. Claims draw prompts from its `test` stream; looks outside of claims (`estimate`,
    `values`, `sample`) from `discovery`, so that what was chosen by looking is not judged on the same prompts.
    `on_stream` says otherwise: `chosen` is then the stream of both.

    What is asked of prompts alone takes a model or its spec (`task.prompts(5, model="gpt2")`), and loads no weights."""

    @known_arguments
    def where(self, condition: object, *, prompts: int = 1024) -> "Task":
        """This task with those of its first `prompts` prompts on which `condition` holds, prompt by prompt, such as
        `task.logit_diff(model) > 0`. It is measured at once; results say how many were kept.

        Raises NotComparable for what is no comparison of a number per prompt of this task, BadTask where none is left.
        """
        return replace(self, definition=masked(self.definition, self.stream, condition, prompts))

    @known_arguments
    def logit_diff(self, view: ModelView) -> Quantity:
        """Mean over prompts of the answer's logit minus the distractor's (their first tokens), at END.

        Raises BadMetric for a task without distractors, and when it is measured, where the two share their first token.
        """
        return self.metric(LogitDiff(), view)

    @known_arguments
    def accuracy(self, view: ModelView) -> Quantity:
        """Share of prompts whose answer has the largest logit of the whole vocabulary."""
        return self.metric(Accuracy(), view)

    @known_arguments
    def log_prob(self, view: ModelView) -> Quantity:
        """Mean over prompts of the log-probability of the whole answer in nats, teacher-forced over its tokens."""
        return self.metric(LogProb(), view)

    @known_arguments
    def loss(self, view: ModelView) -> Quantity:
        """Mean over prompts of minus the log-probability of the next token, in nats."""
        return self.metric(Loss(), view)

    @known_arguments
    def attribution(
        self,
        view: ModelView,
        sites: Sites | FeatureSet,
        *,
        toward: str | int = "answer-distractor",
        at: str = "END",
        key: str | Iterable[str] | None = None,
    ) -> Quantity:
        """Mean over prompts of what `sites`, together, write to the answer's logit minus the distractor's along the direct
        path: through the final norm, with the scale that it has in this run of `view`, and the unembedding, before any
        softcap (direct logit attribution, Elhage et al. 2021).

        `sites` are `embed`, `pos_embed`, heads (`L9H9`, without the output's bias), layers (`L9.attn`, `L9.mlp`, with
        theirs), neurons, a stream (`L9.resid_pre`), and `bias`: that of every attention output (`L9.b_O`) and of the final
        norm and the unembedding (`b_U`). All parts of a model add up to `logit_diff`; every run is checked for it.
        `toward` is "answer" for its logit alone, or one token, as text or by number; `at` is one token. Of features of a
        dictionary (`q[7]`) it is what they write at the dictionary's site. `key` names tokens, and of heads only what they
        bring from there is counted: their attention to it, times its values.

        Raises UnknownSite, UnknownPosition; BadMetric for a site without a direct path, parts within parts, and when it is
        measured, for a run whose parts do not add up.
        """
        view = as_view(view, f"task {self.name!r}")
        return self.metric(attribution_of(view, sites, toward, at, key), view)

    @known_arguments
    def lens(
        self, view: ModelView, site: str | Site, *, toward: str | int = "answer-distractor", at: str = "END"
    ) -> Quantity:
        """Mean over prompts of the logit difference that the stream at `site`, such as "L5.resid_post", would give were it
        the last one: read by the final norm, with the scale of this stream, and the unembedding (logit lens, nostalgebraist
        2020). Of the last layer's `resid_post` it is `logit_diff`. `toward` and `at` are as in `attribution`.

        Raises UnknownSite, UnknownPosition; BadMetric for what is no stream.
        """
        view = as_view(view, f"task {self.name!r}")
        return self.metric(lens_of(view, site, toward, at), view)

    @known_arguments
    def metric(self, metric: str | Metric | Callable[[Any, Any], Any], view: ModelView) -> Quantity:
        """Mean over prompts of `metric` in `view`: one such as `cc.rank()`, the name of one ("rank", or one that an
        extension registered). A function of (logits, prompts) is a metric of this process only.

        Raises UnknownPosition, UnknownCounterfactual, BadMetric, TypeError.
        """
        found, view = as_metric(metric), as_view(view, f"task {self.name!r}")
        check_metric(self.definition, found)
        for dictionary in found.dictionaries:
            current_session().check_fits(dictionary, view.card.ref)
        bound = bound_to_task(self.definition, view.data, current_session().settings.seed)
        cell = Cell(bound, found)
        check_sites(found.sites, view.card.architecture)
        shown = "model" if view.data == View(view.data.model) else view.data.describe()
        return Quantity(self._prompts(), Linear(((1.0, cell),)), None, f"{self._label}.{found.name}({shown})")

    @known_arguments
    def recovered(self, view: ModelView, against: str | None = None) -> Quantity:
        """(m(view) - m(counterfactual)) / (m(clean) - m(counterfactual)) with m the logit difference, a ratio of means:
        1 is the untouched model, 0 the counterfactual. `against` defaults to the first counterfactual.

        Raises UnknownCounterfactual; for a task without any, use a ratio of two quantities. BadIntervention for a view of
        another counterfactual than the first, where `against` does not say which one is meant.
        """
        view = as_view(view, f"task {self.name!r}")
        name = counterfactual_named(self.definition, against, f"recovered({view.data.describe()})")
        if against is None:
            refuse_another(view.data, name)
        clean = replace(view, data=View(view.data.model))
        low = self.logit_diff(clean.on(name))
        ratio = (self.logit_diff(view) - low) / (self.logit_diff(clean) - low)
        shown = "model" if view.data == clean.data else view.data.describe()
        return replace(ratio, label=f"{self._label}.recovered({shown}; against {name})")

    def sweep(
        self, function: Callable[..., Quantity], *axes: Axis, null: object = "untouched", title: str = "", code: str = ""
    ) -> Sweep:
        """Many numbers at once: `function(task, *coordinates)` gives the quantity of each combination of coordinates of the
        `axes` (`cc.axis("layer", "L0-3")`), all on the same prompts; docs/search.md shows it.

        `null` says what a cell is that does nothing, from which marks tell it: "untouched", the same number without its
        interventions (0 where a cell has none); or a number, or a quantity. `title` stands over pictures; `code`, an
        expression that makes this sweep, lets `grid.claims` write it down.

        Raises BadSweep for what is no axis, two of one name, or what is no function.
        """
        return Sweep(self, function, axes, null, title, code)

    if not TYPE_CHECKING:  # type checkers know what is there

        def __getattr__(self, name):
            raise no_attribute(self, name, metric_hints())

    @property
    def _label(self) -> str:
        """Its name as a part of an expression."""
        return f"({self.name})" if " " in self.name else self.name
