"""Running text as a model reads it: each document is cut into pieces of at most `context` tokens, every token of which
counts, whatever the positions are that the corpus names."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from circuitcheck.errors import BadTask
from circuitcheck.prompts.corpora.drawing import drawn_documents, encoded_document
from circuitcheck.prompts.corpora.predicates import Predicate
from circuitcheck.prompts.corpora.source import CorpusSource
from circuitcheck.prompts.streams import STREAMS
from circuitcheck.prompts.tokenizer import Encoding, Tokenizer


@dataclass(frozen=True, eq=False)
class Piece:
    """`tokens` begin with `bos` of the model's policy, 0 or 1; the first that is the document's own is its token `start`,
    from 0. `chosen` [predicate, token] says which of its own tokens each predicate chooses."""

    document: int
    start: int
    tokens: tuple[int, ...]
    bos: int
    chosen: NDArray[np.bool_] = field(repr=False)

    @property
    def own(self) -> int:
        """How many of its tokens are the document's."""
        return len(self.tokens) - self.bos


def pieces_of(
    source: CorpusSource, tokenizer: Tokenizer, stream: str, predicates: tuple[Predicate, ...] = ()
) -> Iterator[Piece]:
    """Of all documents of a stream, in the order in which they are drawn, each tokenized once. Memory is that of one
    document and of a hash of each text. A predicate chooses a token only where the piece holds what made it choose it, as in
    a corpus' rows. Raises BadTask for what is no stream, or a document that this tokenizer breaks."""
    if stream not in STREAMS:
        raise BadTask(f"{stream!r} is not a stream; there are {', '.join(STREAMS)}.")
    for each in drawn_documents(source.documents, source.drawn, source.digest):
        if not each.repeated and each.stream == stream:
            yield from _cut(each.number, each.text, *_encoded(source, tokenizer, each.number, each.text), predicates)


def pieces_in_words(source: CorpusSource, tokenizer: Tokenizer, document: int) -> tuple[tuple[Piece, tuple[str, ...]], ...]:
    """The pieces of one document, each with the texts of its own tokens, white space before a token included."""
    text = source.documents[document]
    bos, encoding, size = _encoded(source, tokenizer, document, text)
    ends = [0, *(end for _, end in encoding.offsets)]
    words = tuple(text[begin:end] for begin, end in pairwise(ends))
    pieces = _cut(document, text, bos, encoding, size, ())
    return tuple((piece, words[piece.start : piece.start + piece.own]) for piece in pieces)


def _encoded(source: CorpusSource, tokenizer: Tokenizer, number: int, text: str) -> tuple[tuple[int, ...], Encoding, int]:
    """The BOS, the document's own tokens, and how many of these a piece holds."""
    bos, encoding = encoded_document(tokenizer, number, text)
    return bos, encoding, source.context - len(bos)


def _cut(
    number: int, text: str, bos: tuple[int, ...], encoding: Encoding, size: int, predicates: tuple[Predicate, ...]
) -> Iterator[Piece]:
    chosen = np.stack([_chosen(each, text, encoding, size) for each in predicates]) if predicates else None
    for start in range(0, len(encoding.ids), size):
        ids = encoding.ids[start : start + size]
        mine = np.zeros((0, len(ids)), dtype=bool) if chosen is None else chosen[:, start : start + size]
        yield Piece(number, start, (*bos, *ids), len(bos), mine)


def _chosen(predicate: Predicate, text: str, encoding: Encoding, size: int) -> NDArray[np.bool_]:
    """[token]: where the predicate says yes, and what made it is in the token's piece."""
    found = np.zeros(len(encoding.ids), dtype=bool)
    for place in predicate.choose(text, [end for _, end in encoding.offsets]):
        begin = encoding.offsets[place // size * size][0]
        found[place] = encoding.offsets[place][1] - predicate.looks_back >= begin
    return found
