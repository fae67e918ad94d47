"""Positions: names that a task gives to tokens of its prompts, with relative forms."""

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

from circuitcheck.errors import UnknownPosition
from circuitcheck.given import whole_of
from circuitcheck.text import shown

START = "START"  # the first token that the model reads, in every prompt: its BOS, where it has one
_FORM = re.compile(r"([A-Za-z_]\w*)(?:([+-]\d{1,9})|(\[:\]))?")


@dataclass(frozen=True, order=True)
class Position:
    """`S1`: the last token of what the task calls S1. `S1+1`: one token later. `S1[:]`: every token of its span. `START+3`
    is token 3 of any prompt, counted from 0 with the BOS, `END-1` the last but one."""

    name: str
    offset: int = 0
    span: bool = False

    def __str__(self) -> str:
        return f"{self.name}{'[:]' if self.span else f'{self.offset:+d}' if self.offset else ''}"

    def is_among(self, names: Container[str]) -> bool:
        """Has a prompt with positions of these names it?"""
        return self.name in names or self.name == START

    def indices_in(self, positions: Mapping[str, tuple[int, ...]], length: int) -> tuple[int, ...]:
        """Token indices in a prompt of `length` tokens with these positions. Raises UnknownPosition."""
        return self.indices(positions.get(self.name, (0,)) if self.name == START else positions[self.name], length)

    def indices(self, span: tuple[int, ...], length: int) -> tuple[int, ...]:
        """Token indices in a prompt of `length` tokens, given the tokens of the named span.

        Raises UnknownPosition where the position falls outside the prompt.
        """
        indices = span if self.span else (span[-1] + self.offset,)
        if indices[0] < 0 or indices[-1] >= length:
            raise UnknownPosition(
                f"position {self} is token {indices[-1]} of a prompt that has tokens 0 to {length - 1}: "
                f"{self.name} ends at token {span[-1]}."
            )
        return indices


@dataclass(frozen=True)
class AllBut:
    """Every token of a prompt but these."""

    positions: tuple[Position, ...]


At = tuple[Position, ...] | AllBut | None  # None is every token


def named_in(at: At) -> tuple[Position, ...]:
    """The positions that a prompt must have for `at` to mean something."""
    return at.positions if isinstance(at, AllBut) else at or ()


def parse_at(at: str | Iterable[str] | None) -> tuple[Position, ...] | None:
    """Positions in the order given, each once; None means every position.

    Raises UnknownPosition for words that are no position and for an empty list.
    """
    if at is None:
        return None
    if not isinstance(at, Iterable) or not all(isinstance(each, str) for each in at):
        raise UnknownPosition(
            f"at={shown(at)} is no name of a position: a token's number differs from prompt to prompt. Expected END, or a "
            f"name that the task gives (task.positions), such as 'S1', 'S1+1' or 'S1[:]'.{_numbered(at)}"
        )
    texts = [at] if isinstance(at, str) else sorted(at) if isinstance(at, set | frozenset) else at  # a set has no order
    words = [word for text in texts for word in re.split(r"[,\s]+", text) if word]
    if not words:
        raise UnknownPosition(f"no positions in {shown(at)}: leave `at` out (or None) for every position.")
    return tuple(dict.fromkeys(_parse(word) for word in words))


def _numbered(at: object) -> str:
    """What to write for a token's number, where that is meant."""
    number = whole_of(at)
    if number is None:
        return ""
    meant = (
        f"START{number:+d}" if number > 0 else "START" if number == 0 else f"END{number + 1:+d}" if number < -1 else "END"
    )
    return f" Token {number} of every prompt, a BOS counted, is {meant!r}."


def parse_position(position: str) -> Position:
    """Exactly one position. Raises UnknownPosition for none, several, or words that are none."""
    found = parse_at(position)
    if found is None or len(found) != 1:
        raise UnknownPosition(f"{shown(position)} is not one position.")
    return found[0]


def _parse(word: str) -> Position:
    match = _FORM.fullmatch(word)
    if match is None:
        raise UnknownPosition(f"{word!r} is not a position. Expected a name (END), NAME+1, NAME-1 or NAME[:].")
    return Position(match[1], int(match[2] or 0), match[3] is not None)
