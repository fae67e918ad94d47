"""Running text as a source of prompts: a row is a token, the prompt the text up to it, the answer the token after it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from circuitcheck.digest import Digested, digest
from circuitcheck.errors import BadTask
from circuitcheck.prompts.base import SourceBase
from circuitcheck.prompts.corpora.documents import Documents
from circuitcheck.prompts.corpora.predicates import Last, Predicate, is_local
from circuitcheck.prompts.corpora.realised import RealisedCorpus
from circuitcheck.prompts.prompt import Labels, Prompt
from circuitcheck.prompts.schema.task import END
from circuitcheck.prompts.source import SourceFacts
from circuitcheck.prompts.streams import STREAMS
from circuitcheck.prompts.tokenizer import Tokenizer
from circuitcheck.text import counted


@dataclass(frozen=True)
class CorpusExplained:
    """`documents` there are, `drawn` of them, `repeated` ones left out, `matching` with a position that is wanted, their
    `positions`, and the rows of each of the `streams`."""

    task: str
    tokenizer: str
    where: str
    documents: int
    drawn: int
    repeated: int
    matching: int
    positions: int
    streams: Mapping[str, int]

    def __str__(self) -> str:
        lines = [
            f"corpus {self.task!r} under the tokenizer of {self.tokenizer}: {self.drawn:,} of {self.documents:,} documents "
            f"drawn, {self.repeated:,} left out as repeated",
            f"  {self.where}: {self.positions:,} positions in {self.matching:,} documents",
        ]
        return "\n".join([*lines, *(f"  {stream} stream: {counted(size, 'row')}" for stream, size in self.streams.items())])

    __repr__ = __str__


@dataclass(frozen=True)
class CorpusSource(SourceBase):
    """`content` is a digest of the documents. Rows come one of each document, then a second of each, up to `per_document`;
    positions of one document count as one. Which stream a document is in is decided by a hash of its text."""

    name: str
    content: str
    where: Predicate
    context: int
    drawn: int
    per_document: int
    documents: Documents = field(repr=False, compare=False, metadata={"digest": False})
    keys: tuple[tuple[str, Last], ...] = ()
    marks: tuple[tuple[str, Predicate], ...] = ()
    _rows: str = field(init=False, repr=False, compare=False, metadata={"digest": False})  # marks choose no rows
    _digest: str = field(init=False, repr=False, compare=False, metadata={"digest": False})

    def __post_init__(self) -> None:
        parts: tuple[object, ...] = (self.name, self.content, self.where.digest_parts, self.context, self.drawn)
        parts = (*parts, self.per_document, *((name, key.digest_parts) for name, key in self.keys))
        object.__setattr__(self, "_rows", digest(parts))
        marks = tuple((name, mark.digest_parts) for name, mark in self.marks)
        object.__setattr__(self, "_digest", digest((self._rows, marks)) if marks else self._rows)

    __hash__ = Digested.__hash__

    @property
    def facts(self) -> SourceFacts:
        return SourceFacts(
            (END, *(name for name, _ in self.keys)),
            mean_by="tokens",
            groups="documents",
            has_sampling_units=True,
            rows_share_texts=True,
            is_local=self._is_local,
        )

    @property
    def _is_local(self) -> bool:
        chosen: list[Predicate | Last] = [self.where, *(key for _, key in self.keys), *(mark for _, mark in self.marks)]
        return any(map(is_local, chosen))

    def realised(self, tokenizer: Tokenizer) -> RealisedCorpus:
        return _realise(self, tokenizer)

    def shape(self, tokenizer: Tokenizer) -> str:
        return tokenizer.fingerprint  # a row is a token: other tokenizers have other rows, which none need read to know

    def prompts(self, tokenizer: Tokenizer, *, seed: int, stream: str, rows: range) -> tuple[Prompt, ...]:
        """Raises BadTask beyond the stream's size."""
        self._check(tokenizer, stream, rows)
        return super().prompts(tokenizer, seed=seed, stream=stream, rows=rows)

    def labels(self, tokenizer: Tokenizer, *, seed: int, stream: str, rows: range) -> tuple[Labels, ...]:
        self._check(tokenizer, stream, rows)
        return super().labels(tokenizer, seed=seed, stream=stream, rows=rows)

    def explain(self, tokenizer: Tokenizer) -> CorpusExplained:
        realised = self.realised(tokenizer)
        return CorpusExplained(
            task=self.name,
            tokenizer=tokenizer.name,
            where=self.where.describe(),
            documents=len(self.documents),
            drawn=realised.read,
            repeated=realised.repeated,
            matching=sum(realised.groups(stream) for stream in STREAMS),
            positions=realised.positions,
            streams={stream: realised.size(stream) for stream in STREAMS},
        )

    def _check(self, tokenizer: Tokenizer, stream: str, rows: range) -> None:
        size = self.size(tokenizer, stream)
        if rows and not (rows.start >= 0 and rows.stop <= size):
            hint = "" if size else " Look for something else, or in more documents (documents=)."
            found = f"corpus {self.name!r} has {size} rows in its {stream} stream ({self.where.describe()})"
            raise BadTask(f"{found}, not {rows.stop}.{hint}")


@lru_cache(maxsize=8)
def _realise(source: CorpusSource, tokenizer: Tokenizer) -> RealisedCorpus:
    return RealisedCorpus(
        source._rows,
        source.documents,
        source.where,
        source.context,
        source.drawn,
        source.per_document,
        tokenizer,
        source.keys,
        source.marks,
    )
