"""A corpus as one tokenizer reads it."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice

from circuitcheck.errors import BadTask
from circuitcheck.prompts.corpora.documents import Documents
from circuitcheck.prompts.corpora.drawing import drawn_documents, encoded_document
from circuitcheck.prompts.corpora.predicates import Last, Predicate
from circuitcheck.prompts.permutation import permute
from circuitcheck.prompts.prompt import Labels, Prompt
from circuitcheck.prompts.schema.task import END
from circuitcheck.prompts.streams import STREAMS
from circuitcheck.prompts.tokenizer import Encoding, Tokenizer


@dataclass(frozen=True)
class _Document:
    """Token ids without a BOS, and the positions wanted, each with the characters from where its piece begins to where it
    ends,
    `keys`, the tokens that it names beside it, and `marks`, for each mark a byte for each wanted position. The
    text is read again when a prompt is made."""

    number: int
    ids: "array[int]"
    wanted: "array[int]"
    begins: "array[int]"
    ends: "array[int]"
    keys: tuple["array[int]", ...] = ()
    marks: tuple[bytes, ...] = ()

    def marks_at(self, position: int) -> tuple[str, ...]:
        """Which marks a wanted position has: yes or no."""
        place = bisect_left(self.wanted, position)
        return tuple("yes" if each[place] else "no" for each in self.marks)

    def keys_at(self, position: int) -> tuple[int, ...]:
        """The named tokens of a wanted position."""
        place = bisect_left(self.wanted, position)
        return tuple(each[place] for each in self.keys)

    def read_at(self, position: int) -> slice:
        """The characters read when the model is at a wanted position."""
        place = bisect_left(self.wanted, position)
        return slice(self.begins[place], self.ends[place])


Row = tuple[_Document, int]  # and one of its positions


class RealisedCorpus:
    """Documents are read once, tokenized and searched; ids and positions stay, texts do not."""

    def __init__(
        self,
        key: str,
        documents: Documents,
        where: Predicate,
        context: int,
        drawn: int,
        per_document: int,
        tokenizer: Tokenizer,
        keys: tuple[tuple[str, Last], ...] = (),
        marks: tuple[tuple[str, Predicate], ...] = (),
    ) -> None:
        self._keys, self._marks = keys, marks
        self._key, self._documents, self._where, self._tokenizer = key, documents, where, tokenizer
        self._bos = tokenizer.encode_many([""], chat=True)[0].ids
        self._piece, self._per_document = context - len(self._bos), per_document
        self.repeated = 0
        self.positions = 0
        self.read = min(drawn, len(documents))
        self._streams: dict[str, list[_Document]] = {stream: [] for stream in STREAMS}
        self._read_documents()
        self._rows = lru_cache(maxsize=16)(self._rows_read)

    def size(self, stream: str) -> int:
        return sum(min(len(each.wanted), self._per_document) for each in self._stream(stream))

    def groups(self, stream: str) -> int:
        return len(self._stream(stream))

    @property
    def shape(self) -> str:
        """A row is a token: other tokenizers have other rows."""
        return self._tokenizer.fingerprint

    def prompts(self, rows: range, *, seed: int, stream: str) -> tuple[Prompt, ...]:
        return tuple(self._prompt(index, seed, stream) for index in rows)

    def labels(self, rows: range, *, seed: int, stream: str) -> tuple[Labels, ...]:
        documents = (self._row(stream, seed, index)[0] for index in rows)
        names = [f"document {document.number + 1}" for document in documents]
        return tuple(Labels(name, None, name) for name in names)

    def _prompt(self, index: int, seed: int, stream: str) -> Prompt:
        document, position = self._row(stream, seed, index)
        begin = position // self._piece * self._piece
        ids = document.ids
        answer = (ids[position + 1],)
        shift = len(self._bos) - begin
        named = {name: (shift + index,) for (name, _), index in zip(self._keys, document.keys_at(position), strict=True)}
        text = self._documents[document.number][document.read_at(position)]
        return Prompt(
            index=index,
            text=text,
            tokens=(*self._bos, *ids[begin : begin + self._piece]),
            answer=self._tokenizer.decode(answer),
            distractor=None,
            answer_ids=answer,
            distractor_ids=(),
            positions={END: (shift + position,), **named},
            counterfactuals={},
            template=f"document {document.number + 1}",
            slots={name: yes for (name, _), yes in zip(self._marks, document.marks_at(position), strict=True)},
        )

    def _read_documents(self) -> None:
        for each in drawn_documents(self._documents, self.read, self._key):
            if each.repeated:
                self.repeated += 1
            else:
                self._take(each.number, each.text, each.stream)

    def _take(self, number: int, text: str, stream: str) -> None:
        _, encoding = encoded_document(self._tokenizer, number, text)
        last = len(encoding.ids) - 1  # what follows the last token is not known
        ends = [end for _, end in encoding.offsets]
        chosen = [each for each in self._where.choose(text, ends) if each < last and self._has_read(encoding, each)]
        found_keys = [self._before(chosen, key.predicate.choose(text, ends)) for _, key in self._keys]
        kept = [place for place in range(len(chosen)) if all(found[place] >= 0 for found in found_keys)]
        wanted = [chosen[place] for place in kept]
        if wanted:
            self.positions += len(wanted)
            begins, stops = ([of(each) for each in wanted] for of in (partial(self._begin, encoding), ends.__getitem__))
            keys = tuple(array("i", [each[place] for place in kept]) for each in found_keys)
            chosen_by = [set(mark.choose(text, ends)) for _, mark in self._marks]
            marks = tuple(bytes(each in found for each in wanted) for found in chosen_by)
            found = _Document(number, array("i", encoding.ids), *_arrays(wanted, begins, stops), keys, marks)
            self._streams[stream].append(found)

    def _before(self, wanted: list[int], named: list[int]) -> list[int]:
        """For each wanted token the last of those named that is before it, in the piece that the model reads; else -1."""
        found = []
        for position in wanted:
            place = bisect_left(named, position) - 1
            inside = place >= 0 and named[place] >= position // self._piece * self._piece
            found.append(named[place] if inside else -1)
        return found

    def _has_read(self, encoding: Encoding, position: int) -> bool:
        """Is what made the predicate choose a token in the piece that the model reads?"""
        return encoding.offsets[position][1] - self._where.looks_back >= self._begin(encoding, position)

    def _begin(self, encoding: Encoding, position: int) -> int:
        """The character at which the piece with this token begins."""
        return encoding.offsets[position // self._piece * self._piece][0]

    def _stream(self, stream: str) -> list[_Document]:
        if stream not in self._streams:
            raise BadTask(f"{stream!r} is not a stream; there are {', '.join(STREAMS)}.")
        return self._streams[stream]

    def _row(self, stream: str, seed: int, index: int) -> Row:
        """A document, and one of its positions. Rows are found in their order, as far as somebody asks for them."""
        found, more = self._rows(stream, seed)
        found += islice(more, max(0, index + 1 - len(found)))
        return found[index]

    def _rows_read(self, stream: str, seed: int) -> tuple[list[Row], Iterator[Row]]:
        """Those that were asked for, and the rest."""
        return [], self._rows_of(stream, seed)

    def _rows_of(self, stream: str, seed: int) -> Iterator[Row]:
        """One position of each document, then a second of each: documents in an order of the seed, positions likewise."""
        documents = self._stream(stream)
        count, key = len(documents), f"order {self._key} {stream} {seed}"
        ordered = [documents[permute(place, count, key)] for place in range(count)]
        most = max((len(each.wanted) for each in ordered), default=0)
        for turn in range(min(self._per_document, most)):
            for each in ordered:
                if turn < len(each.wanted):
                    yield each, each.wanted[permute(turn, len(each.wanted), f"{key} {each.number}")]


def _arrays(
    wanted: Sequence[int], begins: Sequence[int], ends: Sequence[int]
) -> "tuple[array[int], array[int], array[int]]":
    return array("i", wanted), array("i", begins), array("i", ends)
