"""The pages of this repository, and what stands in them: blocks of code, inline code, links, headings."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
NOT_OURS = {"build", "dist", "node_modules"}
MARKER = re.compile(r"<!-- (?P<word>not run|slow|printed by): (?P<rest>\S.*?) -->")


@dataclass(frozen=True)
class Block:
    """A block of code. `line` is that of its first line of text, counted from 1. `comment` is the HTML comment directly
    before it, "" where there is none."""

    page: str
    line: int
    language: str
    text: str
    comment: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def marker(self) -> tuple[str, str]:
        """("not run" | "slow" | "printed by", what comes after the colon), or two empty texts."""
        found = MARKER.fullmatch(self.comment)
        return (found["word"], found["rest"]) if found else ("", "")

    @property
    def kind(self) -> str:
        """What runs it: "not run", "tests" (pytest), "cells", "shell", "printed" (compared with what was printed) or
        "nothing", which is an error."""
        word, _ = self.marker
        if word == "not run":
            return word
        if self.comment and not word:
            return "nothing"
        if self.language == "python":
            return "nothing" if word == "printed by" else "tests" if defines_tests(self.text) else "cells"
        kind = {"sh": "shell", "text": "printed", "": "printed"}.get(self.language, "nothing")
        return kind if not word or (word == "printed by" and kind == "printed") else "nothing"

    @property
    def is_slow(self) -> bool:
        return self.marker[0] in ("slow", "printed by")


def defines_tests(source: str) -> bool:
    """Whether pytest would find a test in it."""
    return bool(names_of_tests(source))


def names_of_tests(source: str) -> list[str]:
    return [
        each.name for each in ast.parse(source).body if isinstance(each, ast.FunctionDef) and each.name.startswith("test")
    ]


@cache
def pages() -> tuple[str, ...]:
    """Every Markdown file of the repository, as paths from its root. Folders that begin with a dot and what is built are
    left out."""
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*.md"))
    return tuple(sorted(str(path) for path in found if not any(_left_out(part) for part in path.parts)))


def _left_out(part: str) -> bool:
    return part.startswith(".") or part in NOT_OURS


@cache
def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@cache
def blocks_of(page: str) -> tuple[Block, ...]:
    return tuple(blocks_in(text_of(page), page))


def all_blocks() -> list[Block]:
    return [block for page in pages() for block in blocks_of(page)]


def blocks_in(text: str, page: str = "page.md") -> Iterator[Block]:
    """Fenced and indented blocks alike, at any depth of lists and quotations."""
    before = ""
    for token in _tokens(text):
        if token.type in ("fence", "code_block"):
            assert token.map is not None
            first = token.map[0] + (2 if token.type == "fence" else 1)
            yield Block(page, first, token.info.strip(), token.content, before)
        before = token.content.strip() if token.type == "html_block" else ""


def idle_markers(text: str) -> int:
    """How many markers stand before no block, and so say nothing of any."""
    comments = [token.content for token in _tokens(text) if token.type == "html_block"]
    return len(MARKER.findall("".join(comments))) - sum(bool(block.marker[0]) for block in blocks_in(text))


def inline_code(text: str) -> list[str]:
    return [child.content for child in _inline(text) if child.type == "code_inline"]


def links(text: str) -> list[str]:
    """Targets of links and images, as written."""
    found = (child.attrGet("href") or child.attrGet("src") for child in _inline(text))
    return [str(each) for each in found if each]


def headings(text: str) -> set[str]:
    """Names by which links reach the headings of a page, as GitHub makes them."""
    tokens = _tokens(text)
    titles = [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def prose_lines(text: str) -> list[tuple[int, str]]:
    """(number, line) of the lines that are neither in a block of code nor in a table."""
    coded = {n for token in _tokens(text) if token.type in ("fence", "code_block") and token.map for n in range(*token.map)}
    return [(n + 1, line) for n, line in enumerate(text.splitlines()) if n not in coded and not line.startswith("|")]


@cache
def _tokens(text: str) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(text)


def _inline(text: str) -> Iterator[Token]:
    for token in _tokens(text):
        yield from token.children or ()
