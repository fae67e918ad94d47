"""`circuitcheck history`: each claim by date, and which runs were no new evidence."""

import json

import numpy as np
import pytest
from made_runs import claim, question, report

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
