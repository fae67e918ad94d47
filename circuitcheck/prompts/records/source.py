"""A file of records as a source of prompts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from circuitcheck.digest import Digested, digest
from circuitcheck.errors import BadRecord
from circuitcheck.prompts.base import SourceBase
from circuitcheck.prompts.records.realised import RealisedRecords, stream_of
from circuitcheck.prompts.records.record import Record, Rejected
from circuitcheck.prompts.records.rejected import describe_rejected
from circuitcheck.prompts.schema.task import END
from circuitcheck.prompts.source import SourceFacts
from circuitcheck.prompts.streams import STREAMS
from circuitcheck.prompts.tokenizer import Tokenizer
from circuitcheck.text import counted


@dataclass(frozen=True)
class RecordsExplained:
    """How many `rows` were read, which were `rejected` and why, and the prompts of each of the `streams`."""

    task: str
    tokenizer: str
    rows: int
    rejected: tuple[Rejected, ...]
    streams: Mapping[str, int]

    def __str__(self) -> str:
        good = self.rows - len(self.rejected)
        lines = [f"task {self.task!r} under the tokenizer of {self.tokenizer}: {good} of {counted(self.rows, 'row')}"]
        lines += [f"  {each}" for each in self.rejected]
        return "\n".join(
            [*lines, *(f"  {stream} stream: {counted(size, 'prompt')}" for stream, size in self.streams.items())]
        )

    __repr__ = __str__


@dataclass(frozen=True)
class RecordSource(SourceBase):
    """`rejected` rows were left out when the file was read. Rows that a tokenizer cannot use are errors where `strict`. With
    `population`, claims are about the rows of the test stream and no others, and every row without a stream is one."""

    name: str
    records: tuple[Record, ...]
    strict: bool = field(default=True, metadata={"digest": False})
    rejected: tuple[Rejected, ...] = field(default=(), metadata={"digest": False})
    population: bool = False
    _digest: str = field(init=False, repr=False, compare=False, metadata={"digest": False})

    def __post_init__(self) -> None:
        parts = (self.name, self.records, *(("population",) if self.population else ()))
        object.__setattr__(self, "_digest", digest(parts))

    __hash__ = Digested.__hash__

    @cached_property
    def facts(self) -> SourceFacts:
        first, streams = self.records[0], self._streams()
        only = f"population=True: the claim is about these {counted(streams['test'], 'prompt')} of {self.name} and no others"
        named = all(record.template is not None for record in self.records)
        return SourceFacts(
            positions=(*(name for name, _, _ in first.positions), END),
            counterfactuals=tuple(name for name, _ in first.counterfactuals),
            has_distractor=first.distractor is not None,
            mean_by="template" if named else "tokens",
            names_templates=named,
            has_sampling_units=self._has_clusters,
            is_population=self.population,
            division=self._division(streams),
            flags=(only,) if self.population else (),
        )

    @property
    def _has_clusters(self) -> bool:
        return any(record.cluster is not None for record in self.records)

    def _division(self, streams: Mapping[str, int]) -> str:
        parts = ", ".join(f"{streams[stream]} to {stream}" for stream in STREAMS)
        which = "rows of one cluster stay together" if self._has_clusters else "by a hash of each text"
        how = "" if self.population or all(record.stream for record in self.records) else f" ({which})"
        return f"{self.name} has {counted(len(self.records), 'prompt')}: {parts}{how}"

    def explain(self, tokenizer: Tokenizer) -> RecordsExplained:
        realised = _realise(self, tokenizer)
        return RecordsExplained(
            task=self.name,
            tokenizer=tokenizer.name,
            rows=len(self.records) + len(self.rejected),
            rejected=(*self.rejected, *realised.rejected),
            streams={stream: realised.size(stream) for stream in STREAMS},
        )

    def _streams(self) -> dict[str, int]:
        """How many rows are in each stream, before a tokenizer has seen them."""
        found = [stream_of(record, population=self.population) for record in self.records]
        return {stream: found.count(stream) for stream in STREAMS}

    def realised(self, tokenizer: Tokenizer) -> RealisedRecords:
        """Raises BadRecord for rows that this tokenizer cannot use, where `strict`."""
        realised = _realise(self, tokenizer)
        if realised.rejected and self.strict:
            good = len(self.records) - len(realised.rejected)
            raise BadRecord(
                describe_rejected(f"{self.name} under the tokenizer of {tokenizer.name}", realised.rejected, good)
            )
        return realised


@lru_cache(maxsize=16)
def _realise(source: RecordSource, tokenizer: Tokenizer) -> RealisedRecords:
    return RealisedRecords(source.name, source.digest, source.records, tokenizer, population=source.population)
