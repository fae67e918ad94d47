"""What a program writes into the pages is what it would write now."""

import re

import pytest
from pages import ROOT, text_of
from write_docs import TABLES, options_table, with_table, written

from circuitcheck.plugin.options import ALL_OPTIONS


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.name)
def test_tables_are_made_from_what_they_are_about(path):
    assert text_of(str(path.relative_to(ROOT))) == written(path), "run python scripts/write_docs.py"


def test_the_table_has_every_option_that_pytest_has(pytester):
    told = pytester.runpytest_inprocess("--help").stdout.str()
    flags, inis = set(re.findall(r"--circuit-[a-z-]+", told)), set(re.findall(r"^ +(circuit_[a-z_]+)", told, re.MULTILINE))
    assert flags == {option.flag for option in ALL_OPTIONS if not option.ini_only}
    assert inis == {option.ini for option in ALL_OPTIONS}
    assert options_table().count("\n") == len(ALL_OPTIONS) + 2


BEGIN, END = "<!-- sites: written by scripts/write_docs.py -->\n", "<!-- end of sites -->\n"


@pytest.mark.parametrize("page", ["no table", BEGIN + "an end is missing", END + BEGIN])
def test_a_page_without_the_two_comments_is_refused(page):
    with pytest.raises(ValueError, match="expected the comments"):
        with_table(page, "sites", "table")


@pytest.mark.parametrize("option", ALL_OPTIONS, ids=lambda option: option.name)
def test_every_option_has_a_file_of_tests(option):
    assert (ROOT / f"tests/plugin/test_options_{option.name}.py").is_file()


def test_every_file_of_tests_has_its_option():
    files = {path.stem.removeprefix("test_options_") for path in (ROOT / "tests/plugin").glob("test_options_*.py")}
    assert files == {option.name for option in ALL_OPTIONS}
