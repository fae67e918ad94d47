"""circuit_time_budget, in the ini file only"""

import re

from claims_folder import Folder

CLAIM = """
@claim(id="it", samples=32)
def test_it(model, ioi):
    assert ioi.logit_diff(model) < 100
"""


def test_without_it_no_budget_is_shown(folder: Folder) -> None:
    assert "of a budget" not in folder.run(CLAIM).text


def test_it_is_shown_beside_the_time_taken(folder: Folder) -> None:
    folder.pytester.makeini("[pytest]\ncircuit_time_budget = 60\n")
    run = folder.run(CLAIM)
    assert re.search(r"^time: \d+\.\d s of a budget of 60 s$", run.text, re.MULTILINE)


def test_a_word_is_a_usage_error(folder: Folder) -> None:
    folder.pytester.makeini("[pytest]\ncircuit_time_budget = soon\n")
    folder.run(CLAIM).usage_error("circuit_time_budget", "soon")
