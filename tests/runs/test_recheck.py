"""`circuitcheck recheck`: what a report says follows from the numbers it holds, and whatever is changed in it is found."""

import base64
import copy
import json
import subprocess
import sys
import zlib

import numpy as np
import pytest
from made_runs import BINARY, REAL, UNIT, Design, Search, claim, joined, mean_of_one, question, ratio, report

from circuitcheck.cli import main
from circuitcheck.packed import pack, unpack
from circuitcheck.report.seal import sealed
from circuitcheck.runs.recheck import recheck

RNG = np.random.default_rng(3)
SPREAD = RNG.normal(0, 1, 128)
CLEAN = RNG.normal(4, 1, 128)


def every_method():
    half = (RNG.random(128) < 0.5).astype(float)
    return report(
        claim("mean", question(SPREAD, "<", 1.0)),
        claim("undecided", question(SPREAD, "<", float(SPREAD.mean()), rule=Design(maximum=64))),
        claim("ratio", question([0.5 * CLEAN + 0.1 * SPREAD, CLEAN], "<", 0.8, form=ratio())),
        claim("share", question(half, ">", 0.2, form=mean_of_one(BINARY))),
        claim("bounded", question(RNG.beta(2, 5, 128), "<", 0.6, form=mean_of_one(UNIT))),
        claim("equal", question(0.01 * SPREAD, "==", 0.0, 0.1)),
        claim("new", question(SPREAD, "<", 2.0, clustered=True)),
        claim("nan", question(np.where(np.arange(128) == 5, np.nan, SPREAD), "<", 1.0)),
        claim("all", question(np.abs(SPREAD) + 1, ">", 0.0, rule=Search(0.05, 0.95, None, 0, False, "templates"))),
        claim("not-all", question(SPREAD, ">", 0.0, rule=Search(0.05, 0.95, None, 0, False, "templates"))),
        claim("both", joined("all of", question(SPREAD, "<", 1.0), question(SPREAD, ">", -1.0))),
        claim("two", question(SPREAD, "<", 1.0), question(SPREAD, ">", 1.0)),
        claim("broken", verdict="error"),
    )


REPORT = every_method()


def words(checked):
    return {each.key.partition("[")[0]: each.word for each in checked[0]}


def test_what_was_written_agrees():
    found = recheck(REPORT)
    assert not found[1]
    assert words(found) == {**dict.fromkeys((each["id"] for each in REPORT["claims"]), "agrees"), "broken": "not checked"}


def sealed_again(change, place=0):
    """The report with one claim changed, by somebody who makes all digests again."""
    changed = copy.deepcopy(REPORT)
    change(changed["claims"][place])
    return sealed(changed)


def change_a_value(record):
    values = unpack(record["measured"][0]["values"][0])
    values[3] += 1.0
    record["measured"][0]["values"][0] = pack(values)


COMPUTED = {
    "a value": change_a_value,
    "a verdict": lambda record: record["comparisons"][0].update(verdict="refuted"),
    "an estimate": lambda record: record["comparisons"][0].update(estimate=0.0),
    "an interval's end": lambda record: record["comparisons"][0].update(ci=[-0.1, record["comparisons"][0]["ci"][1]]),
    "a look": lambda record: record["comparisons"][0]["looks"].append([64, 0.0, 0.1]),
    "a threshold": lambda record: record["comparisons"][0].update(threshold=-0.5),
    "a margin": lambda record: record["comparisons"][0].update(margin=0.1),
    "the seed": lambda record: record["comparisons"][0].update(seed=1),
    "a confidence": lambda record: record["comparisons"][0].update(confidence=0.99),
    "a noise floor": lambda record: record["comparisons"][0]["rests_on"].update(floors=[[1.0, 1.0]]),
    "the number of prompts": lambda record: record["comparisons"][0].update(n=31),
    "what was expected": lambda record: record.update(expected="refuted"),
    "the rule": lambda record: record["comparisons"][0]["rests_on"]["rule"].update(confidence=0.9),
    "a factor": lambda record: record["comparisons"][0]["rests_on"]["form"]["numerator"].update(terms=[[2.0, 0]]),
}


@pytest.mark.parametrize("change", COMPUTED.values(), ids=list(COMPUTED))
@pytest.mark.sampled(6)
def test_a_change_is_found_by_computing_even_where_every_digest_is_made_again(change):
    found = recheck(sealed_again(change))
    assert words(found)["mean"] == "differs", found
    assert words(found)["share"] == "agrees"


def change_a_label(record):
    labels = record["measured"][0]["templates"]
    numbers = unpack(labels["of"])
    numbers[::2] = numbers[0]
    labels["of"] = pack(numbers)


