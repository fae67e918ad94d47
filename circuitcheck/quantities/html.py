"""How results look in a notebook."""

from html import escape

from circuitcheck.quantities.result import ComparisonResult

_COLOURS = {"supported": "#1a7f37", "refuted": "#cf222e", "inconclusive": "#9a6700"}


def escape_code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def comparison_table(result: ComparisonResult) -> str:
    """A small table: verdict, estimate, interval, prompts, method, receipts."""
    decision = result.decision
    colour = _COLOURS[decision.verdict]
    rows = [
        ("verdict", f'<b style="color:{colour}">{decision.verdict}</b>'),
        ("estimate", f"{decision.estimate:.4g}"),
        (f"{decision.confidence:.0%} interval", f"[{decision.low:.4g}, {decision.high:.4g}]"),
        ("prompts", f"{decision.n} from {result.templates} templates, {escape(result.stream)} stream"),
        ("method", escape(decision.method)),
        *((("reason", escape(decision.reason)),) if decision.reason else ()),
        *(("warning", escape(warning)) for warning in result.warnings),
        *(
            ("proof", f"{escape(each.intervention)}: {each.changed} of {each.prompts} prompts changed")
            for each in result.receipts
        ),
    ]
    body = "".join(
        f'<tr><th style="text-align:left">{name}</th><td style="text-align:left">{value}</td></tr>' for name, value in rows
    )
    return f"<table><caption>{escape_code(result.expression)}</caption>{body}</table>"
