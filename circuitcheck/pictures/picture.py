"""A picture that a notebook shows, and a file holds."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from circuitcheck.files import write_whole


@dataclass(frozen=True)
class Picture:
    """`svg`, and str() of it, is the whole picture as text: static, and readable by a screen reader."""

    svg: str

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
