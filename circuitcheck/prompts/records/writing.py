"""Prompts as a file that `read_records` reads."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from typing import Any

from circuitcheck.errors import BadRecord
from circuitcheck.files import expanded, write_whole
from circuitcheck.prompts.prompt import Labels, Prompt
from circuitcheck.prompts.schema.task import END
from circuitcheck.prompts.tokenizer import Tokenizer


def write_records(
    path: str | PathLike[str], prompts: Iterable[tuple[Prompt, Labels]], tokenizer: Tokenizer, stream: str
) -> int:
    """Writes one row for each prompt, whole or not at all; returns how many. Raises BadRecord for an extension that is not
    known, and for a place that cannot be written to."""
    file = expanded(path)
    if file.suffix.lower() not in _WRITERS:
        raise BadRecord(f"{file} has the extension {file.suffix!r}; expected {', '.join(_WRITERS)}.")
    rows = [_row(prompt, labels, tokenizer, stream) for prompt, labels in prompts]
    try:
        write_whole(file, _WRITERS[file.suffix.lower()](rows))
    except OSError as error:
        raise BadRecord(f"{str(file)[:200]} cannot be written ({error.strerror}): name a file that can.") from error
    return len(rows)


def _row(prompt: Prompt, labels: Labels, tokenizer: Tokenizer, stream: str) -> dict[str, Any]:
    offsets = tokenizer.encode_many([prompt.text], chat=True)[0].offsets
    row: dict[str, Any] = {"text": prompt.text, "answer": prompt.answer}
    if prompt.distractor is not None:
        row["distractor"] = prompt.distractor
    if prompt.counterfactuals:
        row["counterfactuals"] = {name: other.text for name, other in prompt.counterfactuals.items()}
    spans = {name: _span(prompt.text, offsets, at) for name, at in prompt.positions.items() if name != END}
    if spans:
        row["positions"] = spans
    if labels.sampling_unit is not None:
        row["cluster"] = labels.sampling_unit
    return {**row, "template": prompt.template, "stream": stream}


def _span(text: str, offsets: tuple[tuple[int, int], ...], tokens: tuple[int, ...]) -> list[int]:
    start, stop = offsets[tokens[0]][0], offsets[tokens[-1]][1]
    words = text[start:stop]
    return [start + len(words) - len(words.lstrip()), start + len(words.rstrip())]


def _json_lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _csv(rows: list[dict[str, Any]]) -> bytes:
    flat = [_flat(row) for row in rows]
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, list(dict.fromkeys(name for row in flat for name in row)))
    writer.writeheader()
    writer.writerows(flat)
    return stream.getvalue().encode()


def _flat(row: Mapping[str, Any]) -> dict[str, str]:
    plain = {name: value for name, value in row.items() if name not in ("counterfactuals", "positions")}
    others = {f"counterfactual:{name}": text for name, text in row.get("counterfactuals", {}).items()}
    spans = {f"position:{name}": f"{start}:{stop}" for name, (start, stop) in row.get("positions", {}).items()}
    return {**plain, **others, **spans}


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise BadRecord("writing Parquet needs pyarrow: pip install pyarrow") from error
    stream = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), stream)
    return bytes(stream.getvalue())


_WRITERS: dict[str, Callable[[list[dict[str, Any]]], bytes]] = {
    ".jsonl": _json_lines,
    ".csv": _csv,
    ".parquet": _parquet,
}
