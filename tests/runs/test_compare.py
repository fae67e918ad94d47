"""Two stored runs: each change has its word, and what does not belong together is named."""

import json

import numpy as np
import pytest
from made_runs import BINARY, Search, claim, joined, mean_of_one, question, ratio, report

from circuitcheck.cli import main
from circuitcheck.report.drifted import rows_of_drift
from circuitcheck.runs.compare import compare_runs
from circuitcheck.runs.drift_record import drift_record

RNG = np.random.default_rng(2)
N = 64
OLD = RNG.normal(0, 1, N)
OLD -= OLD.mean()
JITTER = RNG.normal(0, 0.1, N)
JITTER -= JITTER.mean()
CLEAN = RNG.normal(5, 1, N)


def before(*arguments, **more):
    return question(*arguments, fixed=N, **more)


def now(*arguments, **more):
    return question(*arguments, fixed=N, model="m@2", **more)


def compared(old, new, **more):
    found = compare_runs(report(claim("it", old, **more))["claims"], report(claim("it", new, **more))["claims"])
    return found.claims[0]


def shifted(shift, **more):
    return compared(before(OLD, "<", 1.0), now(OLD + JITTER + shift, "<", 1.0), **more)


def test_the_words_of_a_mean():
    assert shifted(0.1).word == "holds"
    assert shifted(0.8).word == "moved"
    assert shifted(1.8).word == "broke"
    assert shifted(0.5).word == "cannot tell"


def test_the_same_digests_are_the_same_and_need_no_statistics():
    one = question(OLD, "<", 0.3, fixed=N)
    found = compared(one, question(OLD, "<", 0.3, fixed=N))
    assert found.word == "same"
    assert found.questions[0].pair is None


def test_the_same_weights_in_another_batch_are_the_same_within_the_noise():
    one, other = (question(values, "<", 1.0, fixed=N, noise=0.01) for values in (OLD, OLD + 0.005))
    assert compared(one, other).word == "same"


def test_the_same_weights_with_other_numbers_are_told():
    found = compared(before(OLD, "<", 1.0), before(OLD + JITTER + 0.8, "<", 1.0))
    assert found.word == "moved"
    assert "the engine or the machine is another" in found.reason


def test_a_ratio_moves_with_its_share_and_not_with_confidence():
    old = before([0.5 * CLEAN + JITTER, CLEAN], "<", 0.8, form=ratio())
    same = now([2 * (0.5 * CLEAN + JITTER) + 0.01 * OLD, 2 * CLEAN], "<", 0.8, form=ratio())
    more = now([0.95 * CLEAN + JITTER, CLEAN + JITTER], "<", 0.8, form=ratio())
    assert compared(old, same).word == "holds"
    assert compared(old, more).word == "broke"


def test_a_margin_of_the_claim_comes_first():
    old, new = (report(claim("it", each)) for each in (before(OLD, "<", 2.0), now(OLD + JITTER + 0.8, "<", 2.0)))
    assert compare_runs(old["claims"], new["claims"]).claims[0].word == "holds"
    tight = [{**each, "margin": 0.1} for each in new["claims"]]
    assert compare_runs(old["claims"], tight).claims[0].word == "moved"


def test_only_prompts_that_were_measured_whatever_came_out_are_paired():
    """A sample that stopped because of what it showed is biased."""
    old, new = question(OLD, "<", 0.25), question(OLD + JITTER, "<", 0.25, model="m@2")
    assert min(each.rests.values.shape[1] for each in (old, new)) > 32
    assert compared(old, new).questions[0].drift.n == 32


