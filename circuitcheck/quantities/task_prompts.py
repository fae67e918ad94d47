"""What a task holds and the prompts that it gives: nothing here measures a model."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from circuitcheck.arguments import known_arguments
from circuitcheck.errors import BadTask
from circuitcheck.given import checked_whole
from circuitcheck.notices import say_once
from circuitcheck.plan import ModelRef
from circuitcheck.prompts import STREAMS, Prompt, PromptSource, PromptStream, Stream, TaskDefinition, Template, define_task
from circuitcheck.prompts.cases import Case, make_case
from circuitcheck.prompts.corpora import CorpusSource
from circuitcheck.prompts.records import RecordSource, read_records, write_records
from circuitcheck.prompts.schema.constraints import Constraint
from circuitcheck.prompts.sharing import halves, shared_task
from circuitcheck.prompts.strategy import cases_of
from circuitcheck.quantities.looking import check_something_to_look_at
from circuitcheck.quantities.models import Tokenized, whose_tokenizer
from circuitcheck.quantities.questions.question import current_recorder
from circuitcheck.session import current_session
from circuitcheck.text import counted, printable

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


_AT_ONCE = 512  # prompts rendered together: enough to be fast, few enough to be small


@dataclass(frozen=True, repr=False)
class TaskPrompts:
    """What is asked of prompts alone takes a model or its spec (`task.prompts(5, model="gpt2")`), and loads no weights."""

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
    ) -> Self:
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
    ) -> Self:
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
    def on_stream(self, stream: Stream) -> Self:
        """This task with quantities on another stream: look around on `discovery`, claim on `test`. Raises BadTask."""
        if stream not in STREAMS:
            raise BadTask(f"{stream!r} is not a stream; there are {', '.join(STREAMS)}.")
        return replace(self, chosen=stream)

    def split_templates(self) -> tuple[Self, Self]:
        """This task with one half of its templates, and with the other: choose on the first, claim about new templates on
        the second. Which templates go where is fixed by their texts. Raises BadTask for a task of fewer than ten."""
        one, other = halves(self._with_pools("split by templates"))
        return replace(self, definition=one), replace(self, definition=other)

    def for_models(self, *models: Tokenized) -> Self:
        """This task with the pool items that fit every one of `models`: their prompts are then the same, and values can be
        compared across them. Raises EmptyPool where too few are left, BadTask for tasks without pools."""
        task = self._with_pools("share between models")
        if not models:
            raise BadTask(f"for_models() of task {self.name!r} got no model; expected two or more.")
        tokenizers = [current_session().tokenizer(whose_tokenizer(model)) for model in models]
        return replace(self, definition=shared_task(task, tokenizers))

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

    def __repr__(self) -> str:
        made = self.definition
        size = f"{counted(len(made.templates), 'template')}, " if isinstance(made, TaskDefinition) else ""
        return printable(
            f"<task {self.name}: {size}positions {', '.join(self.positions)}, "
            f"counterfactuals {', '.join(self.counterfactuals) or 'none'}, {self.stream} stream>"
        )

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
