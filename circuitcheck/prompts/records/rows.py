"""Rows of a file as mappings, whatever its format. What cannot be read is a reason in words, and the rest goes on."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from circuitcheck.errors import BadRecord
from circuitcheck.files import each_once
from circuitcheck.prompts.readable import check_readable
from circuitcheck.text import a_kind, first_line, repeated

_LARGEST = 1 << 26  # bytes: records are held in memory, unlike a corpus
_MOST_ROWS = 50_000  # a claim measures some hundreds; so many take some seconds
_MOST_LINES = 5_000_000  # empty ones, and those of cells with several
_LONGEST_LINE = 1 << 25  # bytes
LONGEST_TEXT = 1 << 24  # bytes in a cell of a table, characters in one of CSV, whose own limit of 131,072 is too few
_MOST_COLUMNS, _MOST_GROUPS = 1_000, 10_000  # of a Parquet file: each takes a part of a millisecond
_ROWS = 256  # of a table, at a time
_BATCH = 1 << 26  # bytes: what texts within lists and mappings can take of it
Row = tuple[str, Mapping[str, Any] | str]  # where it stands; its cells, or why it cannot be read


def rows_of(path: Path) -> Iterator[Row]:
    """Raises BadRecord where the file as a whole cannot be read, or has more rows than are read."""
    check_readable(path, f"one file, {_KNOWN}", most=_LARGEST)
    read = _READERS.get(path.suffix.lower())
    if read is None:
        raise BadRecord(f"{path} has the extension {path.suffix!r}; expected {_KNOWN}.")
    return _not_too_many(path, read(path))


def _not_too_many(path: Path, rows: Iterator[Row]) -> Iterator[Row]:
    for number, row in enumerate(rows):
        if number == _MOST_ROWS:
            raise _too_many(path, "rows", _MOST_ROWS)
        yield row


def _too_many(path: Path, what: str, most: int, has: int | None = None) -> BadRecord:
    said = f"more than {most:,} {what}" if has is None else f"{has:,} {what}, and {most:,} at most are read"
    return BadRecord(
        f"{path.name} has {said}. A claim measures some hundreds: keep a random part of them, or read running text with "
        f"cc.corpus."
    )


def lines_of(stream: Any, name: str) -> Iterator[bytes]:
    """Of a binary file. Raises BadRecord for one that would fill the memory."""
    while line := stream.readline(_LONGEST_LINE + 1):
        if len(line) > _LONGEST_LINE:
            raise BadRecord(f"{name} has a line of more than {_LONGEST_LINE >> 20} MB: divide its texts.")
        yield line


def _json_lines(path: Path) -> Iterator[Row]:
    is_first = True
    with path.open("rb") as stream:
        for number, line in enumerate(lines_of(stream, path.name), start=1):
            text = (line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line).strip()
            if number > _MOST_LINES:
                raise _too_many(path, "lines", _MOST_LINES)
            if is_first and (text[:1] == b"[" or text == b"{"):
                raise BadRecord(
                    f"{path.name} is JSON over several lines, or one list; expected JSON Lines: one object per line, with "
                    f"text and answer, and nothing around them."
                )
            if text:
                is_first = False
                yield f"{path.name}:{number}", _json_row(text)


def _json_row(line: bytes) -> Mapping[str, Any] | str:
    try:
        row = json.loads(line.decode("utf-8"), object_pairs_hook=each_once)
    except UnicodeDecodeError as error:
        return f"is not UTF-8 (byte {error.start} of the line)"
    except (ValueError, RecursionError) as error:
        return f"is not JSON ({error})"
    return row if isinstance(row, dict) else f"is the JSON of {a_kind(row)}; expected an object with text and answer"


def _csv_rows(path: Path) -> Iterator[Row]:
    csv.field_size_limit(LONGEST_TEXT)
    text = _decoded(path)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    start = 1
    try:
        header = next(reader, None)
        if header is None:
            return
        _check_header(path, header)
        start = reader.line_num + 1
        for cells in reader:
            if reader.line_num > _MOST_LINES:
                raise _too_many(path, "lines", _MOST_LINES)
            if cells:
                yield f"{path.name}:{start}", _csv_row(header, cells)
            start = reader.line_num + 1
    except csv.Error as error:
        raise BadRecord(f"{path.name}:{start}: is not CSV ({error})") from error


def _csv_row(header: list[str], cells: list[str]) -> Mapping[str, Any] | str:
    if len(cells) != len(header):
        return f"has {len(cells)} cells, and the header {len(header)}: put cells that hold commas in quotes"
    return {name: cell for name, cell in zip(header, cells, strict=True) if cell}


def _check_header(path: Path, header: list[str]) -> None:
    lacking = [name for name in ("text", "answer") if name not in header]
    if lacking:
        raise BadRecord(
            f"{path.name}:1: the header has no column {' and no '.join(lacking)}; it has {', '.join(header)}."
            + (" Cells are separated by commas." if any(each in header[0] for each in ";\t|") else "")
        )
    twice = sorted(repeated(header))
    if twice:
        raise BadRecord(f"{path.name}:1: the header has {', '.join(twice)} more than once.")


def _decoded(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadRecord(f"{path.name}:{line}: is not UTF-8 (byte {error.start} of the file); save it as UTF-8.") from error


def _parquet_rows(path: Path) -> Iterator[Row]:
    file = open_parquet(path)
    lacking = [name for name in ("text", "answer") if name not in file.schema_arrow.names]
    if lacking:
        there = ", ".join(file.schema_arrow.names)
        raise BadRecord(f"{path.name}: the table has no column {' and no '.join(lacking)}; it has {there}.")
    if file.metadata.num_rows > _MOST_ROWS:
        raise _too_many(path, "rows", _MOST_ROWS, file.metadata.num_rows)
    number = 0
    try:
        for batch in file.iter_batches(batch_size=_rows_at_once(file)):
            check_lengths(path, batch.columns)
            for row in batch.to_pylist():
                number += 1
                yield f"{path.name}:{number}", {name: _plain(cell) for name, cell in row.items() if cell is not None}
    except BadRecord:
        raise
    except (OSError, ValueError) as error:
        raise damaged(path, number + 1, error) from error


def _rows_at_once(file: Any) -> int:
    """Texts within lists and mappings are written out as they are read, each at most as long as all that stands in its part
    of the file."""
    groups = (file.metadata.row_group(number) for number in range(file.metadata.num_row_groups))
    columns = (group.column(number) for group in groups for number in range(group.num_columns))
    nested: list[int] = [each.total_uncompressed_size for each in columns if "." in each.path_in_schema]
    return max(1, min(_ROWS, _BATCH // max([1, *nested])))


def damaged(path: Path, row: int, error: Exception) -> BadRecord:
    """For what pyarrow says of a page that cannot be read."""
    return BadRecord(f"{path.name}: the table cannot be read from row {row} on ({first_line(error)}).")


def open_parquet(path: Path) -> Any:
    """A `pyarrow` ParquetFile. Raises BadRecord for what is none, and where pyarrow is not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise BadRecord(f"reading {path} needs pyarrow: pip install pyarrow") from error
    try:
        schema = pyarrow.parquet.read_schema(path)
        names, texts = schema.names, [each.name for each in schema if pyarrow.types.is_string(each.type)]
        file = pyarrow.parquet.ParquetFile(path, read_dictionary=list(dict.fromkeys(texts)))
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise BadRecord(f"{path.name}: is not Parquet ({str(error).splitlines()[0]})") from error
    for noun, count, most in (
        ("columns", len(names), _MOST_COLUMNS),
        ("row groups", file.metadata.num_row_groups, _MOST_GROUPS),
    ):
        if count > most:
            raise BadRecord(f"{path.name}: the table has {count:,} {noun}, and {most:,} at most are read: write it anew.")
    twice = sorted(repeated(names))
    if twice:
        raise BadRecord(f"{path.name}: the table has {', '.join(twice)} more than once.")
    return file


