"""Records as one tokenizer's prompts."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

from circuitcheck.digest import digest
from circuitcheck.errors import BadTask
from circuitcheck.prompts.permutation import keyed_number, permute
from circuitcheck.prompts.prompt import Counterfactual, Labels, Prompt, mirror_of
from circuitcheck.prompts.realised.spelling import text_over, tokens_over
from circuitcheck.prompts.records.record import Record, Rejected
from circuitcheck.prompts.schema.task import END
from circuitcheck.prompts.streams import STREAMS, stream_at
from circuitcheck.prompts.tokenizer import Encoding, Tokenizer
from circuitcheck.text import counted

_FINE = 1 << 32
_AT_ONCE = 1 << 18  # characters of records that are tokenized together; a tokenizer holds some 200 bytes for each


class _Unfit(Exception):
    """Why a tokenizer cannot use a record."""


class RealisedRecords:
    """Records that a tokenizer can use, by stream; `rejected` are the others."""

    def __init__(
        self, name: str, key: str, records: tuple[Record, ...], tokenizer: Tokenizer, *, population: bool = False
    ) -> None:
        self._name, self._key, self._tokenizer = name, key, tokenizer
        self.rejected: list[Rejected] = []
        self._good: dict[str, list[tuple[Record, Prompt]]] = {stream: [] for stream in STREAMS}
        for some in _parts(records):
            for record, encodings in zip(some, self._encoded(some), strict=True):
                try:
                    prompt = self._prompt(record, encodings or self._tokenizer.encode_many(_texts_of(record)))
                    self._good[stream_of(record, population=population)].append((record, prompt))
                except (_Unfit, BadTask) as error:
                    self.rejected.append(Rejected(record.place, str(error)))
        self.shape = digest([[record.place for record, _ in rows] for rows in self._good.values()])

    def size(self, stream: str) -> int:
        if stream not in self._good:
            raise BadTask(f"{stream!r} is not a stream; there are {', '.join(STREAMS)}.")
        return len(self._good[stream])

    def groups(self, stream: str) -> int:
        return len({self._template(record) for record, _ in self._good[stream]})

    def prompts(self, rows: range, *, seed: int, stream: str) -> tuple[Prompt, ...]:
        """Raises BadTask beyond the stream's size."""
        return tuple(replace(self._row(index, seed, stream)[1], index=index) for index in rows)

    def labels(self, rows: range, *, seed: int, stream: str) -> tuple[Labels, ...]:
        return tuple(self._labels(self._row(index, seed, stream)[0]) for index in rows)

    def _labels(self, record: Record) -> Labels:
        mirrors = tuple(mirror_of(record.text, text) for _, text in record.counterfactuals)
        return Labels(self._template(record), None, record.cluster or record.place, mirrors)

    def _row(self, index: int, seed: int, stream: str) -> tuple[Record, Prompt]:
        size = self.size(stream)
        if not 0 <= index < size:
            raise BadTask(f"task {self._name!r} has {counted(size, 'prompt')} in its {stream} stream, not {index + 1}.")
        return self._good[stream][permute(index, size, f"order {self._key} {stream} {seed}")]

    @staticmethod
    def _template(record: Record) -> str:
        return record.template or record.place

    def _encoded(self, records: list[Record]) -> list[list[Encoding]]:
        """Of each record's texts, all at once, which is ten times faster; nothing where one of them has none."""
        texts = [_texts_of(record) for record in records]
        try:
            found = iter(self._tokenizer.encode_many([text for each in texts for text in each]))
        except BadTask:
            return [[] for _ in records]
        return [list(islice(found, len(each))) for each in texts]

    def _prompt(self, record: Record, encodings: list[Encoding]) -> Prompt:
        answers, count = _answers_of(record), 1 + len(record.counterfactuals)
        clean, others, continued = encodings[0], encodings[1:count], encodings[count:]
        for (name, text), other in zip(record.counterfactuals, others, strict=True):
            if len(other.ids) != len(clean.ids):
                raise _Unfit(
                    f"has {counted(len(clean.ids), 'token')}, and its counterfactual {name!r} {len(other.ids)}: {text!r}"
                )
            if other.ids == clean.ids:
                raise _Unfit(f"has a counterfactual {name!r} with the same tokens")
        ids = [self._continuation(clean, each, word) for each, word in zip(continued, answers, strict=True)]
        if len(ids) == 2 and ids[0] == ids[1]:
            raise _Unfit(f"has an answer and a distractor with the same tokens: {record.answer!r}, {record.distractor!r}")
        return Prompt(
            index=0,
            text=record.text,
            tokens=clean.ids,
            answer=record.answer,
            distractor=record.distractor,
            answer_ids=ids[0],
            distractor_ids=ids[1] if record.distractor else (),
            positions=self._positions(record, clean),
            counterfactuals={
                name: Counterfactual(text, other.ids)
                for (name, text), other in zip(record.counterfactuals, others, strict=True)
            },
            template=self._template(record),
            slots={name: record.text[start:stop] for name, start, stop in record.positions},
            candidates=tuple(answers),
            candidate_ids=tuple(ids),
        )

    def _continuation(self, clean: Encoding, continued: Encoding, word: str) -> tuple[int, ...]:
        ids = continued.ids[len(clean.ids) :]
        if continued.ids[: len(clean.ids)] != clean.ids or not ids:
            raise _Unfit(
                f"ends in a token that merges with its answer or distractor {word!r}: does the text end in a space?"
            )
        if self._tokenizer.unknown is not None and self._tokenizer.unknown in ids:
            raise _Unfit(f"has the answer or distractor {word!r}, which is unknown to the tokenizer")
        return ids

    def _positions(self, record: Record, encoding: Encoding) -> dict[str, tuple[int, ...]]:
        positions = {}
        for name, start, stop in record.positions:
            first, last = tokens_over(encoding.offsets, start, stop)
            words = record.text[start:stop].strip()
            shown = text_over(record.text, encoding.offsets, first, last)
            if shown != words:
                raise _Unfit(f"has position {name!r} on {words!r}, which shares a token with its neighbours ({shown!r})")
            positions[name] = tuple(range(first, last))
        return {**positions, END: (len(encoding.ids) - 1,)}


def _parts(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Consecutive ones, with so many characters in each part, or one record."""
    part: list[Record] = []
    size = 0
    for record in records:
        length = sum(map(len, _texts_of(record)))
        if part and size + length > _AT_ONCE:
            yield part
            part, size = [], 0
        part.append(record)
        size += length
    if part:
        yield part


def _answers_of(record: Record) -> list[str]:
    return [record.answer, *([record.distractor] if record.distractor else [])]


def _texts_of(record: Record) -> list[str]:
    """The text, those of its counterfactuals, and the text with each answer after it."""
    others = [text for _, text in record.counterfactuals]
    return [record.text, *others, *(record.text + answer for answer in _answers_of(record))]


def stream_of(record: Record, *, population: bool) -> str:
    """By a hash of what the row is, so that rows added later leave the others where they are. Of a population, every row
    that does not say otherwise is in the test stream."""
    if record.stream is not None or population:
        return record.stream or "test"
    return stream_at(keyed_number(f"stream {record.cluster or record.text}", _FINE) / _FINE)
