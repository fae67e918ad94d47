"""Which documents of a corpus are read, into which stream each goes, and its tokens."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from circuitcheck.errors import BadTask
from circuitcheck.prompts.corpora.documents import Documents
from circuitcheck.prompts.permutation import keyed_number, permute
from circuitcheck.prompts.streams import stream_at
from circuitcheck.prompts.tokenizer import Encoding, Tokenizer

_FINE = 1 << 32
_LONGEST = 4_000_000  # characters of one document: a tokenizer holds some 200 bytes for each


@dataclass(frozen=True)
class Drawn:
    """A document by its `number` in its file, from 0. `repeated`: its text was drawn before."""

    number: int
    text: str
    stream: str
    repeated: bool


def drawn_documents(documents: Documents, most: int, key: str) -> Iterator[Drawn]:
    """`most` documents, by lot where there are more. A hash of each text is held, 16 bytes, and no text. Raises BadTask for
    one that is too long, BadRecord for one that cannot be read."""
    seen: set[bytes] = set()
    count = len(documents)
    for place in range(min(most, count)):
        number = place if most >= count else permute(place, count, f"documents {key}")
        text = documents[number]
        if len(text) > _LONGEST:
            raise BadTask(
                f"document {number + 1} has {len(text):,} characters, and {_LONGEST:,} at most are read as one: "
                f"divide it (of a text file, separator= says where)."
            )
        mark = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        yield Drawn(number, text, _stream_of(mark), mark in seen)
        seen.add(mark)


def encoded_document(tokenizer: Tokenizer, number: int, text: str) -> tuple[tuple[int, ...], Encoding]:
    """The BOS, where the policy adds one, and what follows it. Raises BadTask, which names the document."""
    bos = tokenizer.encode_many([""], chat=True)[0].ids
    try:
        found = tokenizer.encode(text)
    except BadTask as error:
        raise BadTask(f"document {number + 1}: {error}") from error
    return bos, Encoding(found.ids[len(bos) :], found.offsets[len(bos) :])


def _stream_of(mark: bytes) -> str:
    return stream_at(keyed_number(f"stream {mark.hex()}", _FINE) / _FINE)
