"""The history of claims as one HTML page, without scripts, that needs no network."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from circuitcheck.report.cells import leaf_rows
from circuitcheck.report.page.plot import Place, drawn
from circuitcheck.report.page.render import template
from circuitcheck.report.page.views import anchor_of, cut
from circuitcheck.runs.history import Cells, Entry, cells_of, day
from circuitcheck.text import counted, printable

_DECIDED = ("supported", "refuted")
_DRAWN = 60  # runs of one claim that were new evidence, the last


@dataclass(frozen=True)
class _Row(Cells):
    """`turned`: its verdict is another than that of the run before in which the claim was decided."""

    turned: bool


@dataclass(frozen=True)
class _Claim:
    name: str
    anchor: str
    text: str
    drawing: object  # an SVG that is not escaped again
    rows: list[_Row]
    changes: list[str]


def as_html(entries: Sequence[Entry]) -> str:
    """Every text in it is escaped."""
    taken: set[str] = set()
    claims = [_claim(name, list(found), taken) for name, found in groupby(entries, key=lambda entry: entry.claim)]
    times = sorted({entry.when for entry in entries})
    runs = len({(entry.when, entry.file) for entry in entries})
    return template("history.html.jinja").render(
        title=f"{counted(len(claims), 'claim')} over {counted(runs, 'run')}",
        claims=claims,
        changed=[claim for claim in claims if claim.changes],
        first=day(times[0]),
        last=day(times[-1]),
    )


def _claim(name: str, entries: Sequence[Entry], taken: set[str]) -> _Claim:
    from markupsafe import Markup  # late: jinja2 brings it, and most commands write no page

    rows, changes, before = [], [], None
    for entry in entries:
        turned = before is not None and entry.verdict in _DECIDED and entry.verdict != before.verdict
        if turned and before is not None:
            changes.append(f"{entry.verdict} on {day(entry.when)}, {before.verdict} on {day(before.when)}")
        before = entry if entry.verdict in _DECIDED else before
        found = cells_of(entry)
        rows.append(_Row(**vars(found), turned=turned))
    places = [_place(entry) for entry in entries if not entry.same_as][-_DRAWN:]
    return _Claim(
        cut(name), anchor_of(name, taken), cut(entries[-1].text), Markup(drawn(places, name)), rows, list(map(cut, changes))
    )


def _place(entry: Entry) -> Place:
    rows = leaf_rows(dict(entry.record))
    only = rows[0] if len(rows) == 1 else None
    label = printable(day(entry.when))
    return Place(label, entry.verdict, only.comparison, only.denied) if only else Place(label, entry.verdict, None)
