"""HTML for notebooks."""

from collections.abc import Iterable
from html import escape

_COLOURS = {"supported": "#1a7f37", "refuted": "#cf222e", "inconclusive": "#9a6700"}


def escape_code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def coloured(verdict: str) -> str:
    return f'<b style="color:{_COLOURS[verdict]}">{verdict}</b>'


def table(caption: str, rows: Iterable[tuple[str, str]]) -> str:
    """Of (heading, cell), which are HTML; a line break in a cell stays one."""
    body = "".join(
        f'<tr><th style="text-align:left">{name}</th><td style="text-align:left;white-space:pre-line">{cell}</td></tr>'
        for name, cell in rows
    )
    return f"<table><caption>{caption}</caption>{body}</table>"
