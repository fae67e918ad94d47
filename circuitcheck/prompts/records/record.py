"""One row of a file, read and understood."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Record:
    """`place` is where it stands, `file.jsonl:12`. `positions` are (name, start, stop) in characters of `text`; `stream` is
    None where a hash decides."""

    place: str = field(metadata={"digest": False})
    text: str
    answer: str
    distractor: str | None = None
    counterfactuals: tuple[tuple[str, str], ...] = ()
    positions: tuple[tuple[str, int, int], ...] = ()
    cluster: str | None = None
    template: str | None = None
    stream: str | None = None


@dataclass(frozen=True)
class Rejected:
    """A row that is not used, and why."""

    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"
