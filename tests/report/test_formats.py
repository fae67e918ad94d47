"""One table of formats; options know their suffixes without importing it."""

from circuitcheck.report.formats import FORMATS
from circuitcheck.settings import REPORT_FORMATS


def test_every_suffix_that_options_take_is_a_format():
    assert tuple(FORMATS) == REPORT_FORMATS
