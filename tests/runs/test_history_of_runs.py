"""`circuitcheck history`: each claim by date, and which runs were no new evidence."""

import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from made_runs import claim, question, report
from read_page import page_of

from circuitcheck.cli import main

RNG = np.random.default_rng(4)
VALUES = RNG.normal(0, 1, 64)


@pytest.fixture
def runs(tmp_path):
    """Four nights: the weights change on the third, the prompts on the fourth."""
    nights = [
        ("a", report(claim("it", question(VALUES)), time="2026-11-01T02:00:00+00:00", commit="a" * 40)),
        ("b", report(claim("it", question(VALUES)), time="2026-11-02T02:00:00+00:00", commit="b" * 40)),
        ("c", report(claim("it", question(VALUES + 3, model="m@2")), time="2026-11-03T02:00:00+00:00", commit="c" * 40)),
        ("d", report(claim("it", question(VALUES, seed=1)), time="2026-11-04T02:00:00+00:00", commit=None)),
    ]
    for name, found in reversed(nights):
        (tmp_path / f"{name}.json").write_text(json.dumps(found))
    (tmp_path / "other.json").write_text("{}")
    return tmp_path


def test_runs_are_in_order_of_time_and_reruns_are_no_new_evidence(runs, capsys):
    path = runs / "all"
    assert main(["history", str(runs), "--json", str(path)]) == 0
    said = capsys.readouterr()
    assert "passed over" in said.err
    lines = said.out.splitlines()
    assert [line.split("2026-11-")[1][:2] for line in lines[1:]] == ["01", "02", "03", "04"]
    assert "aaaaaaaaaaaa" in lines[1]
    assert "the run of 2026-11-01 02:00 again: no new evidence" in lines[2]
    assert "refuted" in lines[3]
    assert "again" not in lines[3] + lines[4]
    found = json.loads(path.read_text())
    assert [each["verdict"] for each in found] == ["supported", "supported", "refuted", "supported"]
    assert [bool(each["same_as"]) for each in found] == [False, True, False, False]
    assert found[0]["questions"][0]["low"] < found[0]["questions"][0]["estimate"]


def test_one_claim_can_be_asked_for_and_none_is_told(runs, capsys):
    assert main(["history", str(runs), "--claim", "another"]) == 1
    assert "no claim was found" in capsys.readouterr().err
    assert main(["history", str(runs / "a.json"), "--claim", "it"]) == 0
    assert main(["history", str(runs / "other.json")]) == 2
    assert main(["history", str(runs / "nowhere.json")]) == 2


def test_the_page_says_what_changed_and_draws_only_new_evidence(runs, capsys):
    path = runs / "history.html"
    lost = report(claim("it", verdict="skipped"), time="2026-11-02T12:00:00+00:00")
    (runs / "lost.json").write_text(json.dumps(lost))
    assert main(["history", str(runs), "--html", str(path)]) == 0
    html = path.read_text()
    page = page_of(html)
    assert "1 claim over 5 runs" in page.text
    changes = "refuted on 2026-11-03 02:00, supported on 2026-11-01 02:00; supported on 2026-11-04 02:00, refuted on"
    assert changes.replace("2026-11-01", "2026-11-02") in page.text  # what was skipped is no change
    assert "the run of 2026-11-01 02:00 again: no new evidence" in page.text
    assert html.count('class="turned"') == 2
    drawn = ET.fromstring(html[html.index("<svg") : html.index("</svg>") + 6])
    assert len(drawn.findall(".//g")) == 3
    assert not {"script", "img", "iframe", "form"} & set(page.tags)
    assert page.all("src") == []
    ids = page.all("id")
    assert {link[1:] for link in page.all("href") if link.startswith("#")} <= set(ids)
    assert "None: each claim" not in page.text


def test_text_of_a_report_is_only_text_on_the_page(tmp_path):
    evil = '</h3><script>alert("x")</script>&'
    path, page = tmp_path / "a.json", tmp_path / "page.html"
    path.write_text(json.dumps(report(claim("it", question(VALUES), text=evil, model=evil))))
    assert main(["history", str(path), "--html", str(page)]) == 0
    assert "<script" not in page.read_text()
    assert page_of(page.read_text()).text.count(evil) >= 2
