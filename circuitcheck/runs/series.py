"""One claim over models, checkpoints or runs: its estimates and intervals in order, as rows and as a drawing."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from circuitcheck.arguments import known_arguments
from circuitcheck.errors import BadRecord
from circuitcheck.pictures import Picture
from circuitcheck.report.cells import leaf_rows
from circuitcheck.report.page.plot import Place, drawn
from circuitcheck.runs.baseline import claims_in
from circuitcheck.runs.reading import Record, read_report
from circuitcheck.text import printable, shown, suggestion

Axis = Literal["step", "model", "when", "revision"]
_AXES = ("step", "model", "when", "revision")
_STEP = re.compile(r"(\d+)\D*$")  # the last number of a revision


@dataclass(frozen=True)
class Point:
    """A claim on one model in one run. `step` is the last number of the model's revision, as 4000 of `m@step4000`; `when`
    and `revision` (of the claims' own folder) are those of the run. Numbers are None where nothing was measured."""

    claim: str
    model: str | None
    step: int | None
    when: str | None
    revision: str | None
    verdict: str
    expected: str
    estimate: float | None
    low: float | None
    high: float | None
    prompts: int


@dataclass(frozen=True, eq=False)
class Series:
    """Of one claim, or of one of its comparisons. Its points are in the order in which models were
    named, then runs by time."""

    claim: str
    _points: tuple[Point, ...]
    _places: tuple[Place, ...]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One for each point, as `pandas.DataFrame(series.rows)` takes them."""
        return [{name: getattr(point, name) for name in Point.__dataclass_fields__} for point in self._points]

    @known_arguments
    def plot(self, *, x: Axis = "model") -> Picture:
        """An upright interval for each point, equally far apart, beside what is claimed (shaded). `x` orders and labels
        them: by "step", the number at the end of a model's revision; as models were named; by the time or revision of runs.

        Raises ValueError for points without such a label, or without any number.
        """
        if x not in _AXES:
            raise ValueError(f"plot(): x={shown(x)}; expected {', '.join(map(repr, _AXES))}.")
        pairs = list(zip(self._points, self._places, strict=True))
        without = [point.model or "no model" for point in self._points if getattr(point, x) is None]
        if without:
            raise ValueError(f"plot(): {self.claim} has no {x} on {', '.join(without)}. {_INSTEAD[x]}")
        if x != "model":
            pairs.sort(key=lambda pair: getattr(pair[0], x))
        svg = drawn([replace(place, label=str(getattr(point, x))) for point, place in pairs], self.claim, alone=True)
        if not svg:
            verdicts = ", ".join(point.verdict for point in self._points)
            raise ValueError(f"plot(): {self.claim} has no number on any model, and came out {verdicts}.")
        return Picture(f"{svg}\n")

    def __len__(self) -> int:
        return len(self._points)

    def __repr__(self) -> str:
        return f"<{self.claim}: {', '.join(f'{point.model} {point.verdict}' for point in self._points)}>"


_INSTEAD = {
    "step": "A step is the last number of a revision, as in m@step4000: say x='model'.",
    "model": "Its test names none: say x='when'.",
    "when": "A baseline does not say when: give a report.",
    "revision": "Its run was outside of git: say x='when'.",
}


class AllSeries(Mapping[str, Series]):
    """By a claim's id: `cc.series("report.json")["ioi.mover"]`; of several comparisons of one claim, that of a number
    from 1: `["ioi.mover", 2]`."""

    def __init__(self, claims: Mapping[str, Sequence[tuple[str, str | None, Record]]]) -> None:
        self._claims = claims

    def __getitem__(self, key: object) -> Series:
        """Raises BadRecord for a claim that is not there, or that makes several comparisons."""
        asked, number = key if isinstance(key, tuple) and len(key) == 2 else (key, None)
        if asked not in self._claims:
            raise BadRecord(f"no run has a claim {shown(asked)}.{suggestion(str(asked), self._claims)}")
        found = [_point(when, revision, claim, number) for when, revision, claim in self._claims[str(asked)]]
        return Series(str(asked), tuple(point for point, _ in found), tuple(place for _, place in found))

    def __iter__(self) -> Iterator[str]:
        return iter(self._claims)

    def __len__(self) -> int:
        return len(self._claims)


@known_arguments
def series(runs: str | Path | Sequence[str | Path]) -> AllSeries:
    """The claims of a report, or of several, as series: of one claim over models, checkpoints or dates. Takes JSON reports,
    journals and baselines. Raises BadRecord for what is none of these, and ValueError for no run."""
    paths = [Path(runs)] if isinstance(runs, str | Path) else [Path(each) for each in runs]
    if not paths:
        raise ValueError("series(): no run is given; expected the path of a report, or several.")
    read = sorted((run for path in paths for run in [_read(path)]), key=lambda run: run[0])
    found: dict[str, list[tuple[str, str | None, Record]]] = {}
    for when, revision, claims in read:
        for claim in claims:
            found.setdefault(claim["id"], []).append((when, revision, claim))
    return AllSeries({name: _in_order(results) for name, results in found.items()})


def _read(path: Path) -> tuple[str, str | None, Sequence[Record]]:
    try:
        report = read_report(path)
    except BadRecord:
        return "", None, claims_in(path)  # a baseline, or it says what is wrong
    environment = report["environment"]
    return environment["time"], environment["commit"], report["claims"]


def _in_order(results: Sequence[tuple[str, str | None, Record]]) -> list[tuple[str, str | None, Record]]:
    named = list(dict.fromkeys(model for _, _, claim in results for model in [*claim["models"], claim["param"]]))
    return sorted(results, key=lambda result: named.index(result[2]["param"]))


def _point(when: str, revision: str | None, claim: Record, number: int | None) -> tuple[Point, Place]:
    rows = leaf_rows(dict(claim))
    if number is None and len(rows) > 1:
        raise BadRecord(f"{claim['id']} makes {len(rows)} comparisons; say which, from 1: series[{claim['id']!r}, 1].")
    place = 1 if number is None else number
    if not isinstance(place, int) or (rows and not 1 <= place <= len(rows)):
        raise BadRecord(f"{claim['id']} makes {len(rows)} comparisons, and none is number {shown(number)}.")
    row = rows[place - 1] if rows else None
    found, model = None if row is None else row.comparison, claim["param"]
    step = _STEP.search((model or "").partition("@")[2].partition("+")[0])
    verdict = claim["verdict"] if found is None or number is None else found["verdict"]
    low, high = (None, None) if found is None else found["ci"]
    point = Point(
        claim["id"],
        model,
        int(step[1]) if step else None,
        when or None,
        revision,
        verdict,
        claim["expected"],
        None if found is None else found["estimate"],
        low,
        high,
        0 if found is None else found["n"],
    )
    return point, Place(printable(model or claim["id"]), verdict, found, row is not None and row.denied)
