"""Shards put together: every claim is there, and what does not go together is named."""

import json

import jsonschema
import pytest
import stored

from circuitcheck.report import load_schema, merged
from circuitcheck.report.page.render import as_html
from circuitcheck.report.repeats import claim_name, marked_repeats
from circuitcheck.report.seal import claim_digest


def whole(**reports):
    found = merged({f"{name}.json": each for name, each in reports.items()})
    jsonschema.Draft202012Validator(load_schema()).validate(found)
    return found


def names(found):
    return [claim_name(each) for each in found["claims"]]


def shard(place, *claims, **given):
    return stored.report(*claims, environment={"shard": place}, **given)


def test_two_shards_are_one_suite():
    found = whole(a=shard("1/2", stored.claim("one")), b=shard("2/2", stored.refuted("two"), stored.claim("three")))
    assert names(found) == ["one[organism]", "two[organism]", "three[organism]"]
    assert (found["summary"]["claims"], found["summary"]["as_expected"]) == (3, 2)
    assert found["complete"]
    assert found["exit_status"] == 1
    assert found["merged"]["missing"] == found["merged"]["differences"] == found["merged"]["repeated"] == []
    assert [run["claims"] for run in found["merged"]["runs"]] == [["one[organism]"], ["two[organism]", "three[organism]"]]


def test_a_shard_that_is_not_there_is_named_and_the_whole_is_not_complete():
    found = whole(a=shard("1/4", stored.claim("one")), b=shard("3/4", stored.claim("two")))
    assert found["merged"]["missing"] == ["missing of 4 shards: 2, 4"]
    assert not found["complete"]
    assert "missing of 4 shards: 2, 4" in as_html(found)


def test_a_suite_cut_in_two_ways_is_named():
    found = whole(a=shard("1/2"), b=shard("2/2"), c=shard("1/3"))
    assert found["merged"]["missing"] == [
        "the suite was cut in different ways: into 2 and into 3 shards",
        "missing of 3 shards: 2, 3",
    ]


def test_a_shard_that_was_broken_off_is_named():
    found = whole(a=shard("1/2"), b=shard("2/2", exit_status=-1, complete=False))
    assert found["merged"]["missing"] == ["b.json is not complete: pytest's exit status is -1"]
    assert (found["complete"], found["exit_status"]) == (False, -1)


@pytest.mark.parametrize(
    "change, said",
    [
        ({"packages": {"circuitcheck": "0.1.0", "torch": "2.7.0"}}, "torch differs: 2.6.0 in a.json; 2.7.0 in b.json"),
        ({"seed": 1}, "seed differs: 0 in a.json; 1 in b.json"),
        ({"commit": None}, "commit differs: abc123 in a.json; None in b.json"),
        ({"time": "2026-01-02T00:00:00+00:00"}, None),
    ],
)
def test_other_versions_and_settings_are_named(change, said):
    found = whole(a=stored.report(stored.claim("one")), b=stored.report(stored.claim("two"), environment=change))
    assert found["merged"]["differences"] == ([said] if said else [])


FINE, WRONG, OPEN = stored.claim("it"), stored.refuted("it"), stored.undecided("it")
BROKEN, GONE = stored.failed("it"), stored.claim("it", verdict="skipped", as_expected=False, reason="no", comparisons=[])


@pytest.mark.parametrize(
    "first, second, kept",
    [
        (FINE, WRONG, WRONG),
        (WRONG, FINE, WRONG),
        (FINE, BROKEN, FINE),
        (BROKEN, FINE, FINE),
        (GONE, OPEN, OPEN),
        (FINE, OPEN, OPEN),
        (GONE, BROKEN, BROKEN),
    ],
)
def test_of_two_results_of_a_claim_one_is_shown_and_the_other_kept(first, second, kept):
    found = whole(a=stored.report(first), b=stored.report(second))
    assert [each["verdict"] for each in found["claims"]] == [kept["verdict"]]
    (other,) = found["merged"]["repeated"]
    lost = second if kept is first else first
    assert other == {
        "file": "b.json" if lost is second else "a.json",
        "kept": other["kept"],
        "claim": {**lost, "digest": claim_digest(lost)},
    }
    assert f"it[organism] is in {other['file']} as well, where it is {lost['verdict']}" in as_html(found)


def test_one_claim_on_two_models_is_two():
    assert len(whole(a=stored.report(stored.claim("it")), b=stored.report(stored.claim("it", param="gpt2")))["claims"]) == 2


def test_two_claims_that_ask_the_same_are_found_across_shards():
    same = [stored.comparison(question="same")]
    one, two = stored.claim("one", comparisons=same), stored.claim("two", comparisons=same)
    found = whole(a=stored.report(one), b=stored.report(two))
    assert [each["same_as"] for each in found["claims"]] == [None, "one[organism]"]
    assert found["summary"]["different"] == 1


def test_claims_of_all_prompts_that_allow_other_shares_are_two():
    rules = ({"rate": 0.05, "prompts": None}, {"rate": 0.001, "prompts": None}, {"rate": 0.001, "prompts": 64})
    asked = [stored.comparison(question="same", rests_on={"rule": rule}) for rule in (*rules, rules[0])]
    claims = [stored.claim(f"c{number}", comparisons=[each]) for number, each in enumerate(asked)]
    assert [each["same_as"] for each in marked_repeats(claims)] == [None, None, None, "c0[organism]"]


def test_the_correction_is_made_again_over_all_claims():
    asked = {"method": "holm", "alpha": 0.05, "controls": "x", "claims": []}
    parts = {
        name: stored.report(stored.claim(name, evidence={"p": p, "e": 1.0}), correction=asked)
        for name, p in (("a", 0.02), ("b", 0.04), ("c", 0.001))
    }
    found = whole(**parts)["correction"]
    assert [each["adjusted"] for each in found["claims"]] == pytest.approx([0.04, 0.04, 0.003])
    parts["c"]["correction"] = None
    found = whole(**parts)
    assert found["correction"] is None
    assert "not corrected alike" in found["merged"]["differences"][0]


def test_what_was_merged_can_be_merged_again():
    parts = [shard(f"{i}/3", stored.claim(f"c{i}")) for i in (1, 2, 3)]
    half = whole(a=parts[0], b=parts[1])
    found = whole(half=half, c=parts[2])
    assert found["merged"]["missing"] == []
    assert [run["file"] for run in found["merged"]["runs"]] == ["half.json: a.json", "half.json: b.json", "c.json"]
    assert len(found["claims"]) == 3


def test_what_hooks_added_stays_with_its_run():
    found = whole(a=stored.report(extra={"mine": 1}), b=stored.report(extra={"mine": 2}))
    assert [run["extra"] for run in found["merged"]["runs"]] == [{"mine": 1}, {"mine": 2}]


def test_each_claim_is_run_again_with_the_options_of_its_run():
    found = whole(
        a=stored.report(stored.claim("one"), environment={"options": ["--circuit-seed=1"]}),
        b=stored.report(stored.claim("two"), environment={"options": ["--circuit-seed=2"]}),
    )
    html = as_html(found)
    assert "test_one[organism]&#39; --circuit-seed=1" in html
    assert "test_two[organism]&#39; --circuit-seed=2" in html


def test_nothing_that_is_merged_is_changed():
    part = stored.report(stored.claim("one", same_as="another"))
    before = json.dumps(part)
    whole(a=part, b=stored.report(stored.claim("one")))
    assert json.dumps(part) == before
