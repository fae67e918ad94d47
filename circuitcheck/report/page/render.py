"""The page itself: what its template is given."""

import json
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from circuitcheck.report.drifted import HEADS, SinceBaseline, rows_of_drift, since_baseline
from circuitcheck.report.log import VERDICTS
from circuitcheck.report.page.matrix import matrix_of
from circuitcheck.report.page.strips import HEIGHT, WIDTH
from circuitcheck.report.page.views import ClaimView, cut, views_of
from circuitcheck.report.remarks import advice, few_prompts, importance, searches, wrong_with_run
from circuitcheck.report.repeats import Claim, claim_name
from circuitcheck.text import in_reading_order

if TYPE_CHECKING:
    from jinja2 import Template

_FOLDER = "circuitcheck.report.page"


def as_html(report: dict[str, Any]) -> str:
    """One file, complete in itself. Every text in it is escaped."""
    claims = report["claims"]
    views = views_of(claims, _options(report))
    since, anchors = since_baseline(report), {claim_name(view.claim): view.anchor for view in views}
    remarks = [*few_prompts(claims), *searches(report), *advice(report["correction"])]
    return template("page.html.jinja").render(
        report=report,
        verdicts=[(verdict, report["summary"][verdict]) for verdict in VERDICTS],
        wrong=list(map(cut, wrong_with_run(report))),
        remarks=list(map(cut, remarks)),
        first=sorted((view for view in views if not view.claim["as_expected"]), key=lambda view: importance(view.claim)),
        files=_by_file(views),
        since=since,
        drift_heads=HEADS,
        drift_rows=_rows_of_drift(since, anchors),
        matrix=matrix_of(views, report["turns"]),
        environments=_environments(report),
        extra=cut(json.dumps(report["extra"], indent=2, ensure_ascii=False)) if "extra" in report else "",
        width=WIDTH,
        height=HEIGHT,
    )


def _rows_of_drift(since: SinceBaseline | None, anchors: dict[str, str]) -> list[tuple[str, list[str]]]:
    """(where the claim is on the page, its cells)"""
    changed = [] if since is None else since.changed
    return [(anchors[claim["claim"]], list(map(cut, row))) for claim in changed for row in rows_of_drift(claim)]


@cache
def template(name: str) -> "Template":
    """One of this folder, which escapes every text."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined  # late: most runs write no page

    return Environment(
        loader=FunctionLoader(lambda name: files(_FOLDER).joinpath(name).read_text("utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: in_reading_order(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template(name)


def _options(report: dict[str, Any]) -> Callable[[Claim], Sequence[str]]:
    """On the command line of the run that each claim is of."""
    of_all = report["environment"].get("options", [])
    runs = report.get("merged", {}).get("runs", [])
    of_claim = {name: run["environment"].get("options", []) for run in runs for name in run["claims"]}
    return lambda claim: of_claim.get(claim_name(claim), of_all)


def _by_file(views: Sequence[ClaimView]) -> dict[str, list[ClaimView]]:
    found: dict[str, list[ClaimView]] = {}
    for view in views:
        found.setdefault(view.claim["node"].partition("::")[0], []).append(view)
    return found


def _environments(report: dict[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """(run, its lines): one run, or those that were merged."""
    runs = report.get("merged", {}).get("runs", [])
    named = [(f"{run['file']} ({len(run['claims'])} claims)", run["environment"]) for run in runs]
    return [(name, _said(environment)) for name, environment in named or [("", report["environment"])]]


def _said(environment: dict[str, Any]) -> list[tuple[str, str]]:
    said = [(name.replace("_", " "), _in_words(value)) for name, value in environment.items()]
    return [(name, cut(words)) for name, words in said if words]


def _in_words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{each} {words}" for each, words in value.items())
    if isinstance(value, list):
        return " ".join(map(str, value))
    return "" if value is None else str(value)
