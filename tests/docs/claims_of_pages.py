"""Tests that stand in a page, run by a pytest of their own in a folder that `circuitcheck init` starts."""

from collections.abc import Iterable, Iterator

import pytest
from pages import Block, blocks_of, names_of_tests
from shown import missing_lines

from circuitcheck.cli import main

QUICK = ("-p", "no:hypothesispytest", "--circuit-require-models")  # that plugin imports for 2 s in every run


def run_claims(page: str, pytester: pytest.Pytester, *, slow: bool) -> None:
    """Run the tests of `page` in one file.

    Raises AssertionError unless every test passes, or is refuted where it says so. Those of a block that is followed by a
    text which shows a failure must fail instead. What such texts show must be printed.
    """
    blocks = [
        (block, text) for block, text in with_texts(blocks_of(page)) if block.kind == "tests" and block.is_slow == slow
    ]
    tests = [name for block, _ in blocks for name in names_of_tests(block.text)]
    failing = [name for block, text in blocks if text.startswith("E ") for name in names_of_tests(block.text)]
    assert len(set(tests)) == len(tests), f"{page}: two tests of one name; the later hides the earlier"
    result = run_folder(pytester, on_their_lines(block for block, _ in blocks))
    printed = result.stdout.str()
    assert came_out(result.parseoutcomes(), tests=len(tests) + 1, failing=len(failing)), printed  # 1 is init's first claim
    for _, text in blocks:
        assert not missing_lines(text, printed), f"{page}: {missing_lines(text, printed)}\n{printed}"


def came_out(outcomes: dict[str, int], *, tests: int, failing: int) -> bool:
    """Whether all `tests` ran, `failing` of them failed, and the others passed or were refuted as they say."""
    ran = outcomes.keys() <= {"passed", "xfailed", "failed"} and sum(outcomes.values()) == tests
    return ran and outcomes.get("failed", 0) == failing


def with_texts(blocks: tuple[Block, ...]) -> Iterator[tuple[Block, str]]:
    """Each block with the text that shows what it prints, "" where none follows."""
    for block, follower in zip(blocks, [*blocks[1:], None], strict=True):
        yield block, follower.text if follower and follower.kind == "printed" and not follower.marker[0] else ""


def on_their_lines(blocks: Iterable[Block]) -> str:
    """Source in which each block stands on the lines on which it stands in its page, so that failures name them."""
    lines: list[str] = []
    for block in blocks:
        lines += [""] * (block.line - 1 - len(lines)) + block.text.splitlines()
    return "\n".join(lines) + "\n"


def run_folder(pytester: pytest.Pytester, source: str) -> pytest.RunResult:
    assert main(["init", "hypotheses"]) == 0
    (pytester.path / "hypotheses" / "test_claims_of_a_page.py").write_text(source)
    return pytester.runpytest_inprocess(*QUICK, "hypotheses")
