"""--circuit-summary auto|off"""

from claims_folder import Folder

CLAIM = """
@claim(id="it", samples=32)
def test_it(model, ioi):
    assert ioi.logit_diff(model) < 100
"""
TITLE = "circuit hypotheses"


def test_default_shows_the_table(folder: Folder) -> None:
    assert TITLE in folder.run(CLAIM).text


def test_off_hides_the_table_and_writes_the_report_all_the_same(folder: Folder) -> None:
    run = folder.run(CLAIM, "--circuit-summary=off")
    assert TITLE not in run.text
    assert run.verdicts == {"it": "supported"}


def test_ini_sets_it_and_the_command_line_comes_first(folder: Folder) -> None:
    folder.pytester.makeini("[pytest]\ncircuit_summary = off\n")
    assert TITLE not in folder.run(CLAIM).text
    assert TITLE in folder.run(None, "--circuit-summary=auto").text


def test_another_word_is_a_usage_error(folder: Folder) -> None:
    folder.run(CLAIM, "--circuit-summary=loud").usage_error("'loud'", "auto", "off")


def test_another_word_in_the_ini_is_a_usage_error(folder: Folder) -> None:
    folder.pytester.makeini("[pytest]\ncircuit_summary = loud\n")
    folder.run(CLAIM).usage_error("circuit_summary", "'loud'")
