"""A feature's page: static HTML that needs no script and no other file. All text that comes from elsewhere is escaped."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from circuitcheck.files import write_whole
from circuitcheck.quantities.scanned.drawing import histogram_as_svg, sparkline
from circuitcheck.quantities.scanned.effects import ClaimEffect
from circuitcheck.quantities.scanned.shown import Example, Histogram
from circuitcheck.text import counted, printable

_AROUND = 28  # tokens on either side of an example's own
_WORDS = 5  # tokens on either side, in the list of pages
_STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --soft: #59636e; --back: #ffffff; --line: #d1d9e0; --bar: #0969da;
  --shade: 9, 105, 218; --up: #1a7f37; --down: #cf222e; --open: #9a6700 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9198a1; --back: #0d1117; --line: #3d444d;
  --bar: #4493f8; --shade: 68, 147, 248; --up: #3fb950; --down: #f85149; --open: #d29922 } }
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; font: 15px/1.5 system-ui, sans-serif; color: var(--ink);
  background: var(--back) }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem }
a { color: var(--bar) } .soft { color: var(--soft) }
table { border-collapse: collapse } td, th { padding: .2rem .9rem .2rem 0; text-align: left; vertical-align: top }
th { color: var(--soft); font-weight: normal } td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
tr + tr td { border-top: 1px solid var(--line) }
svg { display: block; max-width: 100%; height: auto } svg text { fill: var(--soft); font: 11px system-ui, sans-serif }
svg rect { fill: var(--bar) } svg line { stroke: var(--line) }
.example { display: flex; gap: 1rem; padding: .35rem 0; border-top: 1px solid var(--line) }
.example .value { flex: 0 0 12rem; text-align: right; font-variant-numeric: tabular-nums }
.example .text { font-family: ui-monospace, monospace; font-size: 13px; white-space: pre-wrap; overflow-wrap: break-word }
.example b { border-bottom: 2px solid var(--bar); font-weight: 600 }
.pair { display: flex; flex-wrap: wrap; gap: 3rem } code { font-family: ui-monospace, monospace; font-size: 13px;
  white-space: pre-wrap }
.supported { color: var(--up) } .refuted, .error { color: var(--down) } .inconclusive, .skipped { color: var(--open) }
"""


@dataclass(frozen=True, eq=False)
class FeaturePage:
    """What is on the page of feature `number`, called `name`. `facts` are (label, words); `firing` (which tokens, how many,
    on how many of them it fires)."""

    number: int
    name: str
    facts: Sequence[tuple[str, str]]
    histogram: Histogram
    firing: Sequence[tuple[str, int, int]]
    examples: Sequence[Example]
    promoted: Sequence[tuple[str, float]] = ()
    suppressed: Sequence[tuple[str, float]] = ()
    effects: Sequence[ClaimEffect] = ()


def write_pages(folder: Path, title: str, facts: Sequence[tuple[str, str]], pages: Sequence[FeaturePage]) -> Path:
    """`index.html` and one page for each feature; gives the path of the first. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for page in pages:
        write_whole(folder / _file_of(page), page_html(page))
    index = folder / "index.html"
    write_whole(index, index_html(title, facts, pages))
    return index


def index_html(title: str, facts: Sequence[tuple[str, str]], pages: Sequence[FeaturePage]) -> str:
    """The list of pages."""
    rows = [
        (
            f'<a href="{_file_of(page)}">{_safe(page.name)}</a>',
            *(_safe(words) for _, words in page.facts[:3]),
            sparkline(page.histogram),
            _shortly(page.examples),
        )
        for page in pages
    ]
    heads = ("feature", *(label for label, _ in (pages[0].facts[:3] if pages else ())), "activations", "largest at")
    return _document(title, f"<h1>{_safe(title)}</h1>{_facts(facts)}<h2>Features</h2>{_table(heads, rows)}")


def page_html(page: FeaturePage) -> str:
    """One feature's."""
    parts = [
        f'<p><a href="index.html">all features</a></p><h1>{_safe(page.name)}</h1>{_facts(page.facts)}',
        f"<h2>Activations where it fires</h2>{histogram_as_svg(page.histogram)}",
        f"<h2>How often it fires</h2>{_firing(page.firing)}",
        _tokens_changed(page),
        f"<h2>Largest activations</h2>{''.join(map(_example, page.examples)) or '<p>It never fires.</p>'}",
        _claims(page.effects),
    ]
    return _document(page.name, "".join(parts))


