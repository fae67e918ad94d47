"""One claim over models and runs, as rows and as a drawing.

How it could be fooled: steps in the order of their letters; an order of arrival instead of the one in which models were
named; a model without a number that is left out; text of a report that becomes a part of the drawing."""

import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from made_runs import claim, question, report

import circuitcheck as cc
from circuitcheck.errors import BadRecord

RNG = np.random.default_rng(5)
STEPS = ["m@step4000", "m@step512", "m@step64000"]
MEANS = dict(zip(STEPS, (3.0, 0.0, 6.0), strict=True))


def over(models, name="it", **environment):
    made = [claim(name, question(RNG.normal(MEANS[m], 1, 64), ">", 2.0, model=m), model=m) for m in models]
    for each in made:
        each["models"] = STEPS
    return report(*made, **environment)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.json"
    lost = claim("gone", verdict="skipped", model="m@step512")
    two = claim("two", question(RNG.normal(0, 1, 64), "<", 3.0), question(RNG.normal(2, 1, 64), "<", 3.0), model="m@step1")
    found = over(STEPS[::-1])
    path.write_text(json.dumps(report(*found["claims"], lost, two)))
    return path


def marks(drawing):
    """(label of a place, its verdict), from left to right."""
    tree = ET.fromstring(str(drawing))
    return [(each.find("./{*}title").text.partition(":")[0], each.get("class")) for each in tree.findall(".//{*}g")]


def height(path):
    return float(path.get("d").split()[1].partition("h")[0])


def test_rows_are_in_the_order_in_which_models_were_named(path):
    rows = cc.series(path)["it"].rows
    assert [row["model"] for row in rows] == STEPS
    assert [row["step"] for row in rows] == [4000, 512, 64000]
    assert [row["verdict"] for row in rows] == ["supported", "refuted", "supported"]
    assert all(row["low"] < row["estimate"] < row["high"] for row in rows)


def test_a_drawing_has_a_place_for_each_in_the_order_of_its_axis(path):
    series = cc.series(path)["it"]
    verdict = {"512": "refuted", "4000": "supported", "64000": "supported"}
    assert marks(series.plot(x="step")) == list(verdict.items())
    assert [label for label, _ in marks(series.plot())] == STEPS


def test_the_threshold_is_where_the_numbers_say_and_bars_lie_on_its_sides(path):
    tree = ET.fromstring(str(cc.series(path)["it"].plot(x="step")))
    heights = {kind: [height(each) for each in tree.findall(f".//{{*}}path[@class='{kind}']")] for kind in ("line", "dot")}
    (line,) = set(heights["line"])
    assert [dot < line for dot in heights["dot"]] == [False, True, True]  # above is less
    shaded = [(float(each.get("y")), float(each.get("height"))) for each in tree.findall(".//{*}rect")]
    assert all(y + height == pytest.approx(line) for y, height in shaded)


def test_several_runs_are_in_order_of_time(tmp_path):
    nights = []
    for day in ("02", "01"):
        nights.append(tmp_path / f"{day}.json")
        nights[-1].write_text(json.dumps(over(STEPS[:1], time=f"2026-11-{day}T02:00:00+00:00", commit="a" * 40)))
    found = cc.series(nights)["it"]
    assert [row["when"][8:10] for row in found.rows] == ["01", "02"]
    assert len(marks(found.plot(x="when"))) == 2


def test_what_has_no_number_keeps_its_place(tmp_path):
    path = tmp_path / "a.json"
    claims = [*over(STEPS[:2])["claims"], claim("it", verdict="skipped", model=STEPS[2])]
    path.write_text(json.dumps(report(*claims)))
    found = cc.series(path)["it"]
    assert found.rows[2]["estimate"] is None
    texts = [each.text for each in ET.fromstring(str(found.plot())).findall(".//{*}text")]
    assert {*STEPS, "skipped"} <= set(texts)


def test_text_of_a_report_is_only_text(tmp_path):
    path = tmp_path / "a.json"
    evil = '</text><script>alert("x")</script>&\u202e'
    path.write_text(json.dumps(report(claim("it", question(RNG.normal(0, 1, 64)), model=evil))))
    drawn = str(cc.series(path)["it"].plot())
    assert not list(ET.fromstring(drawn).findall(".//{*}script"))
    assert "\u202e" not in drawn


@pytest.mark.parametrize(
    "ask, error, said",
    [
        (lambda s: s["itt"], BadRecord, "Did you mean 'it'"),
        (lambda s: s["two"], BadRecord, "makes 2 comparisons; say which"),
        (lambda s: s["two", 3], BadRecord, "none is number 3"),
        (lambda s: s["gone"].plot(), ValueError, "no number on any model, and came out skipped"),
        (lambda s: s["it"].plot(x="steps"), ValueError, "expected 'step'"),
        (lambda s: s["it"].plot(x="revision"), ValueError, "x='when'"),
        (lambda s: cc.series([]), ValueError, "no run is given"),
    ],
)
def test_what_is_not_there_is_told(path, ask, error, said):
    with pytest.raises(error, match=said):
        ask(cc.series(path))


def test_one_of_several_comparisons_has_its_own_numbers_and_verdict(path):
    (row,) = cc.series(path)["two", 2].rows
    assert row["estimate"] == pytest.approx(2, abs=0.5)
    cc.series(path)["two", 1].plot(x="step").save(path.with_suffix(".svg"))
    assert path.with_suffix(".svg").read_text().startswith("<svg xmlns=")
