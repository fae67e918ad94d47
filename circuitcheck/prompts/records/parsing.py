"""From rows to records: every row is looked at, and everything that is wrong is told at once."""

import re
from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from typing import Any

from circuitcheck.errors import BadRecord
from circuitcheck.files import expanded
from circuitcheck.prompts.records.record import Record, Rejected
from circuitcheck.prompts.records.rejected import describe_rejected
from circuitcheck.prompts.records.rows import rows_of
from circuitcheck.prompts.schema.task import END
from circuitcheck.prompts.streams import STREAMS
from circuitcheck.text import a_kind, shown

_HALF = re.compile("[\ud800-\udfff]")
_SPAN = re.compile(r"\d{1,9}:\d{1,9}")
_LONGEST = 500_000  # characters: no model reads so many tokens, and a tokenizer takes seconds for them
_LONGEST_ANSWER = 10_000
_MOST_NAMES = 200  # of positions, and of counterfactuals, in one row
_MOST_CELLS = 2_000_000
_MOST = 1 << 23  # characters of all rows: a tokenizer takes some two seconds for a million


_MEANT = {  # names that are nearly right, and would be passed over like those of any other tool
    "counterfactual": "write counterfactuals, a mapping from names to texts, or a column counterfactual:NAME",
    **{f"{name}s": f"write {name}" for name in ("distractor", "template", "cluster", "stream")},
}


class _BadRow(Exception):
    """Why a row is not a record."""


def read_records(path: str | PathLike[str], *, strict: bool) -> tuple[tuple[Record, ...], tuple[Rejected, ...]]:
    """Records and the rows that are none. Raises BadRecord where no row is good, or `strict` and one is bad."""
    if not isinstance(path, str | PathLike):
        raise BadRecord(
            f"{shown(path)} is no path of a file; expected a .jsonl, .csv or .parquet file. Write rows that you have in "
            f"hand to one, as JSON, one object per line."
        )
    file = expanded(path)
    good: list[Record] = []
    bad: list[Rejected] = []
    together = _Together()
    held = cells = 0
    for place, row in rows_of(file):
        held, cells = held + sum(map(len, _texts_in(row))), cells + len(row)
        try:
            if isinstance(row, str):
                raise _BadRow(row)
            record = _record(place, row)
            good.append(together.added(record))
        except _BadRow as error:
            bad.append(Rejected(place, str(error)))
        if held > _MOST or cells > _MOST_CELLS:
            most = f"{_MOST:,} characters" if held > _MOST else f"{_MOST_CELLS:,} cells"
            raise BadRecord(f"{file.name} holds more than {most} in its rows: keep those that you need.")
    if bad and (strict or not good):
        raise BadRecord(describe_rejected(file.name, bad, len(good)))
    if not good:
        raise BadRecord(f"{file.name} has no rows.")
    return tuple(good), tuple(bad)


def _record(place: str, row: Mapping[str, Any]) -> Record:
    lacking = [name for name in ("text", "answer") if row.get(name) is None]
    if lacking:
        raise _BadRow(f"has no {' and no '.join(lacking)}; it has {', '.join(map(repr, row)) or 'nothing'}")
    _check_names(row)
    text, answer = _text(row, "text"), _text(row, "answer")
    if len(text) > _LONGEST:
        raise _BadRow(
            f"has a text of {len(text):,} characters; expected a prompt of at most {_LONGEST:,} (cc.corpus reads long texts)"
        )
    distractor = _text(row, "distractor") if row.get("distractor") is not None else None
    if max(len(answer), len(distractor or "")) > _LONGEST_ANSWER:
        raise _BadRow(f"has an answer or a distractor of more than {_LONGEST_ANSWER:,} characters: no text goes on so")
    if distractor == answer:
        raise _BadRow(f"has {answer!r} as answer and as distractor")
    for what, word in (("answer", answer), ("distractor", distractor or "")):
        _check_join(what, text, word)
    return Record(
        place,
        text,
        answer,
        distractor,
        tuple(_counterfactuals(row, text).items()),
        tuple((name, *_span(name, given, text)) for name, given in _positions(row, text).items()),
        _word(row, "cluster"),
        _word(row, "template"),
        _stream(row),
    )


