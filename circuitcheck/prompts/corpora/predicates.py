"""Which tokens of running text to look at."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import ClassVar, Protocol
from weakref import WeakKeyDictionary

from circuitcheck.digest import THIS_PROCESS
from circuitcheck.errors import BadTask
from circuitcheck.text import shown

_tokens: WeakKeyDictionary[object, int] = WeakKeyDictionary()
_next_token = count()

Ends = Sequence[int]  # for each token, the character after its last


@dataclass(frozen=True)
class TokenInContext:
    """`text` of a token, white space before it included; all text `before` it; its `index` in the document, from 0."""

    text: str
    before: str
    index: int


class Predicate(Protocol):
    """`digest_parts` is plain data that tells predicates apart."""

    @property
    def digest_parts(self) -> tuple[str, ...]: ...
    @property
    def looks_back(self) -> int:
        """How many characters before a token's end must have been read."""
        ...

    def describe(self) -> str: ...
    def choose(self, text: str, ends: Ends) -> list[int]:
        """Indices of the tokens, in order."""
        ...


@dataclass(frozen=True)
class After:
    """Tokens that end where `ending` has just been read."""

    ending: str

    @property
    def digest_parts(self) -> tuple[str, ...]:
        return ("after", self.ending)

    @property
    def looks_back(self) -> int:
        return len(self.ending)

    def describe(self) -> str:
        """In words."""
        return f"after {self.ending!r}"

    def choose(self, text: str, ends: Ends) -> list[int]:
        """Indices of the tokens, in order."""
        wanted, start = set(), text.find(self.ending)
        while start >= 0:
            wanted.add(start + len(self.ending))
            start = text.find(self.ending, start + 1)
        last = {
            end: index for index, end in enumerate(ends)
        }  # of the tokens that share a character, the one that completes it
        return sorted(last[end] for end in wanted if end in last)


@dataclass(frozen=True)
class Matching:
    """Tokens in whose text a regular expression is found."""

    pattern: str
    flags: int = 0
    looks_back: ClassVar[int] = 0

    @property
    def digest_parts(self) -> tuple[str, ...]:
        return ("matching", self.pattern, str(self.flags))

    def describe(self) -> str:
        """In words."""
        return f"tokens matching {self.pattern!r}"

    def choose(self, text: str, ends: Ends) -> list[int]:
        """Indices of the tokens, in order."""
        found = re.compile(self.pattern, self.flags)
        starts = (0, *ends[:-1])
        return [index for index, (start, end) in enumerate(zip(starts, ends, strict=True)) if found.search(text[start:end])]


@dataclass(frozen=True)
class Chosen:
    """Tokens that a function says yes to: of this process only."""

    function: Callable[[TokenInContext], object]
    digest_parts: tuple[str, ...] = field(init=False)
    looks_back: ClassVar[int] = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest_parts", (THIS_PROCESS, str(_token_of(self.function))))

    def describe(self) -> str:
        """In words."""
        return f"tokens chosen by {getattr(self.function, '__name__', 'a function')}"

    def choose(self, text: str, ends: Ends) -> list[int]:
        """Indices of the tokens, in order."""
        starts = (0, *ends[:-1])
        return [
            index
            for index, (start, end) in enumerate(zip(starts, ends, strict=True))
            if self.function(TokenInContext(text[start:end], text[:start], index))
        ]


@dataclass(frozen=True)
class Last:
    """The last token before END, of the tokens that `predicate` chooses."""

    predicate: Predicate

    @property
    def digest_parts(self) -> tuple[str, ...]:
        return ("last", *self.predicate.digest_parts)

    def describe(self) -> str:
        """In words."""
        return f"the last of {self.predicate.describe()}"


@dataclass(frozen=True)
class BothOf:
    """Tokens that two predicates choose."""

    one: Predicate
    other: Predicate

    @property
    def digest_parts(self) -> tuple[str, ...]:
        return ("both", *self.one.digest_parts, "and", *self.other.digest_parts)

    @property
    def looks_back(self) -> int:
        return max(self.one.looks_back, self.other.looks_back)

    def describe(self) -> str:
        """In words."""
        return f"{self.one.describe()}, {self.other.describe()}"

    def choose(self, text: str, ends: Ends) -> list[int]:
        """Indices of the tokens, in order."""
        return sorted({*self.one.choose(text, ends)} & {*self.other.choose(text, ends)})


@dataclass(frozen=True)
class Every:
    """All tokens."""

    digest_parts = ("every",)
    looks_back = 0

    def describe(self) -> str:
        """In words."""
        return "every token"

    def choose(self, text: str, ends: Ends) -> list[int]:  # noqa: ARG002 - the call of every predicate
        """Indices of the tokens, in order."""
        return list(range(len(ends)))


def is_local(predicate: "Predicate | Last") -> bool:
    """Is it, or a part of it, a function of this process?"""
    return THIS_PROCESS in predicate.digest_parts


def both_of(one: Predicate, other: Predicate) -> Predicate:
    """Tokens that both choose."""
    return other if isinstance(one, Every) else one if isinstance(other, Every) else BothOf(one, other)


def _token_of(function: object) -> int:
    """A number of this function's own: its id would be given away again when it is gone."""
    try:
        return _tokens.setdefault(function, next(_next_token))
    except TypeError:  # what no weak reference can be made to is another one each time
        return next(_next_token)


def after(ending: str) -> After:
    """For `cc.corpus(..., where=cc.after('!"'))`: the positions where the text read so far ends so.

    Raises BadTask for an empty ending."""
    if not isinstance(ending, str) or not ending:
        raise BadTask(f"cc.after({ending!r}) is after nothing; expected text, such as '!\"'.")
    return After(ending)


def last(where: object) -> Last:
    """For `cc.corpus(..., keys={"SAYS": cc.last(r" says| said")})`: a position that each row has, the last token before its
    END that `where` (a regular expression, `cc.after(text)`, a function of a token) chooses. Rows without one are left out.

    Raises BadTask for what is no predicate."""
    if where is None or isinstance(where, Last):
        raise BadTask(f"cc.last({shown(where)}) names no tokens; expected a regular expression, such as r' says| said'.")
    return Last(predicate_of(where))


def predicate_of(given: object) -> Predicate:
    """Raises BadTask for what is no predicate."""
    if given is None:
        return Every()
    if isinstance(given, re.Pattern):
        if not isinstance(given.pattern, str):
            raise BadTask(f"where={shown(given)} matches bytes; expected a regular expression over text.")
        return Matching(given.pattern, given.flags & ~re.UNICODE)
    if isinstance(given, str):
        try:
            re.compile(given)
        except re.error as error:
            raise BadTask(
                f"where={shown(given)} is no regular expression ({error}); for text as it is, cc.after({shown(given)})."
            ) from error
        return Matching(given)
    if isinstance(given, After | Matching | Chosen | Every | BothOf):
        return given
    if callable(given):
        return Chosen(given)
    raise BadTask(f"where={shown(given)}; expected cc.after(text), a regular expression, or a function of a token.")
