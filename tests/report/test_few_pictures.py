"""However many pictures a run's claims show, its report can be read."""

import json
from xml.etree import ElementTree

from circuitcheck.report import Journal, with_few_pictures
from circuitcheck.report.figures import MOST
from circuitcheck.report.page.drawings import drawing_of


def shown(number, length):
    return {"title": f"picture {number} <of many>", "svg": "x" * length}


def test_pictures_that_are_too_many_for_one_report_are_replaced_by_words_that_say_so():
    claims = [{"id": "a", "pictures": [shown(0, 40), shown(1, 50)]}, {"id": "b", "pictures": [shown(2, 20), shown(3, 1)]}]
    report = with_few_pictures({"claims": claims, "complete": True}, most=100)
    assert report["complete"]
    assert report["claims"][0]["pictures"] == claims[0]["pictures"]
    for number, each in enumerate(report["claims"][1]["pictures"], 2):
        assert each["title"] == f"picture {number} <of many>"
        words = " ".join(ElementTree.fromstring(each["svg"]).itertext())
        assert "--circuit-figures FOLDER writes each of them as a file" in words
        assert drawing_of(each["svg"], "own") is not None
    assert len(claims[1]["pictures"][0]["svg"]) == 20  # what was shown is left as it was, for the files


def test_of_few_pictures_all_are_kept():
    claims = [{"id": "a", "pictures": [shown(0, 60), shown(1, 40)]}]
    assert with_few_pictures({"claims": claims}, most=100)["claims"] == claims


def test_a_journal_holds_no_more_of_them_than_a_report(tmp_path):
    journal, claim = Journal(tmp_path), {"id": "a", "pictures": [shown(0, MOST // 4)]}
    for _ in range(40):
        journal.note("result", claim=claim)
    assert MOST <= journal.path.stat().st_size < 1.1 * MOST
    kept = [json.loads(line)["claim"]["pictures"][0]["svg"] for line in journal.path.read_text().splitlines()]
    assert [svg[:3] == "xxx" for svg in kept] == [True] * 4 + [False] * 36
    assert claim["pictures"] == [shown(0, MOST // 4)]