def _check_names(row: Mapping[str, Any]) -> None:
    for name in _MEANT:
        if name in row:
            raise _BadRow(f"has a field {name!r}, which no record has: {_MEANT[name]}")


def _check_join(what: str, text: str, word: str) -> None:
    if text.endswith(" ") and word.startswith(" "):
        raise _BadRow(f"ends in a space, and its {what} {word!r} begins with one: leave out that of the text")
    if _cased(text[-1:]) and _cased(word[:1]):
        raise _BadRow(f"has the {what} {word!r} glued to {text.split()[-1]!r}: spell it as it continues, {' ' + word!r}")


def _texts_in(row: Mapping[str, Any] | str) -> list[str]:
    if isinstance(row, str):
        return [row]
    cells = [each for cell in row.values() for each in (cell.values() if isinstance(cell, dict) else (cell,))]
    return [cell for cell in cells if isinstance(cell, str)]


def _cased(letter: str) -> bool:
    """Is it of a script that writes spaces between words? Those are, nearly all, the ones with capital letters."""
    return letter.isalpha() and letter.lower() != letter.upper()


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row[name]
    if not isinstance(value, str):
        raise _BadRow(f"has the {name} {shown(value)}, {a_kind(value)}; expected text")
    if not value.strip():
        raise _BadRow(f"has an empty {name} ({shown(value)})")
    _check_whole(name, value)
    return value


def _check_whole(what: str, text: str) -> None:
    if _HALF.search(text):
        raise _BadRow(f"has a {what} with half a character (a lone surrogate): {text!r}")


def _word(row: Mapping[str, Any], name: str) -> str | None:
    value = row.get(name)
    if value is None:
        return None
    if isinstance(value, bool | float) or not isinstance(value, str | int):
        raise _BadRow(f"has the {name} {shown(value)}; expected a word or a whole number")
    _check_whole(name, str(value))
    return str(value)


def _stream(row: Mapping[str, Any]) -> str | None:
    stream = _word(row, "stream")
    if stream is not None and stream not in STREAMS:
        raise _BadRow(f"has the stream {stream!r}; expected {', '.join(STREAMS)}")
    return stream


def _counterfactuals(row: Mapping[str, Any], text: str) -> dict[str, str]:
    found = _named(row, "counterfactuals", "counterfactual:")
    for name, other in found.items():
        if not isinstance(other, str) or not other.strip():
            raise _BadRow(f"has {shown(other)} as counterfactual {name!r}; expected text")
        _check_whole(f"counterfactual {name!r}", other)
        if len(other) > _LONGEST:
            raise _BadRow(f"has a counterfactual {name!r} of {len(other):,} characters; expected {_LONGEST:,} at most")
        if other == text:
            raise _BadRow(f"has a counterfactual {name!r} that is the text itself")
        if name in ("clean", END):
            raise _BadRow(f"has a counterfactual called {name!r}: that word is taken")
    return found


def _named(row: Mapping[str, Any], field: str, prefix: str) -> dict[str, Any]:
    """A mapping column, and columns with its prefix."""
    given = row.get(field) if row.get(field) is not None else {}
    if not isinstance(given, Mapping):
        raise _BadRow(f"has {shown(given)} as {field}; expected a mapping from names")
    columns = {name.removeprefix(prefix): value for name, value in row.items() if name.startswith(prefix)}
    if len(given) + len(columns) > _MOST_NAMES:
        raise _BadRow(f"has {len(given) + len(columns):,} {field}; expected {_MOST_NAMES} at most")
    for name in (*given, *columns):
        _check_whole(f"name in {field}", str(name))
    return {**{name: value for name, value in given.items() if value is not None}, **columns}