def _document(title: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{_safe(title)}</title><style>{_STYLE}</style></head>\n<body>{body}</body></html>\n"
    )


def _file_of(page: FeaturePage) -> str:
    return f"feature-{page.number}.html"


def _safe(text: str) -> str:
    """Text of others: control characters as escapes, and nothing in it is HTML."""
    return escape(printable(text))


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    return f"<table>{''.join(f'<tr><th>{_safe(label)}</th><td>{_safe(words)}</td></tr>' for label, words in facts)}</table>"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Of cells that are HTML."""
    head = "".join(f"<th>{_safe(each)}</th>" for each in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _firing(firing: Iterable[tuple[str, int, int]]) -> str:
    rows = [
        (_safe(which), f"{fires:,} of {tokens:,}", f"{fires / tokens:.3%}" if tokens else "no such token")
        for which, tokens, fires in firing
    ]
    return _table(("tokens", "fires on", "share"), rows)


def _tokens_changed(page: FeaturePage) -> str:
    if not page.promoted and not page.suppressed:
        return ""
    both = (("Promoted tokens", page.promoted), ("Suppressed tokens", page.suppressed))
    tables = "".join(
        f"<div><h2>{title}</h2>"
        + _table(("token", "effect"), [(_code(token), f"{effect:+.3f}") for token, effect in effects])
        + "</div>"
        for title, effects in both
    )
    return f'<div class="pair">{tables}</div>'


def _example(example: Example) -> str:
    near = example.around(_AROUND)
    most = max((abs(each) for each in example.activations), default=0.0) or 1.0
    words = "".join(_token(example, index, most) for index in near)
    begins_later = near.start > 0 or (example.position or 0) > example.place  # than the document
    before, after = "…" if begins_later else "", "…" if near.stop < len(example.tokens) else ""
    where = "" if example.document is None else f"document {example.document}, token {example.position}"
    return (
        f'<div class="example"><div class="value">{example.value:.4g}<br><span class="soft">{where}</span></div>'
        f'<div class="text">{before}{words}{after}</div></div>'
    )


def _token(example: Example, index: int, most: float) -> str:
    """Shaded by its activation; the token that the example is of is underlined."""
    value, text = example.activations[index], _visible(example.tokens[index])
    if index == example.place:
        text = f"<b>{text}</b>"
    if not value:
        return text
    shade = f"background: rgba(var(--shade), {0.1 + 0.6 * abs(value) / most:.2f})"
    return f'<span style="{shade}" title="{value:.4g}">{text}</span>'


def _visible(token: str) -> str:
    """Line ends as a sign, so that an example stays one paragraph."""
    return _safe(token.replace("\r\n", "↵").replace("\n", "↵"))


def _code(token: str) -> str:
    return f"<code>{_visible(token)}</code>"


def _shortly(examples: Sequence[Example]) -> str:
    if not examples:
        return '<span class="soft">never fires</span>'
    first = examples[0]
    words = "".join(
        f"<b>{_visible(first.tokens[i])}</b>" if i == first.place else _visible(first.tokens[i])
        for i in first.around(_WORDS)
    )
    return f"<code>{words}</code>"


def _claims(effects: Sequence[ClaimEffect]) -> str:
    if not effects:
        return ""
    rows = [
        (
            f'<b class="{_safe(each.verdict)}">{_safe(each.verdict)}</b>',
            f'{_safe(each.text)}<br><span class="soft">{_safe(each.claim)}</span>',
            _safe(each.intervention),
            f"{each.fires:,} of {counted(each.prompts, 'prompt')}",
            "<br>".join(map(_estimate, each.comparisons)),
        )
        for each in effects
    ]
    return f"<h2>Claims that name it</h2>{_table(('verdict', 'claim', 'what was done', 'fired on', 'measured'), rows)}"


def _estimate(comparison: tuple[str, float | None, float | None, float | None]) -> str:
    expression, estimate, low, high = comparison
    if estimate is None or low is None or high is None:
        return f"{_safe(expression)}: no number"
    return f"{_safe(expression)}: {float(estimate):.4g} [{float(low):.4g}, {float(high):.4g}]"
