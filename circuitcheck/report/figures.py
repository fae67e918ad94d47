"""Pictures that claims showed, as files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from circuitcheck.files import write_whole
from circuitcheck.report.page.views import anchor_of
from circuitcheck.report.repeats import claim_name


def write_figures(folder: Path, claims: Sequence[dict[str, Any]]) -> list[Path]:
    """An .svg file for each picture, named by its claim, and numbered where that has several. Raises OSError."""
    taken: set[str] = set()
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for claim in claims:
        pictures = claim["pictures"]
        name = anchor_of(claim_name(claim), taken) if pictures else ""
        for number, each in enumerate(pictures, 1):
            path = folder / (f"{name}.svg" if len(pictures) == 1 else f"{name}.{number}.svg")
            write_whole(path, each["svg"])
            written.append(path)
    return written
