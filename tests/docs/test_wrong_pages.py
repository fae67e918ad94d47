"""Pages that are wrong in each way that a reader could be misled: none passes."""

from textwrap import dedent

import pytest
from claims_of_pages import came_out
from commands import commands_in, unknown_options, wrong_with
from pages import all_blocks, blocks_in, headings, idle_markers, pages
from shown import missing_lines
from test_documents_refer import dead_links, unknown_names
from test_documents_run import run_page


def page(text: str) -> str:
    """Three quotes stand for a fence."""
    return dedent(text).replace("'''", "```")


@pytest.mark.parametrize(
    "text",
    [
        "'''py\nx\n'''",
        "'''pycon\n>>> x\n'''",
        "~~~json\nx\n~~~",
        "words\n\n    indented\n",
        "- a list\n\n  '''yaml\n  x\n  '''",
        "> '''rust\n> x\n> '''",
        "<!-- not run -->\n'''python\nx\n'''",
        "<!-- not run: -->\n'''python\nx\n'''",
        "<!-- notrun: it needs a hub -->\n'''python\nx\n'''",
        "<!-- printed by: make test -->\n'''python\nx\n'''",
    ],
)
def test_a_block_that_nothing_runs_is_found(text):
    (block,) = blocks_in(page(text))
    assert block.kind in ("nothing", "printed")  # what is printed needs a block before it that prints
    assert block.kind == "nothing" or not block.language


@pytest.mark.parametrize("between", ["\n\nwords\n\n", "\n\n## A heading\n\n"])
def test_a_marker_is_for_the_block_right_after_it(between):
    text = page(f"<!-- not run: it needs a hub -->{between}'''python\nx\n'''")
    assert idle_markers(text) == 1
    assert [block.kind for block in blocks_in(text)] == ["cells"]


def test_a_marker_gives_its_reason():
    (block,) = blocks_in(page("<!-- not run: it needs a hub -->\n'''python\nx\n'''"))
    assert (block.kind, block.marker, block.line) == ("not run", ("not run", "it needs a hub"), 3)


@pytest.mark.parametrize(
    "cells",
    [
        "1 / 3\n# -> 0.3333333333333334",
        "print(0.5)  # -> 0.51",
        "print(1)\nprint(2)\n# -> 1",
        "print(1)\n# -> 1\n# -> 2",
        "x = 1\n# -> 1",
        "# -> 1\nprint(1)",
        "def f():\n    # -> 1\n    return 1",
        "1 / 4  # 0.25",
        "1 / 4  # -.25",
        "1 / 4  # = 0.25",
        "1 / 4  # > 0.26",
        "1 / 4  #>0.26",
        "1 < 2",
        "assert 1 > 2",
        "nothing_of_this_name",
        "1 +",
    ],
)
def test_cells_that_print_something_else_are_found(cells):
    with pytest.raises((AssertionError, NameError, SyntaxError)):
        run_page(tuple(blocks_in(page(f"'''python\n{cells}\n'''"))))


def test_cells_share_names_and_are_compared_to_the_digit():
    run_page(
        tuple(
            blocks_in(
                page("""
        '''python
        x = 1 / 3
        '''

        Words.

        '''python
        x
        # -> 0.3333333333333333
        print(round(x, 2))  # -> 0.33
        x + 1  # a comment
        '''

        '''text
        0.3333333333333333
        0.33
        1.3333333333333333
        '''
    """)
            )
        )
    )


def test_a_text_is_all_that_its_cells_printed():
    with pytest.raises(AssertionError, match="what is printed is"):
        run_page(tuple(blocks_in(page("'''python\nprint(1)\nprint(2)\n'''\n\n'''text\n1\n'''"))))


@pytest.mark.parametrize(
    "outcomes, fine",
    [
        ({"passed": 3}, True),
        ({"passed": 1, "xfailed": 1, "failed": 1}, False),
        ({"passed": 2, "skipped": 1}, False),
        ({"passed": 2, "errors": 1}, False),
        ({"passed": 2}, False),
        ({"passed": 3, "warnings": 1}, False),
    ],
)
def test_tests_that_are_skipped_or_missed_are_found(outcomes, fine):
    assert came_out(outcomes, tests=3, failing=0) == fine