def check_lengths(path: Path, columns: Iterable[Any]) -> None:
    """Of texts in Parquet, before they are written out: a few bytes of a dictionary can stand for gigabytes. Raises
    BadRecord."""
    import pyarrow
    import pyarrow.compute

    for column in columns:
        for piece in column.chunks if isinstance(column, pyarrow.ChunkedArray) else [column]:
            texts = piece.dictionary if isinstance(piece, pyarrow.DictionaryArray) else piece
            if not (pyarrow.types.is_string(texts.type) or pyarrow.types.is_large_string(texts.type)):
                continue
            longest = pyarrow.compute.max(pyarrow.compute.binary_length(texts)).as_py() or 0
            if longest > LONGEST_TEXT:
                raise BadRecord(
                    f"{path.name}: a text has {longest:,} bytes, and {LONGEST_TEXT:,} at most are read: divide it."
                )


def _plain(cell: Any) -> Any:
    """Map columns come as lists of pairs, and a struct has every row's keys."""
    if isinstance(cell, list) and cell and all(isinstance(each, tuple) and len(each) == 2 for each in cell):
        cell = dict(cell)
    if isinstance(cell, dict):
        return {name: value for name, value in cell.items() if value is not None}
    return cell


_READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".jsonl": _json_lines,
    ".csv": _csv_rows,
    ".parquet": _parquet_rows,
}
_KNOWN = "a .jsonl, .csv or .parquet file"
