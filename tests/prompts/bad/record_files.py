"""Record files of every format, from rows as JSON would have them."""

import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq

FORMATS = ("jsonl", "csv", "parquet")


def row(name, other):
    text = f"Then {name} met {other} and"
    return {
        "text": text,
        "answer": f" {name}",
        "distractor": f" {other}",
        "counterfactuals": {"abc": f"Then {other} met {name} and"},
        "positions": {"S1": name, "IO": [text.index(other), text.index(other) + len(other)]},
        "stream": "test",
    }


def flat(record):
    spelled = {f"counterfactual:{name}": text for name, text in record.pop("counterfactuals", {}).items()}
    for name, place in record.pop("positions", {}).items():
        spelled[f"position:{name}"] = place if isinstance(place, str) else f"{place[0]}:{place[1]}"
    return record | spelled


def json_line(record):
    return json.dumps(record).encode()


def csv_line(cells):
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue().encode()


def encoded(rows, suffix):
    """Bytes of a file; a row that is bytes is a line as it stands."""
    if suffix == "parquet":
        names = list(dict.fromkeys(name for each in rows for name in each))
        return parquet(**{name: [each.get(name) for each in rows] for name in names})
    if suffix == "jsonl":
        lines = [each if isinstance(each, bytes) else json_line(each) for each in rows]
    else:
        names = list(flat(row("Mary", "John")))
        cells = [each if isinstance(each, bytes) else flat(dict(each)) for each in rows]
        lines = [csv_line(names)] + [
            each if isinstance(each, bytes) else csv_line([each.get(name, "") for name in names]) for each in cells
        ]
    return b"\n".join([*lines, b""])


def parquet(**columns):
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def line_of(index, suffix):
    return index + {"jsonl": 1, "csv": 2, "parquet": 1}[suffix]


def write(folder, rows, suffix):
    path = folder / f"prompts.{suffix}"
    path.write_bytes(encoded(rows, suffix))
    return path
