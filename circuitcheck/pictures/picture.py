"""A picture that a notebook shows, and a file holds."""

import re
from dataclasses import dataclass
from html import unescape
from os import PathLike
from pathlib import Path

from circuitcheck.files import write_whole

_TITLE = re.compile(r"<title[^>]*>([^<]*)</title>")


@dataclass(frozen=True)
class Picture:
    """`svg`, and str() of it, is the whole picture as text: static, and readable by a screen reader."""

    svg: str

    @property
    def title(self) -> str:
        """The first that it has; empty where it has none."""
        found = _TITLE.search(self.svg)
        return unescape(found[1]) if found else ""

    def save(self, path: str | PathLike[str]) -> None:
        """Write it as an .svg file. Raises ValueError for another suffix, OSError."""
        found = Path(path)
        if found.suffix != ".svg":
            raise ValueError(f"{found} does not end in .svg: pictures are written as SVG.")
        write_whole(found, self.svg)

    def __str__(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<picture, {len(self.svg):,} characters of SVG: .save('map.svg') writes it>"

    def _repr_html_(self) -> str:
        return self.svg
