"""Character offsets for tokenizers that give none."""

from collections.abc import Callable, Sequence

from circuitcheck.errors import BadTask


def offsets_by_decoding(
    ids: Sequence[int], text: str, decode: Callable[[Sequence[int]], str], name: str
) -> tuple[tuple[int, int], ...]:
    """[start, end) of each token in `text`, from what growing prefixes of `ids` decode to. Tokens that share a character
    (parts of one emoji) all have it.

    Raises BadTask where decoding does not give the text back: then no offset could be trusted.
    """
    if decode(ids) != text:
        raise BadTask(
            f"the tokenizer of {name} gives no character offsets, and decodes {text!r} to {decode(ids)!r}: where its tokens "
            f"lie cannot be told. Use a fast tokenizer (tokenizer.json)."
        )
    offsets, start = [], 0
    for count in range(1, len(ids) + 1):
        decoded = decode(ids[:count])
        whole = _shared(decoded, text)
        end = whole if whole == len(decoded) else whole + 1  # a token that ends inside a character
        offsets.append((start, max(end, start)))
        start = whole
    return tuple(offsets)


def _shared(one: str, other: str) -> int:
    """Length of the longest common beginning."""
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return index
    return min(len(one), len(other))