@pytest.mark.parametrize(
    "new, said",
    [
        (now(OLD, "<", 0.9), "the threshold changed: < 1 before, < 0.9 now"),
        (now(OLD, ">", 1.0), "the threshold changed: < 1 before, > 1 now"),
        (now(OLD, "<", 1.0, name="another"), "the expression changed: number < 1 before, another < 1 now"),
        (now(OLD, "<", 1.0, seed=5), "the seed was 0 and is 5"),
        (now(OLD, "<", 1.0, clustered=True), "its scope changed: these_templates before, new_templates now"),
        (now(OLD, "<", 1.0, texts=[f"prompt 0 {i + (i > 60)} of the task" for i in range(N)]), "3 of 64 are others"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_what_is_not_comparable_says_what_changed(new, said):
    found = compared(before(OLD, "<", 1.0), new)
    assert found.word == "not comparable"
    assert said in found.reason
    name, word, old_number, new_number, *others, _ = next(rows_of_drift({"claim": "it", **drift_record(found)}))
    assert (name, word, others) == ("it", "not comparable", ["", "", ""])
    assert old_number
    assert new_number


def test_changes_of_the_claims_own_words_are_named_beside_the_word():
    old = report(claim("it", before(OLD, "<", 1.0), text="one"))
    new = report(claim("it", now(OLD + JITTER, "<", 1.0), text="two", expect="refuted"))
    (found,) = compare_runs(old["claims"], new["claims"]).claims
    assert found.word == "holds"
    assert found.changes == (
        "its sentence changed: one before, two now",
        "what is expected changed: supported before, refuted now",
    )


def test_claims_of_one_run_alone_are_orphans_or_new():
    old = report(claim("a", before(OLD)), claim("gone", before(OLD)))
    new = report(claim("a", now(OLD)), claim("fresh", now(OLD)))
    found = compare_runs(old["claims"], new["claims"])
    assert (found.orphans, found.fresh) == (("gone[m@1]",), ("fresh[m@1]",))


def test_a_model_in_the_place_of_another_is_the_same_claim():
    old, new = report(claim("it", before(OLD))), report(claim("it", now(OLD + JITTER), model="m@2"))
    assert compare_runs(old["claims"], new["claims"]).orphans == ("it[m@1]",)
    found = compare_runs(old["claims"], new["claims"], {"m@1": "m@2"})
    assert [(each.key, each.key_before, each.word) for each in found.claims] == [("it[m@2]", "it[m@1]", "holds")]


def test_shares_that_are_equal_on_few_prompts_do_not_hold():
    """Nothing changed on 64 prompts, which leaves room for a change of more than the margin."""
    share = (np.arange(N) % 3 > 0).astype(float)
    old, new = (each(share, ">", 0.5, form=mean_of_one(BINARY)) for each in (before, now))
    found = compared(old, new)
    assert found.word == "cannot tell"
    assert found.questions[0].drift.change[1] > 0.04


def test_a_value_that_is_no_number_gives_no_word():
    broken = np.where(np.arange(N) == 40, np.nan, OLD)
    assert "now, not every prompt" in compared(before(OLD, "<", 1.0), now(broken, "<", 1.0)).reason


def all_of(*questions):
    return joined("all of", *questions)


def any_of(*questions):
    return joined("any of", *questions)


def test_all_of_is_the_worst_of_its_parts():
    old = all_of(before(OLD, "<", 1.0), before(OLD, ">", -1.0, name="other"))
    fine = now(OLD + JITTER, ">", -1.0, name="other")
    assert compared(old, all_of(now(OLD + JITTER, "<", 1.0), fine)).word == "holds"
    assert compared(old, all_of(now(OLD + JITTER + 0.8, "<", 1.0), fine)).word == "moved"
    assert compared(old, all_of(now(OLD + JITTER + 1.8, "<", 1.0), fine)).word == "broke"


def test_any_of_is_the_best_of_the_parts_that_carried_it():
    old = any_of(before(OLD, "<", 1.0), before(OLD, "<", -1.0, name="other"))
    idle = now(OLD + JITTER, "<", -1.0, name="other")
    assert compared(old, any_of(now(OLD + JITTER, "<", 1.0), idle)).word == "holds"
    assert compared(old, any_of(now(OLD + JITTER + 1.8, "<", 1.0), idle)).word == "broke"
    both = any_of(before(OLD, "<", 1.0), before(OLD, "<", 1.0, name="other"))
    broken = now(OLD + JITTER + 1.8, "<", 1.0, name="other")
    assert compared(both, any_of(now(OLD + JITTER, "<", 1.0), broken)).word == "holds"
    carried = now(OLD + JITTER - 2, "<", -1.0, name="other")
    assert compared(old, any_of(now(OLD + JITTER + 1.8, "<", 1.0), carried)).word == "moved"


def universal(values, model):
    return question(values, ">", 0.0, model=model, rule=Search(0.1, 0.95, None, 0, False, "templates"))


def test_a_universal_claim_breaks_by_a_prompt_that_did_not_violate_it():
    positive = np.abs(OLD) + 1
    violated = np.where(np.arange(N) == 20, -1.0, positive)
    assert compared(universal(positive, "m@1"), universal(positive + 0.1, "m@2")).word == "holds"
    found = compared(universal(positive, "m@1"), universal(violated, "m@2"))
    assert (found.word, "prompt #20 violates it now" in found.reason) == ("broke", True)
    assert compared(universal(violated, "m@1"), universal(positive, "m@2")).word == "broke"
    assert compared(universal(violated, "m@1"), universal(violated * 2, "m@2")).word == "holds"


def test_a_universal_claim_that_is_violated_where_nobody_had_looked_cannot_be_told():
    positive = np.abs(np.tile(OLD, 2)) + 1
    late = np.where(np.arange(2 * N) == 100, -1.0, positive)
    assert compared(universal(positive[:N], "m@1"), universal(late, "m@2")).word == "cannot tell"


def test_errors_and_other_numbers_of_questions_give_no_word():
    old = report(claim("it", before(OLD, "<", 1.0), before(OLD, ">", -1.0)))
    broken = report(claim("it", verdict="error"))
    (found,) = compare_runs(old["claims"], broken["claims"]).claims
    assert (found.word, found.reason) == ("cannot tell", "now it is error")
    skipped = report(claim("it", verdict="skipped"))
    lost = [
        compare_runs(a["claims"], b["claims"]).counts["lost"] for a, b in ((old, broken), (old, skipped), (broken, broken))
    ]
    assert lost == [1, 0, 0]
    fewer = report(claim("it", now(OLD + JITTER, "<", 1.0)))
    assert "it asked 2 questions before, and 1 now" in compare_runs(old["claims"], fewer["claims"]).claims[0].changes


@pytest.fixture
def two_files(tmp_path):
    old = report(
        claim("same", question(OLD, fixed=N)),
        claim("moves", before(OLD, name="a")),
        claim("breaks", before(OLD, name="b")),
        claim("gone", before(OLD)),
    )
    new = report(
        claim("same", question(OLD, fixed=N)),
        claim("moves", now(OLD + JITTER + 0.8, name="a")),
        claim("breaks", now(OLD + JITTER + 1.8, name="b")),
    )
    paths = tmp_path / "old.json", tmp_path / "new.json"
    for path, each in zip(paths, (old, new), strict=True):
        path.write_text(json.dumps(each))
    return [str(path) for path in paths]


@pytest.mark.parametrize(
    "fail, code",
    [
        ("broke", 1),
        ("moved", 1),
        ("broke > 1", 0),
        ("lost", 0),
        ("orphans > 0 and not new", 1),
        ("broke > 1 or (moved == 1 and same >= 1)", 1),
        ("claims < 0", 0),
        ("__import__('os').system('true')", 2),
        ("broke.__class__", 2),
        ("broke + 1 > 0", 2),
        ("brokee", 2),
        ("1.5 > broke", 2),
        ("broke if 1 else 0", 2),
        ("'a' > 'b'", 2),
        ("", 2),
        ("not " * 2000 + "broke", 2),
    ],
)
def test_the_exit_code_is_that_of_fail(two_files, capsys, fail, code):
    assert main(["compare", *two_files, "--fail", fail]) == code
    said = capsys.readouterr()
    assert ("failed:" in said.out) == (code == 1)
    assert ("is no condition" in said.err) == (code == 2)


@pytest.mark.parametrize("fail, code", [((), 1), (("--fail", "moved"), 1), (("--fail", "errors > 1"), 0)])
def test_a_claim_that_had_a_verdict_and_is_an_error_now_fails(tmp_path, capsys, fail, code):
    paths = tmp_path / "old.json", tmp_path / "new.json"
    for path, each in zip(paths, (claim("it", before(OLD)), claim("it", verdict="error")), strict=True):
        path.write_text(json.dumps(report(each)))
    assert main(["compare", *map(str, paths), *fail]) == code
    assert ("or lost" in capsys.readouterr().out) == (code == 1)


def test_the_command_shows_a_table_prompts_side_by_side_and_writes_files(two_files, tmp_path, capsys):
    found, page = tmp_path / "drift.json", tmp_path / "drift.md"
    main(["compare", *two_files, "--json", str(found), "--markdown", str(page)])
    said = capsys.readouterr().out
    assert "3 claims in both runs: 1 broke, 1 moved, 1 same; 1 only before" in said
    assert "only in the earlier run: gone[m@1]" in said
    assert "of the task" in said
    record = json.loads(found.read_text())
    assert {each["claim"]: each["word"] for each in record["claims"]} == {
        "same[m@1]": "same",
        "moves[m@1]": "moved",
        "breaks[m@1]": "broke",
    }
    assert page.read_text().index("| breaks") < page.read_text().index("| same")


def test_runs_that_have_no_claim_in_common_are_refused(tmp_path, capsys):
    paths = tmp_path / "old.json", tmp_path / "new.json"
    for path, name in zip(paths, ("it", "another"), strict=True):
        path.write_text(json.dumps(report(claim(name, before(OLD)))))
    assert main(["compare", *map(str, paths)]) == 2
    said = capsys.readouterr()
    assert "only in the earlier run: it[m@1]" in said.out
    assert "no claim is in both runs" in said.err
    assert "--model OLD=NEW" in said.err


@pytest.mark.parametrize("given", ["m@1", "=m@2", "m@1=", "a=b=", "m@1=x,m@1=y"])
def test_models_that_replace_none_are_refused(two_files, capsys, given):
    models = [part for each in given.split(",") for part in ("--model", each)]
    code = main(["compare", *two_files, *models])
    assert code == (1 if given == "a=b=" else 2)
