"""What the doctor found, as text, markdown and JSON."""

import json
from collections.abc import Sequence

from circuitcheck.engine.checkup import CheckUp, Finding

_HEADS = ("subject", "check")
_LEGEND = (
    "Errors are the largest deviation over the size of the effect that was expected. refused: this model has no such place. "
    "noted: nothing here depends on it."
)


def as_text(found: Sequence[CheckUp]) -> str:
    rows = _rows(found)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*map(_headline, found), "", *lines, "", *_details(found), "", _LEGEND, *map(_summary, found)]) + "\n"


def as_markdown(found: Sequence[CheckUp]) -> str:
    head, *rest = _rows(found)
    lines = [f"| {' | '.join(row)} |" for row in (head, tuple("---" for _ in head), *rest)]
    title = f"# What the doctor found on {found[0].model}"
    command = f"`circuitcheck doctor {found[0].model} {' '.join(f'--dtype {each.dtype}' for each in found)}`"
    made = f"Made by {command}; nothing here is written by hand."
    parts = [[title], [made], [f"- {_headline(each)}" for each in found], lines, [f"- {each}" for each in _details(found)]]
    return "\n\n".join("\n".join(part) for part in [*parts, [_LEGEND]] if part) + "\n"


def as_json(found: Sequence[CheckUp]) -> str:
    return json.dumps([each.as_dict() for each in found], indent=1) + "\n"


def _rows(found: Sequence[CheckUp]) -> list[tuple[str, ...]]:
    checks = list(dict.fromkeys((each.subject, each.check) for one in found for each in one.findings))
    by_check = [{(each.subject, each.check): each for each in one.findings} for one in found]
    heads = (*_HEADS, *(each.dtype for each in found))
    return [heads, *((*check, *(_cell(one.get(check)) for one in by_check)) for check in checks)]


def _cell(finding: Finding | None) -> str:
    if finding is None:
        return "-"
    return finding.status if finding.error is None else f"{finding.status} {finding.error:.1e}"


def _details(found: Sequence[CheckUp]) -> list[str]:
    """What is to be said beyond a number, once for all dtypes that it holds for."""
    said: dict[str, list[str]] = {}
    for one in found:
        for each in one.findings:
            if each.detail:
                said.setdefault(f"{each.subject}, {each.check}: {each.detail}", []).append(one.dtype)
    return [text if len(dtypes) == len(found) else f"{text} ({', '.join(dtypes)})" for text, dtypes in said.items()]


def _headline(found: CheckUp) -> str:
    return f"{found.model}, {found.dtype} on {found.device}, fingerprint {found.fingerprint}, {found.seconds:.1f} s"


def _summary(found: CheckUp) -> str:
    passed = sum(each.status == "passed" for each in found.findings)
    return f"{found.dtype}: {passed} passed, {len(found.failed)} failed"