def _positions(row: Mapping[str, Any], text: str) -> dict[str, Any]:
    """In columns of their own, `3:7` is a span, unless the text says so itself."""
    found = _named(row, "positions", "position:")
    for name, given in found.items():
        column = row.get(f"position:{name}")
        if isinstance(column, str) and _SPAN.fullmatch(column) and column not in text:
            start, _, stop = column.partition(":")
            found[name] = [int(start), int(stop)]
        elif given is column and isinstance(column, str) and _SPAN.fullmatch(column):
            raise _BadRow(f"has {column!r} as position {name!r}, which is a span and also stands in the text: use JSONL")
    return found


def _span(name: str, given: Any, text: str) -> tuple[int, int]:
    if name == END:
        raise _BadRow(f"has a position called {END}: every text's last token is")
    if not name.isidentifier():
        raise _BadRow(f"has a position called {name!r}; expected letters, digits and _, as in S1")
    if isinstance(given, str):
        return _occurrence(name, given, text)
    if isinstance(given, list | tuple) and len(given) == 2 and all(type(each) is int for each in given):
        return _checked_span(name, given[0], given[1], text)
    raise _BadRow(f"has {shown(given)} as position {name!r}; expected text that occurs once, or [start, end] in characters")


def _occurrence(name: str, words: str, text: str) -> tuple[int, int]:
    count = text.count(words) if words.strip() else 0
    if count != 1:
        raise _BadRow(
            f"has {words!r} as position {name!r}, which occurs {count} times in the text: give [start, end] in characters"
        )
    words_only = words.strip()
    start = text.index(words) + words.index(words_only)
    return start, start + len(words_only)


def _checked_span(name: str, start: int, stop: int, text: str) -> tuple[int, int]:
    if not 0 <= start < stop <= len(text):
        raise _BadRow(f"has position {name!r} at [{start}, {stop}], and the text has characters 0 to {len(text)}")
    if not text[start:stop].strip():
        raise _BadRow(f"has position {name!r} at [{start}, {stop}], where there is only white space")
    return start, stop


class _Together:
    """What rows must have in common: names, and no text twice."""

    def __init__(self) -> None:
        self._first: Record | None = None
        self._texts: dict[str, str] = {}
        self._streams: dict[str, tuple[str | None, str]] = {}

    def added(self, record: Record) -> Record:
        """The record with its names in the first one's order. Raises _BadRow for what does not go with the others."""
        first = self._first or record
        in_order = True
        for what, mine, theirs in (
            ("position", [name for name, _, _ in record.positions], [name for name, _, _ in first.positions]),
            (
                "counterfactual",
                [name for name, _ in record.counterfactuals],
                [name for name, _ in first.counterfactuals],
            ),
            (
                "field",
                ["distractor"] * (record.distractor is not None),
                ["distractor"] * (first.distractor is not None),
            ),
        ):
            for lacking in sorted({*theirs} - {*mine}):
                raise _BadRow(f"lacks the {what} {lacking!r} that {first.place} has")
            for extra in sorted({*mine} - {*theirs}):
                raise _BadRow(f"has the {what} {extra!r}, which {first.place} lacks")
            in_order &= mine == theirs
        if record.text in self._texts:
            raise _BadRow(f"repeats the text of {self._texts[record.text]}: rows that repeat are no evidence")
        if record.cluster is not None:
            stream, place = self._streams.setdefault(record.cluster, (record.stream, record.place))
            if stream != record.stream:
                raise _BadRow(f"has cluster {record.cluster!r} in another stream than {place}")
        self._texts[record.text] = record.place
        self._first = first
        if in_order:
            return record
        names, positions = dict(record.counterfactuals), {name: span for name, *span in record.positions}
        return replace(
            record,
            counterfactuals=tuple((name, names[name]) for name, _ in first.counterfactuals),
            positions=tuple((name, positions[name][0], positions[name][1]) for name, _, _ in first.positions),
        )