def test_a_failure_that_is_shown_must_come():
    assert came_out({"passed": 2, "failed": 1}, tests=3, failing=1)
    assert not came_out({"passed": 3}, tests=3, failing=1)


PRINTED = """\
claim   supported   0.539  [-47.578, 0.706]   8.1
note: 8 templates are few, and so on
time: 9.7 s of a budget of 900 s
"""


@pytest.mark.parametrize(
    "shown, missing",
    [
        ("claim supported 0.539 [-47.578, 0.706] 3.9", 0),
        ("note: 8 templates...\ntime: 11.4 s of a budget of 900 s", 0),
        ("claim supported 0.538 [-47.578, 0.706] 8.1", 1),
        ("claim refuted 0.539 [-47.578, 0.706] 8.1", 1),
        ("claim supported 0.539", 1),
        ("note: 9 templates...", 1),
        ("time: 9.7 s of a budget of 800 s", 1),
        ("time: 9.7 s of a budget of 900 s\nnote: 8 templates...", 1),
    ],
)
def test_shown_lines_are_printed_lines(shown, missing):
    assert len(missing_lines(shown, PRINTED)) == missing


@pytest.mark.parametrize(
    "command",
    [
        "make nonsense",
        "make test NOTHING=1",
        "circuitcheck nonsense",
        "circuitcheck doctor organism --nonsense",
        "circuitcheck selftest --seed x",
        "pytest hypotheses --circuit-nonsense 3",
        "pytest hypotheses --circuit-correction bonferroni",
        "pytest hypotheses --circuit-correction=bonferroni",
        "python scripts/nonsense.py",
        "python scripts/scan_heads.py --nonsense",
        "python -m nonsense x",
        "curl example.org",
    ],
)
def test_commands_that_do_not_exist_are_found(command):
    (found,) = commands_in(page(f"'''sh\n{command}  # words\n'''"))
    assert wrong_with(found)


@pytest.mark.parametrize(
    "command", ["make nonsense", "circuitcheck nonsense", "pytest --circuit-nonsense", "python nonsense.py"]
)
def test_so_are_those_within_a_sentence(command):
    assert [wrong_with(found) for found in commands_in(f"Words, `{command}`, and words.")] != [""]


@pytest.mark.parametrize(
    "command", ["make test WORKERS=4", "pytest x -n 2 --circuit-samples 64", "circuitcheck init FOLDER"]
)
def test_commands_that_exist_are_not(command):
    assert [wrong_with(found) for found in commands_in(f"`{command}`")] == [""]


def test_options_that_do_not_exist_are_found_anywhere():
    text = "Say --circuit-seed, --circuit-sed, `circuit_seed` and `circuit_sed`."
    assert unknown_options(text) == {"--circuit-sed", "circuit_sed"}


@pytest.mark.parametrize("link", ["gone.md", "../gone/", "design.md#gone", "#gone"])
def test_links_that_lead_nowhere_are_found(link):
    assert dead_links("docs/prompts.md", f"# Title\n\n[words]({link})\n") == [link]


@pytest.mark.parametrize("path", ["docs/gone.md", "tests/gone", "engine/gone.py", "engine/gone/"])
def test_paths_that_lead_nowhere_are_found(path):
    assert dead_links("docs/prompts.md", f"See `{path}`.") == [path]


def test_links_that_lead_somewhere_are_not():
    assert headings("# A title, with `code`\n") == {"a-title-with-code"}
    text = "# A title\n\n[a](design.md), [b](../README.md#a-claim), [c](#a-title), [d](https://x.org), `sampling/design.py`"
    assert not dead_links("docs/prompts.md", text)


def test_names_that_do_not_exist_are_found():
    text = '`cc.load("x")`, `cc.lode()`, `task.samples(3)`, `1 - ioi.recover(model.ablated())`, `model.ablate`, `id="cc.x"`'
    assert unknown_names(text) == ["cc.lode", "task.samples", "ioi.recover", "model.ablated"]


def test_every_page_and_block_is_looked_at():
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/prompts.md", "docs/doctor/organism.md"} <= set(pages())
    assert {block.page for block in all_blocks()} >= {"README.md", "docs/prompts.md", "docs/interventions.md"}
