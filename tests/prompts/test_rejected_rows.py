"""An error on very many bad rows, each with a mistake of its own, is cut, and says so."""

import string
from itertools import product

from circuitcheck.prompts.records.record import Rejected
from circuitcheck.prompts.records.rejected import describe_rejected


def test_an_error_has_a_thousand_rows_at_most_and_says_how_many_more_there_are():
    words = ("".join(letters) for letters in product(string.ascii_lowercase, repeat=3))
    bad = [Rejected(f"x.csv:{line}", word) for line, word in zip(range(2, 1503), words, strict=False)]
    head, *lines, last = describe_rejected("x.csv", bad, good=7).splitlines()
    assert head.startswith("x.csv: 1501 of 1,508 rows cannot be used")
    assert lines == [f"  {each}" for each in bad[:1000]]
    assert last == "  ... and 501 more"
