"""What a program writes into the pages is what it would write now."""

import re

import pytest
from pages import ROOT, text_of
from write_docs import BEGIN, END, PAGE, options_table, with_options

from circuitcheck.plugin.options import ALL_OPTIONS


def test_the_table_of_options_is_made_from_the_options():
    page = text_of(str(PAGE.relative_to(ROOT)))
    assert page == with_options(page), "run python scripts/write_docs.py"


def test_the_table_has_every_option_that_pytest_has(pytester):
    told = pytester.runpytest_inprocess("--help").stdout.str()
    flags, inis = set(re.findall(r"--circuit-[a-z-]+", told)), set(re.findall(r"^ +(circuit_[a-z_]+)", told, re.MULTILINE))
    assert flags == {option.flag for option in ALL_OPTIONS if not option.ini_only}
    assert inis == {option.ini for option in ALL_OPTIONS}
    assert options_table().count("\n") == len(ALL_OPTIONS) + 2


@pytest.mark.parametrize("page", ["no table", BEGIN + "an end is missing", END + BEGIN])
def test_a_page_without_the_two_comments_is_refused(page):
    with pytest.raises(ValueError, match="expected the comments"):
        with_options(page)


@pytest.mark.parametrize("option", ALL_OPTIONS, ids=lambda option: option.name)
def test_every_option_has_a_file_of_tests(option):
    assert (ROOT / f"tests/plugin/test_options_{option.name}.py").is_file()


def test_every_file_of_tests_has_its_option():
    files = {path.stem.removeprefix("test_options_") for path in (ROOT / "tests/plugin").glob("test_options_*.py")}
    assert files == {option.name for option in ALL_OPTIONS}
