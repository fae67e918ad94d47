"""Several specs in one text: `EleutherAI/pythia-160m@step{512,4000}` is two of them."""

import re
from collections.abc import Sequence
from itertools import product

from circuitcheck.errors import BadSpec
from circuitcheck.text import repeated, shown

_BRACES = re.compile(r"\{([^{}]*)\}")
_AT_COMMAS = re.compile(r",(?![^{}]*\})")  # those outside of braces
_MOST = 1000


def expanded_specs(text: str) -> tuple[str, ...]:
    """The specs that a text stands for, in the order of what is in its braces; of a text without braces, itself. Raises
    BadSpec for braces that hold nothing, or do not belong together."""
    pieces = _BRACES.split(text)  # text, inside, text, inside, ..., text
    if any(sign in piece for piece in pieces[::2] for sign in "{}"):
        raise BadSpec(f"{shown(text)}: braces do not belong together; expected one pair within no other, as in {_EXAMPLE}.")
    choices = [[piece] if number % 2 == 0 else _inside(piece, text) for number, piece in enumerate(pieces)]
    count = 1
    for each in choices:
        count *= len(each)
    if count > _MOST:
        raise BadSpec(f"{shown(text)} stands for {count:,} models; expected {_MOST:,} at most.")
    return tuple("".join(parts) for parts in product(*choices))


def listed_specs(text: str) -> tuple[str, ...]:
    """Of a list with commas, `gpt2,pythia-160m@step{512,4000}`. Raises BadSpec for one that names
    nothing, or a model twice."""
    found = [spec for each in _AT_COMMAS.split(text) for spec in expanded_specs(each.strip())]
    if not all(found):
        raise BadSpec(f"{shown(text)}: there is nothing between two commas; expected model specs, as in {_EXAMPLE}.")
    return each_once(found)


def each_once(specs: Sequence[str]) -> tuple[str, ...]:
    """Raises BadSpec for a model that is there twice: its evidence would count twice."""
    twice = repeated(specs)
    if twice:
        raise BadSpec(f"the model {twice[0]!r} is named twice: name each once.")
    return tuple(specs)


_EXAMPLE = "pythia-160m@step{512,4000}"


def _inside(text: str, whole: str) -> list[str]:
    parts = [part.strip() for part in text.split(",")]
    if not all(parts) or ".." in text:
        why = "hold a range" if ".." in text else "hold nothing, or nothing between two commas"
        raise BadSpec(f"{shown(whole)}: the braces {{{text}}} {why}; expected each part in words, as in {_EXAMPLE}.")
    return parts
