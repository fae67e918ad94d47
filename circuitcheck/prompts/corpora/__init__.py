"""Running text: documents, token positions, and which of them to look at."""

from circuitcheck.prompts.corpora.documents import open_documents
from circuitcheck.prompts.corpora.pieces import Piece, pieces_in_words, pieces_of
from circuitcheck.prompts.corpora.predicates import (
    After,
    Last,
    Predicate,
    TokenInContext,
    after,
    both_of,
    last,
    predicate_of,
)
from circuitcheck.prompts.corpora.source import CorpusSource

__all__ = [
    "After",
    "CorpusSource",
    "Last",
    "Piece",
    "Predicate",
    "TokenInContext",
    "after",
    "both_of",
    "last",
    "open_documents",
    "pieces_in_words",
    "pieces_of",
    "predicate_of",
]
