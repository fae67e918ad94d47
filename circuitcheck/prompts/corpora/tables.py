"""Documents in a column of JSONL, CSV or Parquet."""

import csv
import json
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from circuitcheck.errors import BadRecord
from circuitcheck.prompts.corpora.on_disk import OnDisk
from circuitcheck.prompts.records.rows import LONGEST_TEXT, check_lengths, damaged, lines_of, open_parquet


class JsonDocuments:
    """Line offsets are held, 8 bytes a document."""

    def __init__(self, path: Path, field: str) -> None:
        self._path, self._field, self._file = path, field, OnDisk(path)
        self._starts, self._lines = array("q"), array("q")
        with path.open("rb") as stream:
            offset = 0
            for number, line in enumerate(lines_of(stream, path.name), start=1):
                if line.strip():
                    self._starts.append(offset)
                    self._lines.append(number)
                offset += len(line)
        if not self._starts:
            raise BadRecord(f"{path.name} has no lines.")

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, number: int) -> str:
        place = f"{self._path.name}:{self._lines[number]}"
        with self._file.opened(number) as stream:
            stream.seek(self._starts[number])
            line = stream.readline()
        try:
            row = json.loads(line.decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            raise BadRecord(f"{place}: is not JSON in UTF-8 ({error}).") from error
        return _text(place, row, self._field)


class CsvDocuments:
    """Offsets of rows are held, 16 bytes a document."""

    def __init__(self, path: Path, field: str) -> None:
        self._path, self._field, self._file = path, field, OnDisk(path)
        self._starts, self._lines = array("q"), array("q")
        csv.field_size_limit(LONGEST_TEXT)
        with path.open("rb") as stream:
            lines = _Counted(stream, path.name)
            reader = csv.reader(lines, strict=True)
            try:
                self._header = next(reader, [])
                self._check_header()
                start, line = lines.offset, reader.line_num + 1
                for cells in reader:
                    if cells:
                        self._starts.append(start)
                        self._lines.append(line)
                    start, line = lines.offset, reader.line_num + 1
            except csv.Error as error:
                raise BadRecord(f"{path.name}:{reader.line_num}: is not CSV ({error}).") from error
        if not self._starts:
            raise BadRecord(f"{path.name} has no rows.")

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, number: int) -> str:
        with self._file.opened(number) as stream:
            stream.seek(self._starts[number])
            cells = next(csv.reader(_Counted(stream, self._path.name), strict=True))
        place = f"{self._path.name}:{self._lines[number]}"
        return _text(place, dict(zip(self._header, cells, strict=False)), self._field)

    def _check_header(self) -> None:
        if self._field not in self._header:
            raise BadRecord(
                f"{self._path.name}:1: has no column {self._field!r}; it has {', '.join(self._header)}. Say field=."
            )


class ParquetDocuments:
    """A row group is read at a time, and the last ones kept."""

    def __init__(self, path: Path, field: str) -> None:
        self._path, self._field = path, field
        self._file = open_parquet(path)
        if field not in self._file.schema_arrow.names:
            there = ", ".join(self._file.schema_arrow.names)
            raise BadRecord(f"{path.name}: has no column {field!r}; it has {there}. Say field=.")
        groups = range(self._file.num_row_groups)
        self._ends: list[int] = []
        for group in groups:
            self._ends.append((self._ends[-1] if self._ends else 0) + self._file.metadata.row_group(group).num_rows)
        if not len(self):
            raise BadRecord(f"{path.name} has no rows.")
        self._group = lru_cache(maxsize=2)(self._read_group)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, number: int) -> str:
        group = bisect_right(self._ends, number)
        start = self._ends[group - 1] if group else 0
        try:
            value = self._group(group)[number - start].as_py()
        except BadRecord:
            raise
        except (OSError, ValueError) as error:
            raise damaged(self._path, number + 1, error) from error
        return _text(f"{self._path.name}:{number + 1}", {self._field: value}, self._field)

    def _read_group(self, group: int) -> Any:
        column = self._file.read_row_group(group, columns=[self._field]).column(0)
        check_lengths(self._path, [column])
        return column


class _Counted:
    """Lines of a binary file as text, with the offset that has been read up to."""

    def __init__(self, stream: Any, name: str) -> None:
        self._stream, self._name, self.offset = stream, name, stream.tell()

    def __iter__(self) -> Iterator[str]:
        for line in lines_of(self._stream, self._name):
            start, self.offset = self.offset, self.offset + len(line)
            try:
                yield line.decode("utf-8-sig" if start == 0 else "utf-8")
            except UnicodeDecodeError as error:
                raise BadRecord(f"{self._name}: the line at byte {start} is not UTF-8; save the file as UTF-8.") from error


def _text(place: str, row: Any, field: str) -> str:
    if not isinstance(row, dict) or field not in row:
        there = ", ".join(map(str, row)) if isinstance(row, dict) else type(row).__name__
        raise BadRecord(f"{place}: has no {field!r}; it has {there}. Say field=.")
    value = row[field]
    if not isinstance(value, str):
        raise BadRecord(f"{place}: {field!r} is {value!r}; expected text.")
    return value
