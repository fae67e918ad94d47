"""How a tokenizer spells words in their places."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from circuitcheck.prompts.tokenizer import Encoding, Tokenizer

_MOST_PAIRS = 200_000  # of words that are looked at together, for one task
Surroundings = tuple[str, str]  # the text before a word, and after it
Spelled = tuple[int, ...] | str


@dataclass(frozen=True)
class _Known:
    """What was worked out of one task: words between their neighbours, words after an ending, and what stays apart."""

    words: dict[tuple[str, str, str], Spelled] = field(default_factory=dict)
    answers: dict[tuple[str, str, str], Spelled] = field(default_factory=dict)
    apart: dict[object, bool] = field(default_factory=dict)


@lru_cache(maxsize=32)
def _known(alike: Hashable, task: str) -> _Known:  # noqa: ARG001 - that is what it is of
    """Kept beyond one tokenizer: a model that is loaded again would ask about every pair of words again."""
    return _Known()


class Spelling:
    """Token ids of words between their neighbours, each worked out once for a task (by its digest) and tokenizers alike."""

    def __init__(self, tokenizer: Tokenizer, task: str) -> None:
        self._tokenizer, self._unknown = tokenizer, tokenizer.unknown
        self._pairs = 0
        known = _known(tokenizer.alike, task)
        self._found, self._continued, self._apart = known.words, known.answers, known.apart

    def words(self, around: Surroundings, words: Iterable[str]) -> list[Spelled]:
        """For each word the ids of its tokens (a space before it belongs to it), or in words why it has none of its own."""
        before, after = around
        wanted = list(words)
        missing = [word for word in dict.fromkeys(wanted) if (before, word, after) not in self._found]
        texts = [before + word + after for word in missing]
        for word, text, encoding in zip(missing, texts, self._tokenizer.encode_many(texts, chat=True), strict=True):
            self._found[before, word, after] = self._tokens(text, encoding, word, len(before))
        return [self._found[before, word, after] for word in wanted]

    def answers(self, ending: str, prefix: str, words: Iterable[str]) -> list[Spelled]:
        """For each word the ids with which it continues a text that ends so, or in words why it cannot."""
        wanted = list(words)
        missing = [word for word in dict.fromkeys(wanted) if (ending, prefix, word) not in self._continued]
        texts = [ending, *(ending + prefix + word for word in missing)]
        alone, *encodings = (encoding.ids for encoding in self._tokenizer.encode_many(texts, chat=True))
        for word, ids in zip(missing, encodings, strict=True):
            continues = ids[: len(alone)] == alone and len(ids) > len(alone)
            self._continued[ending, prefix, word] = (
                self._if_known(ids[len(alone) :]) if continues else "merges with the text before it"
            )
        return [self._continued[ending, prefix, word] for word in wanted]

    def apart(
        self,
        before: str,
        left: Mapping[str, tuple[int, ...]],
        between: str,
        right: Mapping[str, tuple[int, ...]],
        after: str,
    ) -> bool:
        """Has every word of `left` and of `right` these tokens also where one follows the other? False as well where too
        many pairs were looked at."""
        key = (before, tuple(left.items()), between, tuple(right.items()), after)
        if key not in self._apart:
            self._pairs += len(left) * len(right)
            if self._pairs > _MOST_PAIRS:
                return False
            pairs = [(one, other) for one in left for other in right]
            texts = [before + one + between + other + after for one, other in pairs]
            self._apart[key] = all(
                self._tokens(text, encoding, one, len(before)) == left[one]
                and self._tokens(text, encoding, other, len(before + one + between)) == right[other]
                for (one, other), text, encoding in zip(
                    pairs, texts, self._tokenizer.encode_many(texts, chat=True), strict=True
                )
            )
        return self._apart[key]

    def _tokens(self, text: str, encoding: Encoding, word: str, start: int) -> Spelled:
        first, last = tokens_over(encoding.offsets, with_space(text, start), start + len(word))
        if first == last:
            return "has no tokens"
        shown = text_over(text, encoding.offsets, first, last)
        if shown != word:
            return f"shares a token with its neighbours ({shown!r})"
        return self._if_known(encoding.ids[first:last])

    def _if_known(self, ids: Sequence[int]) -> Spelled:
        if self._unknown is not None and self._unknown in ids:
            return "is unknown to the tokenizer"
        return tuple(ids)


def text_over(text: str, offsets: Sequence[tuple[int, int]], first: int, last: int) -> str:
    """What the tokens [first, last) stand for, without the space before it."""
    return text[offsets[first][0] : offsets[last - 1][1]].strip() if first < last else ""


def with_space(text: str, start: int) -> int:
    """Where a word begins whose space is a part of it: some tokenizers make a token of the space alone."""
    return start - 1 if start and text[start - 1] == " " else start


def tokens_over(offsets: Sequence[tuple[int, int]], start: int, stop: int, begin: int = 0) -> tuple[int, int]:
    """[first, last) of the tokens that stand for some of the characters [start, stop), looked for from `begin` on."""
    count = len(offsets)
    first = begin
    while first < count and (offsets[first][1] <= start or offsets[first][0] == offsets[first][1]):
        first += 1
    last = first
    while last < count and offsets[last][0] < stop:
        last += 1
    return first, last
