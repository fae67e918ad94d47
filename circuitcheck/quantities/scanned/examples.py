"""The texts around a scan's largest activations: only the pieces that are shown are read and run again."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from circuitcheck.plan import DictionaryRef, ModelRef
from circuitcheck.prompts.corpora import CorpusSource, Piece, pieces_in_words
from circuitcheck.quantities.scanned.shown import Example
from circuitcheck.session import current_session

_Read = dict[tuple[int, int], tuple[Piece, tuple[str, ...]]]


@dataclass(frozen=True)
class Wanted:
    """Examples of a feature, or of a sum of them with strengths: each is (activation, number of the document from 0, token
    in it)."""

    strengths: tuple[tuple[int, float], ...]
    places: tuple[tuple[float, int, int], ...]


def examples_of(
    source: CorpusSource, model: ModelRef, dictionary: DictionaryRef, wanted: Sequence[Wanted]
) -> list[tuple[Example, ...]]:
    """Of each of `wanted`. Each document is read once, and each piece run once for all of them."""
    session = current_session()
    tokenizer = session.tokenizer(model)
    places = {(document, position) for each in wanted for _, document, position in each.places}
    read: _Read = {}
    for document in sorted({document for document, _ in places}):
        pieces = pieces_in_words(source, tokenizer, document)
        for place in (each for each in places if each[0] == document):
            read[place] = next(found for found in pieces if found[0].start <= place[1] < found[0].start + found[0].own)
    pieces_read = {(piece.document, piece.start): piece for piece, _ in read.values()}
    numbers = sorted({number for each in wanted for number, _ in each.strengths})
    traced = session.trace(model, dictionary, [piece.tokens for piece in pieces_read.values()], numbers) if read else ()
    activations = dict(zip(pieces_read, traced, strict=True))

    def example(each: Wanted, value: float, document: int, position: int) -> Example:
        piece, words = read[document, position]
        strengths = np.zeros(len(numbers))
        for number, strength in each.strengths:
            strengths[numbers.index(number)] = strength
        own = activations[document, piece.start][piece.bos :].astype(np.float64) @ strengths
        return Example(value, words, tuple(own.tolist()), position - piece.start, document + 1, position)

    return [tuple(example(each, *place) for place in each.places) for each in wanted]
