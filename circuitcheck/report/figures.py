"""Pictures that claims showed: as files, and as many as a report holds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from circuitcheck.files import write_whole
from circuitcheck.pictures import notice
from circuitcheck.report.page.views import anchor_of
from circuitcheck.report.repeats import claim_name

MOST = 1 << 25  # characters of SVG in one report: what is read back may have 256 MB in all
_LEFT_OUT = (
    "Left out: the pictures of this run have more than {most:,} characters of SVG. --circuit-figures FOLDER writes each of "
    "them as a file."
)


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


def with_few_pictures(report: dict[str, Any], most: int = MOST) -> dict[str, Any]:
    """The report with pictures of `most` characters in all, in the order of its claims."""
    room = RoomForPictures(most)
    return {**report, "claims": [room.fitted(claim) for claim in report["claims"]]}


class RoomForPictures:
    """For `most` characters of SVG: in the place of what no longer fits stands a picture that says so."""

    def __init__(self, most: int = MOST) -> None:
        self._most, self._left = most, most

    def fitted(self, claim: dict[str, Any]) -> dict[str, Any]:
        return {**claim, "pictures": [self._fitted(each) for each in claim["pictures"]]}

    def _fitted(self, picture: dict[str, str]) -> dict[str, str]:
        self._left -= len(picture["svg"])
        if self._left >= 0:
            return picture
        return {**picture, "svg": notice(picture["title"], _LEFT_OUT.format(most=self._most)).replace("\n", "")}
