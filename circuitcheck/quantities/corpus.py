"""Running text as a task."""

import re
from collections.abc import Callable, Mapping
from os import PathLike, fspath
from pathlib import Path

from circuitcheck.arguments import known_arguments
from circuitcheck.errors import BadRecord, BadTask
from circuitcheck.places import parse_position
from circuitcheck.prompts.corpora import After, CorpusSource, Last, Predicate, TokenInContext, open_documents, predicate_of
from circuitcheck.quantities.task import Task
from circuitcheck.text import shown

_ALL = 1 << 30  # more tokens than a document may have


@known_arguments
def corpus(
    source: str | PathLike[str],
    *,
    context: int = 128,
    where: After | str | re.Pattern[str] | Callable[[TokenInContext], object] | None = None,
    documents: int = 2000,
    per_document: int | None = 16,
    field: str = "text",
    separator: str | None = None,
    split: str = "train",
    name: str | None = None,
    keys: Mapping[str, Last] | None = None,
    marks: Mapping[str, object] | None = None,
) -> Task:
    """Running text as a task whose rows are token positions: END is the position, the answer the token after it.

    `source`: a .txt, .jsonl, .csv or .parquet file, `hub:owner/name`, or the bundled `stories`. Up to `documents` of it are
    drawn and cut into pieces of `context` tokens. `where` picks positions: `cc.after(text)`, a regular expression found in
    the token, or a function of a `TokenInContext` (then the task is of this process only). Rows come one of each document,
    then a second of each, up to `per_document` (None: all of it); positions of one document count as one. Where many rows
    are of one text, it is run once for all of them. `keys={"SAYS": cc.last(r" says| said")}` gives each row more positions
    by name; rows without them are left out. `marks={"quote": cc.after('!"')}` says of each row whether a predicate chooses
    its token, for `cc.marked("quote")`.

    Raises BadRecord for a source that cannot be read, BadTask for numbers that mean nothing.
    """
    most = _ALL if per_document is None else per_document
    for what, number, least in (("context", context, 2), ("documents", documents, 1), ("per_document", most, 1)):
        if isinstance(number, bool) or not isinstance(number, int) or number < least:
            raise BadTask(f"cc.corpus has {what}={number!r}; expected a whole number from {least}.")
    if not isinstance(source, str | PathLike):
        raise BadRecord(f"cc.corpus got {shown(source)}; expected the path of a file, 'hub:owner/name', or a bundled name.")
    given = fspath(source)
    found, content = open_documents(given, field=field, separator=separator, split=split, at_most=documents)
    made = CorpusSource(
        name=name or Path(given.removeprefix("hub:")).stem,
        content=content,
        where=predicate_of(where),
        context=context,
        drawn=documents,
        per_document=most,
        documents=found,
        keys=_checked_keys(keys),
        marks=_checked_marks(marks),
    )
    return Task(made)


def _checked_keys(keys: object) -> tuple[tuple[str, Last], ...]:
    """Raises BadTask for what names no tokens."""
    if keys is None:
        return ()
    if not isinstance(keys, Mapping) or not all(isinstance(key, Last) for key in keys.values()):
        raise BadTask(f"keys={shown(keys)}; expected names with cc.last(...), such as {{'SAYS': cc.last(r' says| said')}}.")
    for name in keys:
        found = parse_position(name) if isinstance(name, str) else None
        if found is None or found.offset or found.span or found.name == "END":
            raise BadTask(f"keys names a position {shown(name)}; expected a name of letters and digits, such as 'SAYS'.")
    return tuple(keys.items())


def _checked_marks(marks: object) -> tuple[tuple[str, Predicate], ...]:
    """Raises BadTask for what are no predicates."""
    if marks is None:
        return ()
    if not isinstance(marks, Mapping) or not all(isinstance(name, str) and name for name in marks):
        raise BadTask(f"marks={shown(marks)}; expected names with predicates, such as {{'quote': cc.after('!\"')}}.")
    return tuple((name, predicate_of(predicate)) for name, predicate in marks.items())
