"""Tasks as a user holds them: prompts to look at, and quantities to claim things about."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circuitcheck.arguments import known_arguments
from circuitcheck.errors import BadMetric, BadTask, UnknownCounterfactual, UnknownPosition, VacuousIntervention
from circuitcheck.given import checked_whole
from circuitcheck.notices import say_once
from circuitcheck.places import Position, Site, Sites, check_sites, named_in
from circuitcheck.plan import CLEAN, Accuracy, Cell, Intervention, LogitDiff, LogProb, Loss, Metric, ModelRef, View
from circuitcheck.prompts import STREAMS, Prompt, PromptSource, PromptStream, Stream, TaskDefinition, Template, define_task
from circuitcheck.prompts.cases import Case, make_case
from circuitcheck.prompts.corpora import CorpusSource
from circuitcheck.prompts.records import RecordSource, read_records, write_records
from circuitcheck.prompts.schema.constraints import Constraint
from circuitcheck.prompts.sharing import halves, shared_task
from circuitcheck.prompts.strategy import cases_of
from circuitcheck.quantities.attribution import attribution_of, lens_of
from circuitcheck.quantities.dictionaries import FeatureSet
from circuitcheck.quantities.expressions.linear import Linear
from circuitcheck.quantities.looking import check_something_to_look_at
from circuitcheck.quantities.masks import masked
from circuitcheck.quantities.metrics import as_metric, metric_hints
from circuitcheck.quantities.models import ModelView, Tokenized, as_view, whose_tokenizer
from circuitcheck.quantities.quantity import Quantity
from circuitcheck.quantities.questions.question import current_recorder
from circuitcheck.quantities.sweeps.axis import Axis
from circuitcheck.quantities.sweeps.sweep import Sweep
from circuitcheck.quantities.view_arguments import refuse_another
from circuitcheck.session import current_session
from circuitcheck.text import counted, no_attribute, printable, suggestion

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


_AT_ONCE = 512  # prompts rendered together: enough to be fast, few enough to be small


@dataclass(frozen=True)
class Task:
    """A task's prompts and metrics. Claims draw prompts from its `test` stream; looks outside of claims (`estimate`,
    `values`, `sample`) from `discovery`, so that what was chosen by looking is not judged on the same prompts.
    `on_stream` says otherwise: `chosen` is then the stream of both.

    What is asked of prompts alone takes a model or its spec (`task.prompts(5, model="gpt2")`), and loads no weights."""

    definition: PromptSource
    chosen: Stream | None = None

    @classmethod
    @known_arguments
    def define(
        cls,
        name: str,
        *,
        templates: Mapping[str, str | Template] | Iterable[Template],
        pools: Mapping[str, Iterable[str]],
        draw: Mapping[str, str],
        answer: str,
        distractor: str | None = None,
        candidates: Iterable[str] = (),
        derive: Mapping[str, tuple[str, Mapping[str, str]]] | None = None,
        slots: Mapping[str, str] | None = None,
        counterfactuals: Mapping[str, Mapping[str, str]] | None = None,
        tokens: int | Mapping[str, int | None] | None = 1,
        answer_tokens: int | None = 1,
        constraints: Iterable[Constraint] = (),
        answer_prefix: str = " ",
        chat: bool = False,
        second_cluster: str | None = None,
        pairs: Iterable[str] = (),
    ) -> "Task":
        """A task of your own; docs/prompts.md says what each part means, with an example.

        Raises BadTask for parts that are not what they should be, or do not fit together.
        """
        return cls(
            define_task(
                name,
                templates=templates,
                pools=pools,
                draw=draw,
                answer=answer,
                distractor=distractor,
                candidates=candidates,
                derive=derive,
                slots=slots,
                counterfactuals=counterfactuals,
                tokens=tokens,
                answer_tokens=answer_tokens,
                constraints=constraints,
                answer_prefix=answer_prefix,
                chat=chat,
                second_cluster=second_cluster,
                pairs=pairs,
            )
        )

    @classmethod
    @known_arguments
    def from_records(
        cls, path: str | PathLike[str], *, name: str | None = None, strict: bool = True, population: bool = False
    ) -> "Task":
        """A task from a file of your own prompts, .jsonl, .csv or .parquet; docs/prompts.md has the fields.

        The rows are divided into streams, and it is said how. With `population=True` they are not: claims are then about
        these prompts and no others, and once all are measured the value is exact. A row that names its stream goes there.

        Raises BadRecord, which names every bad row by file and line; with `strict=False` they are left out and counted, and
        it is raised only where the file as a whole cannot be read.
        """
        records, rejected = read_records(path, strict=strict)
        source = RecordSource(name or Path(path).stem, records, strict, rejected, population)
        say_once(source.facts.division)
        return cls(source)

    @known_arguments
    def to_records(
        self, path: str | PathLike[str], n: int, *, model: Tokenized, stream: Stream | None = None, seed: int = 0
    ) -> int:
        """Writes the first `n` prompts of a stream, as this model's tokenizer makes them, for `from_records` to read.

        Returns how many. Raises BadRecord for an extension that is not known, BadTask for more prompts than there are."""
        if isinstance(self.definition, CorpusSource):
            raise BadTask(f"{self.name!r} is running text, whose rows are tokens: they are no records.")
        session, ref = current_session(), whose_tokenizer(model)
        where = self._prompts().other(stream or self.stream, seed)
        labelled = (
            (each, session.labels(where, ref, range(each.index, each.index + 1))[0])
            for each in self.iterate(model, n, seed=seed, stream=stream or self.stream)
        )
        return write_records(path, labelled, session.tokenizer(ref), where.stream)

    @property
    def rejected(self) -> tuple[object, ...]:
        """The rows of a file of records that were left out when it was read, each with its place and reason."""
        return getattr(self.definition, "rejected", ())

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def stream(self) -> Stream:
        """Where its claims draw prompts."""
        return self.chosen or "test"

    @property
    def positions(self) -> tuple[str, ...]:
        return self.definition.facts.positions

    @property
    def counterfactuals(self) -> tuple[str, ...]:
        return self.definition.facts.counterfactuals

    @known_arguments
    def on_stream(self, stream: Stream) -> "Task":
        """This task with quantities on another stream: look around on `discovery`, claim on `test`. Raises BadTask."""
        if stream not in STREAMS:
            raise BadTask(f"{stream!r} is not a stream; there are {', '.join(STREAMS)}.")
        return replace(self, chosen=stream)

    def split_templates(self) -> tuple["Task", "Task"]:
        """This task with one half of its templates, and with the other: choose on the first, claim about new templates on
        the second. Which templates go where is fixed by their texts. Raises BadTask for a task of fewer than ten."""
        one, other = halves(self._with_pools("split by templates"))
        return replace(self, definition=one), replace(self, definition=other)

    def for_models(self, *models: Tokenized) -> "Task":
        """This task with the pool items that fit every one of `models`: their prompts are then the same, and values can be
        compared across them. Raises EmptyPool where too few are left, BadTask for tasks without pools."""
        task = self._with_pools("share between models")
        if not models:
            raise BadTask(f"for_models() of task {self.name!r} got no model; expected two or more.")
        tokenizers = [current_session().tokenizer(whose_tokenizer(model)) for model in models]
        return replace(self, definition=shared_task(task, tokenizers))

    @known_arguments
    def where(self, condition: object, *, prompts: int = 1024) -> "Task":
        """This task with those of its first `prompts` prompts on which `condition` holds, prompt by prompt, such as
        `task.logit_diff(model) > 0`. It is measured at once; results say how many were kept.

        Raises NotComparable for what is no comparison of a number per prompt of this task, BadTask where none is left.
        """
        return replace(self, definition=masked(self.definition, self.stream, condition, prompts))

    @known_arguments
    def strategy(self, model: Tokenized | None = None) -> "SearchStrategy[Case]":
        """Cases for hypothesis, shrinking to the first template and the earliest items; of those that fit the tokenizer of
        `model`, where it is given. Raises BadTask for tasks without pools."""
        task = self._with_pools("draw cases from")
        return cases_of(task, None if model is None else current_session().tokenizer(whose_tokenizer(model)))

    def case(self, template: str, **values: str) -> Case:
        """The prompt of a template with these values of the drawn variables. Raises BadTask for others."""
        return make_case(self._with_pools("make a case of"), template, values)

    @known_arguments
    def explain(self, model: Tokenized) -> Any:
        """What this model's tokenizer leaves of the task, item by item with the reason, and the prompts of each stream."""
        return self.definition.explain(current_session().tokenizer(whose_tokenizer(model)))

    @known_arguments
    def size(self, model: Tokenized, *, stream: Stream | None = None) -> int:
        """How many prompts a stream (that of claims, unless named) has for this model's tokenizer. Raises EmptyPool."""
        return current_session().population(self._prompts().other(stream or self.stream), [whose_tokenizer(model)])

    @known_arguments
    def prompts(self, n: int, *, model: Tokenized, seed: int = 0, stream: Stream | None = None) -> tuple[Prompt, ...]:
        """The first `n` prompts of a stream for this model's tokenizer: outside of a claim, of the discovery stream. Raises
        EmptyPool, BadTask."""
        where, ref = self._shown(model, stream, seed), whose_tokenizer(model)
        return current_session().prompts(where, ref, range(self._checked(n, where, ref)))

    @known_arguments
    def iterate(
        self, model: Tokenized, n: int | None = None, *, seed: int = 0, stream: Stream | None = None
    ) -> Iterator[Prompt]:
        """The same prompts one by one (all, without `n`), in memory that does not grow. Raises EmptyPool, BadTask."""
        session, where, ref = current_session(), self._shown(model, stream, seed), whose_tokenizer(model)
        most = session.population(where, [ref]) if n is None else self._checked(n, where, ref)
        for start in range(0, most, _AT_ONCE):
            stop = min(start + _AT_ONCE, most)
            yield from session.prompts(where, ref, range(start, stop))

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
        self._check_metric(found)
        for dictionary in found.dictionaries:
            current_session().check_fits(dictionary, view.card.ref)
        cell = Cell(self._bound(view), found)
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
        name = self._counterfactual(against, f"recovered({view.data.describe()})")
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

    def __repr__(self) -> str:
        made = self.definition
        size = f"{counted(len(made.templates), 'template')}, " if isinstance(made, TaskDefinition) else ""
        return printable(
            f"<task {self.name}: {size}positions {', '.join(self.positions)}, "
            f"counterfactuals {', '.join(self.counterfactuals) or 'none'}, {self.stream} stream>"
        )

    @property
    def _label(self) -> str:
        """Its name as a part of an expression."""
        return f"({self.name})" if " " in self.name else self.name

    def _prompts(self) -> PromptStream:
        return PromptStream(self.definition, self.stream, current_session().settings.seed, chosen=self.chosen is not None)

    def _shown(self, model: Tokenized, stream: Stream | None, seed: int) -> PromptStream:
        """The prompts of a stream; where none is named, of the one that a look goes to. Raises BadTask."""
        where, seed = self._prompts(), checked_whole("seed", seed, BadTask, None)
        if stream is not None:
            return where.other(stream, seed)
        if current_recorder() is None:
            where = where.to_look_at()
            check_something_to_look_at(where, whose_tokenizer(model))
        return where.other(where.stream, seed)

    def _checked(self, n: int, where: PromptStream, model: ModelRef | str) -> int:
        """A number of prompts that there are. Raises BadTask."""
        wanted, there = checked_whole("n", n, BadTask), current_session().population(where, [model])
        if 0 < there < wanted:  # what is wrong with none is said by who draws them
            raise where.too_few(there, wanted)
        return wanted

    def _with_pools(self, what: str) -> TaskDefinition:
        if not isinstance(self.definition, TaskDefinition):
            raise BadTask(
                f"task {self.name!r} is not made of templates and pools, so it has none to {what}: only tasks of "
                f"cc.Task.define and cc.tasks are."
            )
        return self.definition

    def _check_metric(self, metric: Metric) -> None:
        for position in named_in(metric.looks_at):
            self._check_position(position, metric.name)
        needs_distractor = metric.tokens == "pair" or metric.reads == "distractor"
        if needs_distractor and not self.definition.facts.has_distractor:
            instead = "say toward='answer'" if metric.sites else "use log_prob or accuracy"
            raise BadMetric(f"{metric.name} compares with a distractor, and task {self.name!r} has none: {instead}.")

    def _bound(self, view: ModelView) -> View:
        """The view with everything explicit that depends on this task, after checking that the task has it."""
        data = view.data
        if data.base != CLEAN:
            self._counterfactual(data.base, view.data.describe())
        for intervention in data.interventions:
            for at in intervention.looks_at:
                for position in named_in(at):
                    self._check_position(position, intervention.describe())
        source, seed = self.definition, current_session().settings.seed
        bound = (
            each.bind(task=source.origin, mean_by=source.facts.mean_by, counterfactual=self._counterfactual, seed=seed)
            for each in data.interventions
        )
        return replace(data, interventions=tuple(_not_from_itself(each, data.base) for each in bound))

    def _check_position(self, position: Position, what: str) -> None:
        if not position.is_among(self.positions):
            raise UnknownPosition(
                f"task {self.name!r} has no position {position.name!r} (in: {what}); it has {', '.join(self.positions)}."
                f"{suggestion(position.name, self.positions)}"
            )

    def _counterfactual(self, name: str | None, what: str) -> str:
        names = self.counterfactuals
        if not names:
            raise UnknownCounterfactual(
                f"task {self.name!r} declares no counterfactual, which {what} needs. {_without_counterfactual(what)}"
            )
        if name is not None and name not in names:
            raise UnknownCounterfactual(
                f"task {self.name!r} has no counterfactual {name!r}; it has {', '.join(names)}.{suggestion(name, names)}"
            )
        return name or names[0]


def _without_counterfactual(what: str) -> str:
    """What to do instead, by what needs one."""
    if what.startswith("recovered"):
        return "To compare with the clean model instead, divide: quantity(view) / quantity(model)."
    if "counterfactual" in what and "ablation" in what:
        return "Use another kind of ablation, or declare one: counterfactuals={...}."
    return "Declare one: counterfactuals={...} of a task, the field counterfactuals of a file's rows (docs/prompts.md)."


def _not_from_itself(intervention: Intervention, base: str) -> Intervention:
    """Raises VacuousIntervention where values would be taken from the very run that they are written to."""
    if not intervention.allow_vacuous and any(need.source == base for need in intervention.needs):
        raise VacuousIntervention(
            f"{intervention.describe()} takes its values from the run that it is in (the view is on {base}): it changes "
            f"nothing. Take them from another run, or use model.on(...)."
        )
    return intervention
