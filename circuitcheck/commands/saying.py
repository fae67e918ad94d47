"""What commands say, and where."""

import sys
from pathlib import Path

from circuitcheck.text import printable


class Plain:
    """Lines without colours, on standard output."""

    def section(self, title: str) -> None:
        sys.stdout.write(f"{f' {title} ':=^80}\n")

    def write_line(self, line: str, **_markup: bool) -> None:
        sys.stdout.write(f"{line}\n")


def refuse(sentence: str) -> int:
    """2, the exit code for what cannot be done as asked."""
    sys.stderr.write(f"{sentence}\n")
    return 2


def not_written(path: Path | None, error: Exception) -> int:
    return refuse(f"cannot write to {printable(str(path))}: {getattr(error, 'strerror', None) or error}")
