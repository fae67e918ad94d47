"""Commands, options, names, files and headings that the pages speak of exist."""

import re

import pytest
from commands import commands_in, unknown_options, wrong_with
from pages import ROOT, headings, inline_code, links, pages, prose_lines, text_of

import circuitcheck as cc

LONGEST = 120
BY_A_PROGRAM = re.compile("nothing here is written by hand|^license: apache", re.MULTILINE)
NAMED = {"cc": cc, "task": cc.tasks.ioi(), "ioi": cc.tasks.ioi(), "model": cc.Model, "quantity": cc.Quantity}
DOTTED = re.compile(r"(?<![\w.])(\w+)((?:\.[a-zA-Z]\w*)+)")
FILE = re.compile(r"(?!\.|/)[\w./-]*/[\w./-]*?(\.(py|md|json|toml)|/)|(tests|docs|hypotheses|scripts|benchmarks)/[\w./-]+")


@pytest.mark.parametrize("page", pages())
def test_commands_exist_with_their_options(page):
    assert not [wrong for command in commands_in(text_of(page)) if (wrong := wrong_with(command))]
    assert not unknown_options(text_of(page))


@pytest.mark.parametrize("page", pages())
def test_names_of_the_package_exist(page):
    assert not unknown_names(text_of(page))


def unknown_names(text: str) -> list[str]:
    """Dotted names within sentences, such as `cc.Task.define`, that lead nowhere."""
    spoken = [span for span in inline_code(text) if not FILE.fullmatch(span)]
    spans = [re.sub(r'"[^"]*"', "", span) for span in spoken]  # names of claims look alike
    found = [match for span in spans for match in DOTTED.finditer(span)]
    return [match[0] for match in found if match[1] in NAMED and not leads_somewhere(NAMED[match[1]], match[2])]


def leads_somewhere(start: object, dotted: str) -> bool:
    for name in dotted.split(".")[1:]:
        if not hasattr(start, name):
            return False
        start = getattr(start, name)
    return True


@pytest.mark.parametrize("page", pages())
def test_links_lead_somewhere(page):
    assert not dead_links(page, text_of(page))


def dead_links(page: str, text: str) -> list[str]:
    """Links to files, folders and headings that are not there, and paths within sentences that are none. What lies on other
    machines is not looked at."""
    near = [link for link in links(text) if not link.startswith(("http:", "https:", "mailto:"))]
    spoken = [span for span in inline_code(text) if FILE.fullmatch(span)]
    return [link for link in near if not is_there(page, text, link)] + [span for span in spoken if not is_a_file(page, span)]


def is_there(page: str, text: str, link: str) -> bool:
    path, _, heading = link.partition("#")
    target = (ROOT / page).parent / path
    if not heading:
        return target.exists()
    return target.exists() and heading in headings(target.read_text(encoding="utf-8") if path else text)


def is_a_file(page: str, span: str) -> bool:
    return any((folder / span).exists() for folder in (ROOT, ROOT / "circuitcheck", (ROOT / page).parent))


@pytest.mark.parametrize("page", [page for page in pages() if not BY_A_PROGRAM.search(text_of(page))])
def test_lines_are_short(page):
    long = [number for number, line in prose_lines(text_of(page)) if len(line) > LONGEST]
    assert not long, f"{page}: lines of more than {LONGEST} characters: {long}"
