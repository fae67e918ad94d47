"""How results look in a notebook."""

from html import escape

from circuitcheck.quantities.questions.result import ComparisonResult, percent

_COLOURS = {"supported": "#1a7f37", "refuted": "#cf222e", "inconclusive": "#9a6700"}


def escape_code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def _verdict(verdict: str) -> str:
    return f'<b style="color:{_COLOURS[verdict]}">{verdict}</b>'


def comparison_table(result: ComparisonResult) -> str:
    """A small table: verdict, estimate, interval, prompts, method, receipts."""
    if result.parts:
        parts = "".join(f"<li>{comparison_table(part)}</li>" for part in result.parts)
        return f"{escape_code(result.expression)}: {_verdict(result.decision.verdict)}<ul>{parts}</ul>"
    decision = result.decision
    rows = [
        ("verdict", _verdict(decision.verdict)),
        ("estimate", f"{decision.estimate:.4g}"),
        (f"{percent(decision.confidence)} interval", f"[{decision.low:.4g}, {decision.high:.4g}]"),
        ("prompts", f"{decision.n} from {result.templates} {result.groups}, {escape(result.stream)} stream"),
        ("method", escape(decision.method)),
        *((("reason", escape(decision.reason)),) if decision.reason else ()),
        *(("warning", escape(warning)) for warning in result.warnings),
        *(("note", escape(note)) for note in decision.notes),
        *((("controls", escape(result.control.describe())),) if result.control else ()),
        *(
            ("proof", f"{escape(each.intervention)}: {each.changed} of {each.prompts} prompts changed")
            for each in result.receipts
        ),
    ]
    body = "".join(
        f'<tr><th style="text-align:left">{name}</th><td style="text-align:left">{value}</td></tr>' for name, value in rows
    )
    return f"<table><caption>{escape_code(result.expression)}</caption>{body}</table>"
