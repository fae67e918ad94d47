"""Forms that a report can take; the suffix of its file says which."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from circuitcheck.files import write_whole
from circuitcheck.report.markdown import as_markdown
from circuitcheck.report.page.render import as_html
from circuitcheck.report.seal import sealed


def as_json(report: dict[str, Any]) -> str:
    """With digests of what it says."""
    return json.dumps(sealed(report), indent=2, allow_nan=False, ensure_ascii=False) + "\n"


FORMATS: dict[str, Callable[[dict[str, Any]], str]] = {".json": as_json, ".html": as_html, ".md": as_markdown}


def write_report(path: Path, report: dict[str, Any]) -> None:
    """Written whole or not at all: a reader never sees half a report. Raises OSError."""
    write_whole(path, FORMATS[path.suffix](report))
