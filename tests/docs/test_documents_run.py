"""Every block of code in the pages is run, and prints what the page shows.

How a page could be wrong and pass:

- a block that nobody runs: in another language, indented, in a list, on a page that is not looked at, after a marker without
  a reason;
- a claim that is skipped because its model is not there;
- an output that nothing compares, or only in part;
- a comparison that nobody asks;
- an option, a command, a file, a heading or a name that is called otherwise now.

tests/docs/test_wrong_pages.py plants each of these.
"""

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from claims_of_pages import run_claims, with_texts
from pages import ROOT, Block, all_blocks, blocks_of, idle_markers, pages, text_of
from shown import missing_lines, refuse_idle_lines, run_cells


def having(kind: str, slow: bool = False) -> list[str]:
    """Pages with a block of this kind."""
    return [page for page in pages() if any(b.kind == kind and b.is_slow == slow for b in blocks_of(page))]


@pytest.mark.parametrize("block", all_blocks(), ids=lambda block: block.place)
def test_every_block_is_run_by_something(block):
    assert block.kind != "nothing", f"{block.place}: language {block.language!r}, comment {block.comment!r}: nothing runs it"
    if block.language == "python" and block.kind != "not run":
        refuse_idle_lines(block)
    if block.kind == "not run":
        pytest.skip(f"{block.place} is not run: {block.marker[1]}")


@pytest.mark.parametrize("page", pages())
def test_every_marker_stands_before_a_block(page):
    assert idle_markers(text_of(page)) == 0


@pytest.mark.sampled(2)
@pytest.mark.parametrize("page", having("cells"))
def test_cells_print_what_is_shown(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_page(blocks_of(page))


def run_page(blocks: tuple[Block, ...]) -> None:
    """All cells of a page, in one module, as a notebook has it; a block of text right after one shows all that it
    printed."""
    page = ModuleType("__main__")
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(sys.modules, "__main__", page)
        for block, text in with_texts(blocks):
            if block.kind == "cells":
                printed = run_cells(block, vars(page))
                assert text in ("", printed), f"{block.place}: what is printed is\n{printed}"


@pytest.mark.parametrize("page", pages())
def test_every_text_has_what_prints_it(page):
    blocks = blocks_of(page)
    for before, block in zip([None, *blocks], blocks, strict=False):
        if block.kind == "printed" and block.marker[0] != "printed by":
            assert getattr(before, "kind", "") in ("tests", "cells"), f"{block.place}: say what prints it"


@pytest.mark.sampled(1)
@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("page", having("tests"))
def test_claims_come_out_as_the_page_shows(page, pytester):
    run_claims(page, pytester, slow=False)


@pytest.mark.slow
@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("page", having("tests", slow=True))
def test_slow_claims_come_out_as_the_page_shows(page, pytester):
    run_claims(page, pytester, slow=True)


@pytest.mark.slow
@pytest.mark.parametrize("block", [b for b in all_blocks() if b.marker[0] == "printed by"], ids=lambda block: block.place)
def test_commands_print_what_is_shown(block):
    printed = printed_by(block.marker[1])
    assert not missing_lines(block.text, printed), printed


def printed_by(command: str) -> str:
    """What a `make` target prints, run with the interpreter that runs this test instead of one that make installs."""
    venv = Path(sys.prefix)
    program, *targets = command.split()
    assert program == "make"
    run = ["make", f"VENV={venv}", "--old-file", str(venv / ".ready"), *targets]
    first = "--circuit-counterexamples off"  # those of a run before are tried first
    how = {**os.environ, "COLUMNS": "200", "PYTEST_ADDOPTS": first}  # lines that do not fit are cut
    return subprocess.run(run, cwd=ROOT, env=how, capture_output=True, text=True, check=False).stdout
