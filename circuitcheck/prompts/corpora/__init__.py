"""Running text: documents, token positions, and which of them to look at."""

from circuitcheck.prompts.corpora.documents import open_documents
from circuitcheck.prompts.corpora.predicates import After, Predicate, TokenInContext, after, predicate_of
from circuitcheck.prompts.corpora.source import CorpusSource

__all__ = ["After", "CorpusSource", "Predicate", "TokenInContext", "after", "open_documents", "predicate_of"]