def test_a_label_is_found_where_the_verdict_is_about_templates():
    place = next(i for i, each in enumerate(REPORT["claims"]) if each["id"] == "new")
    assert words(recheck(sealed_again(change_a_label, place)))["new"] == "differs"


def change_a_digest(record):
    digests = unpack(record["measured"][0]["digests"])
    digests[0, 0] ^= 1
    record["measured"][0]["digests"] = pack(digests)


SEALED = {
    **COMPUTED,
    "the claim's verdict": lambda record: record.update(verdict="refuted", as_expected=False),
    "a prompt's digest": change_a_digest,
    "a label": change_a_label,
    "a receipt": lambda record: record.update(receipts=[{"changed": 32}]),
    "its text": lambda record: record.update(text="another sentence"),
    "its source": lambda record: record.update(source="arXiv:0000.00000"),
}


@pytest.mark.parametrize("change", SEALED.values(), ids=list(SEALED))
@pytest.mark.sampled(8)
def test_a_change_of_any_kind_breaks_the_digest(change):
    changed = copy.deepcopy(REPORT)
    change(changed["claims"][0])
    found = recheck(changed)
    assert any("another digest" in why for why in found[0][0].why)
    assert words(found)["share"] == "agrees"


@pytest.mark.parametrize(
    "change",
    [
        lambda changed: changed["claims"].pop(),
        lambda changed: changed["claims"].reverse(),
        lambda changed: changed["environment"].update(seed=5),
        lambda changed: changed.update(exit_status=1),
        lambda changed: changed["claims"].__setitem__(0, sealed_again(COMPUTED["a threshold"])["claims"][0]),
    ],
    ids=["dropped", "moved", "environment", "exit status", "one claim sealed again"],
)
def test_a_change_of_the_whole_breaks_its_digest(change):
    changed = copy.deepcopy(REPORT)
    change(changed)
    assert any("not as it was written" in why for why in recheck(changed)[1])


def test_a_claims_verdict_is_missed_by_the_summary_even_where_the_digests_are_made_again():
    changed = sealed_again(SEALED["the claim's verdict"])
    assert recheck(changed)[1] == ["its summary does not count these claims"]


def test_a_dropped_claim_is_missed_by_the_summary_even_where_the_digests_are_made_again():
    changed = copy.deepcopy(REPORT)
    changed["claims"].pop(0)
    assert recheck(sealed(changed))[1] == ["its summary does not count these claims"]


def test_the_command_says_it_claim_by_claim(tmp_path, capsys):
    path = tmp_path / "report.json"
    path.write_text(json.dumps(REPORT))
    assert main(["recheck", str(path)]) == 0
    assert "agrees       ratio[m@1]" in capsys.readouterr().out
    path.write_text(json.dumps(sealed_again(COMPUTED["a threshold"])))
    assert main(["recheck", str(path)]) == 1
    said = capsys.readouterr().out
    assert "differs      mean[m@1]" in said
    assert "its verdict is supported, and comes to refuted" in said


@pytest.mark.parametrize("text", ["{}", "[]", "", "{", '{"schema_version": 1}', '{"a": NaN}', '{"a": 1, "a": 2}'])
def test_what_is_no_report_is_refused(tmp_path, capsys, text):
    path = tmp_path / "report.json"
    path.write_text(text)
    assert main(["recheck", str(path)]) == 2
    assert "report.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    "packed",
    [
        {"dtype": "float64", "shape": [1 << 40], "data": ""},
        {"dtype": "float64", "shape": [2], "data": "%%%"},
        {**pack(np.ones(4)), "shape": [3]},
        {**pack(np.ones(4)), "shape": [2, 2]},
        {**pack(np.ones(4)), "dtype": "uint8"},
        {**pack(SPREAD[:32]), "data": base64.b64encode(zlib.compress(SPREAD[:32].tobytes()) + b"more").decode()},
    ],
)
def test_arrays_that_are_none_are_told_and_not_unpacked(packed):
    found = recheck(sealed_again(lambda record: record["measured"][0]["values"].__setitem__(0, packed)))
    assert words(found)["mean"] == "differs"
    assert any("cannot be" in why or "other" in why or "more" in why for why in found[0][0].why)


@pytest.mark.slow
def test_no_torch_is_imported_for_it(tmp_path):
    path = tmp_path / "report.json"
    path.write_text(json.dumps(REPORT))
    code = (
        "import sys; from circuitcheck.cli import main; "
        f"assert main(['recheck', {str(path)!r}]) == 0; assert not {{'torch', 'transformers'}} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_numbers_that_are_none_survive():
    values = np.array([np.nan, np.inf, -np.inf, -0.0, 1e-310])
    assert unpack(pack(values)).tobytes() == values.tobytes()
    assert REAL.bounds is None
