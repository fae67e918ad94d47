"""However many pictures a run's claims show, its report can be read."""

from xml.etree import ElementTree

from circuitcheck.report import with_few_pictures
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
