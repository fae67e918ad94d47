"""Cases, one at a time and under hypothesis; and masks, which keep the prompts on which a comparison holds."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from how_many import examples
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

import circuitcheck as cc
from circuitcheck.errors import BadTask, CircuitCheckError, NotComparable

NAMES = ("Mary", "John", "Tom", "James", "Sarah", "David", "Paul")
FRAMES = {"met": "Then {A} met {B} in the {C} and", "saw": "Now {A} saw {B} in the {C} and"}
PLACES = ("store", "park", "office")


def define(names=NAMES, **more):
    parts = {
        "templates": FRAMES,
        "pools": {"name": names, "place": PLACES},
        "draw": {"A": "name", "B": "name", "C": "place", "other": "name"},
        "answer": "A",
        "distractor": "B",
        "counterfactuals": {"abc": {"A": "other"}},
    }
    return cc.Task.define("people", **parts | more).on_stream("test")


TASK = define()
SIZE = 2 * 7 * 6 * 3 // 2
ODD = define(names=(*NAMES, "Maryx", "Qzv"))
cases = settings(max_examples=15, deadline=None)


@pytest.fixture(scope="module")
def streamed(model, shared_session):
    """All prompts of the test stream."""
    return tuple(TASK.iterate(model))


def case_of(prompt):
    """The case that a prompt of the stream is; what stands in its counterfactual is the value that nothing shows."""
    (frame,) = [text for name, text in FRAMES.items() if name == prompt.template]
    (other,) = [name for name in NAMES if frame.format(**prompt.slots | {"A": name}) == prompt.counterfactuals["abc"].text]
    return TASK.case(prompt.template, other=other, **prompt.slots)


# Cases


@given(data=st.data())
@cases
def test_values_on_cases_are_those_of_the_streams_own_rows(model, streamed, data):
    rows = data.draw(st.lists(st.integers(0, 99), min_size=1, max_size=5))
    for view in (model, model.on("abc"), model.ablate("L1H2", kind="counterfactual", at="A")):
        quantity = 2 * TASK.logit_diff(view) - 1
        found = quantity.on_cases([case_of(streamed[row]) for row in rows])
        assert (found.shape, found.dtype) == ((len(rows),), np.float64)
        np.testing.assert_allclose(found, quantity.values(100)[rows], atol=1e-4)


def test_values_on_cases_do_not_depend_on_their_company(model, streamed):
    cases = [case_of(prompt) for prompt in streamed[:40]]
    quantity = TASK.logit_diff(model)
    alone = [quantity.on_cases([case])[0] for case in cases[:5]]
    np.testing.assert_allclose(quantity.on_cases(iter(cases))[:5], alone, atol=1e-4)
    assert len(quantity.on_cases([])) == 0


@given(case=TASK.strategy())
@cases
def test_a_case_is_a_template_with_a_value_of_its_pool_for_each_variable(case):
    values = dict(case.values)
    assert case.template in FRAMES
    assert set(values) == {"A", "B", "C", "other"}
    assert len({values[name] for name in ("A", "B", "other")}) == 3
    assert {values[name] for name in ("A", "B", "other")} <= set(NAMES)
    assert values["C"] in PLACES
    assert case == TASK.case(case.template, **values)
    assert case.text == FRAMES[case.template].format(**values)


@given(case=TASK.strategy())
@cases
def test_a_case_gives_a_prompt_with_its_counterfactuals(model, case):
    values, prompt = dict(case.values), case.prompt(model)
    assert prompt.text == case.text
    assert prompt.tokens == tuple(model.tokenizer.encode(case.text).ids)
    assert (prompt.answer, prompt.distractor) == (" " + values["A"], " " + values["B"])
    assert prompt.counterfactuals["abc"].text == FRAMES[case.template].format(**values | {"A": values["other"]})
    assert case_of(prompt) == case


def test_every_case_there_is_can_be_drawn():
    few = define(names=NAMES[:3])
    seen = set()

    @given(case=few.strategy())
    @settings(max_examples=600, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def collect(case):
        seen.add(case)

    collect()
    assert len(seen) == 2 * 6 * 3


def shrunk(strategy, violates):
    found = find(strategy, violates, settings=settings(max_examples=2000, deadline=None, database=None, derandomize=True))
    return found.template, {name: value for name, value in found.values if name != "other"}


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    "violates, template, values",
    [
        (lambda case: True, "met", ("Mary", "John", "store")),
        (lambda case: dict(case.values)["B"] == "Mary", "met", ("John", "Mary", "store")),
        (lambda case: dict(case.values)["B"] == "Tom", "met", ("Mary", "Tom", "store")),
        (lambda case: dict(case.values)["A"] in ("Tom", "Paul"), "met", ("Tom", "Mary", "store")),
        (lambda case: dict(case.values)["C"] != "store", "met", ("Mary", "John", "park")),
        (lambda case: case.template == "saw" and dict(case.values)["C"] == "office", "saw", ("Mary", "John", "office")),
    ],
    ids=["any", "B-first", "B", "A", "C", "template"],
)
@pytest.mark.parametrize("with_model", [True, False])
def test_shrinking_reaches_the_first_template_and_the_earliest_items(model, violates, template, values, with_model):
    strategy = TASK.strategy(model) if with_model else TASK.strategy()
    assert shrunk(strategy, violates) == (template, dict(zip("ABC", values, strict=True)))


def test_a_failing_test_shows_the_smallest_case_that_fails(model):
    quantity = TASK.metric(cc.metric(where_tom_is_second, name="second"), model)

    @given(case=TASK.strategy(model))
    @settings(max_examples=150, deadline=None, database=None, derandomize=True, phases=[Phase.generate, Phase.shrink])
    def check(case):
        assert quantity.on_cases([case])[0] > 0, case.text

    with pytest.raises(AssertionError, match="Then Mary met Tom in the store and"):
        check()


def where_tom_is_second(_logits, prompts):
    return [-1.0 if prompt.slots["B"] == "Tom" else 1.0 for prompt in prompts]


def test_a_strategy_for_a_model_draws_only_what_its_tokenizer_reads(model):
    def odd(case):
        return {"Maryx", "Qzv"} & {value for _, value in case.values}

    assert odd(find(ODD.strategy(), odd, settings=settings(database=None, derandomize=True)))
    with pytest.raises(NoSuchExample):
        find(ODD.strategy(model), odd, settings=settings(max_examples=300, database=None, derandomize=True))


def test_what_the_tokenizer_cannot_read_is_rejected_inside_hypothesis_and_an_error_outside(model):
    quantity, told = ODD.logit_diff(model), []
    unreadable = ODD.case("met", A="Qzv", B="Mary", C="store", other="Tom")

    @given(case=st.sampled_from([unreadable, ODD.case("met", A="Tom", B="Mary", C="store", other="John")]))
    @settings(max_examples=examples(40), deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def check(case):
        told.append((case, quantity.on_cases([case])[0]))

    check()
    assert {dict(case.values)["A"] for case, _ in told} == {"Tom"}
    for ask in (lambda: quantity.on_cases([unreadable]), lambda: unreadable.prompt(model)):
        with pytest.raises(CircuitCheckError, match="Qzv"):
            ask()


@pytest.mark.parametrize(
    "template, values, word",
    [
        ("heard", {"A": "Mary", "B": "John", "C": "park", "other": "Tom"}, "heard"),
        ("met", {"A": "Zoe", "B": "John", "C": "park", "other": "Tom"}, "Zoe"),
        ("met", {"A": "park", "B": "John", "C": "park", "other": "Tom"}, "park"),
        ("met", {"A": "Mary", "B": "Mary", "C": "park", "other": "Tom"}, "Mary"),
        ("met", {"A": "Mary", "B": "John", "C": "park", "D": "Tom"}, "D"),
    ],
)
def test_a_case_that_no_prompt_could_be_is_refused(template, values, word):
    with pytest.raises(BadTask, match=word):
        TASK.case(template, **values)


def test_ratios_and_cases_of_other_tasks_are_refused(model):
    case = TASK.case("met", A="Mary", B="John", C="park", other="Tom")
    with pytest.raises(NotComparable):
        (TASK.logit_diff(model) / TASK.logit_diff(model)).on_cases([case])
    with pytest.raises(NotComparable):
        define(names=NAMES[:6]).logit_diff(model).on_cases([case])
    with pytest.raises(CircuitCheckError):
        TASK.logit_diff(model).on_cases(["Then Mary met John in the park and"])


# Masks


def kept_by(streamed, values, holds):
    return [prompt.text for prompt, value in zip(streamed, values, strict=True) if holds(value)]


@pytest.mark.parametrize(
    "condition, holds",
    [
        (lambda q: q > 0, lambda value: value > 0),
        (lambda q: q < -0.2, lambda value: value < -0.2),
        (lambda q: q == cc.approx(0, abs=0.3), lambda value: abs(value) <= 0.3),
    ],
    ids=["above", "below", "near"],
)
@pytest.mark.parametrize("considered", [70, SIZE])
def test_a_mask_keeps_exactly_the_prompts_on_which_it_holds_in_their_order(model, streamed, condition, holds, considered):
    quantity = TASK.logit_diff(model)
    values = quantity.values(SIZE)
    expected = kept_by(streamed[:considered], values[:considered], holds)
    task = TASK.where(condition(quantity), prompts=considered)
    assert 0 < len(expected) < considered
    assert [prompt.text for prompt in task.iterate(model)] == expected
    assert [prompt.text for prompt in task.prompts(9, model=model)] == expected[:9]
    np.testing.assert_allclose(
        task.logit_diff(model).values(len(expected)), [v for v in values[:considered] if holds(v)], atol=1e-5
    )


def test_other_things_are_measured_on_the_prompts_that_are_kept(model, streamed):
    first = TASK.logit_diff(model).values(SIZE)
    other = (TASK.accuracy(model) - TASK.logit_diff(model.on("abc"))).values(SIZE)
    task = TASK.where(TASK.logit_diff(model) > 0)
    found = (task.accuracy(model) - task.logit_diff(model.on("abc"))).values(20)
    np.testing.assert_allclose(found, other[first > 0][:20], atol=1e-5)


def test_a_mask_is_plain_data_that_is_measured_no_more_once_it_is_made(model, streamed):
    session = cc.current_session()
    made = TASK.where(TASK.logit_diff(model) > 0)
    passes = session.forward_passes
    travelled = pickle.loads(pickle.dumps(made.definition))
    assert (travelled, travelled.digest, travelled.facts) == (made.definition, made.definition.digest, made.definition.facts)
    found = travelled.prompts(model.tokenizer, seed=session.settings.seed, stream="test", rows=range(9))
    assert found == made.prompts(9, model=model)
    assert session.forward_passes == passes


def test_outside_of_a_claim_what_is_kept_is_looked_at_on_other_prompts_than_claims_use(model):
    free = TASK.on_stream("test").where(TASK.on_stream("test").logit_diff(model) > 0)
    task = replace(TASK, chosen=None)
    kept = task.where(task.logit_diff(model) > 0)
    looked = kept.logit_diff(model).estimate(8)
    assert (looked.stream, kept.stream) == ("discovery", "test")
    assert {prompt.text for prompt in kept.prompts(8, model=model)}.isdisjoint(prompt.text for prompt in free.iterate(model))
    assert min(kept.logit_diff(model).values(8)) > 0
    assert (kept.logit_diff(model) > -100).decide().stream == "test"
    assert kept.size(model) == free.size(model)


def test_masks_add_up(model, streamed):
    values = TASK.logit_diff(model).values(SIZE)
    one = TASK.where(TASK.logit_diff(model) > -0.3)
    both = one.where(one.logit_diff(model) < 0.3)
    assert [prompt.text for prompt in both.iterate(model)] == kept_by(streamed, values, lambda v: -0.3 < v < 0.3)


def test_results_say_how_many_were_kept(model, with_settings):
    condition = TASK.logit_diff(model) > 0
    count = int((TASK.logit_diff(model).values(100) > 0).sum())
    task = TASK.where(condition, prompts=100)
    result = (task.logit_diff(model) > -100).decide()
    for told in (" ".join(result.warnings), result.describe(), str(task.explain(model))):
        assert f"{count} of 100" in told
    assert not any("100" in warning for warning in (TASK.logit_diff(model) > -100).decide().warnings)


def test_means_come_from_the_tasks_own_reference_stream(model):
    """Here the mask keeps prompts about one place, and the reference prompts are about all."""
    masked = TASK.where(TASK.metric(cc.metric(in_the_park, name="park"), model) > 0)
    view = model.ablate("L1.mlp", kind="mean", at="END", n=50)
    texts = [prompt.text for prompt in TASK.iterate(model)]
    expected = dict(zip(texts, TASK.logit_diff(view).values(SIZE), strict=True))
    found = masked.logit_diff(view).values(40)
    np.testing.assert_allclose(found, [expected[p.text] for p in masked.prompts(40, model=model)], atol=1e-5)
    reference = [p.text for p in masked.iterate(model, stream="reference")]
    assert reference == [p.text for p in TASK.iterate(model, stream="reference")]


def in_the_park(_logits, prompts):
    return torch.tensor([1.0 if prompt.slots["C"] == "park" else -1.0 for prompt in prompts])


@pytest.mark.parametrize("considered", [SIZE, 10**6])
def test_all_that_a_mask_keeps_of_a_stream_is_a_sample(model, with_settings, considered):
    task = TASK.where(TASK.metric(cc.metric(in_the_park, name="park"), model) > 0, prompts=considered)
    n = sum(1 for _ in task.iterate(model))
    with with_settings(samples=10**4):
        decision = (task.logit_diff(model) < float(task.logit_diff(model).values(n).mean())).decide().decision
    assert (decision.n, decision.census, decision.verdict) == (n, False, "inconclusive")


def test_more_prompts_than_are_kept_are_an_error(model):
    task = TASK.where(TASK.logit_diff(model) > 0, prompts=64)
    n = sum(1 for _ in task.iterate(model))
    with pytest.raises(BadTask, match=str(n)):
        task.prompts(n + 1, model=model)
    with pytest.raises(BadTask, match=str(n)):
        task.logit_diff(model).values(n + 1)


def test_a_mask_that_keeps_nothing_is_an_error(model):
    with pytest.raises(BadTask, match="none|0 of"):
        TASK.where(TASK.logit_diff(model) > 1000)


@pytest.mark.parametrize(
    "refused",
    [
        lambda q, other: q / q > 0,
        lambda q, other: q.median() > 0,
        lambda q, other: other > 0,
        lambda q, other: q,
        lambda q, other: cc.any_of(q > 0, q < -1),
        lambda q, other: cc.forall(q > 0),
        lambda q, other: True,
        lambda q, other: None,
    ],
    ids=["ratio", "median", "other-task", "quantity", "composite", "forall", "truth", "none"],
)
def test_what_is_no_comparison_of_a_number_per_prompt_of_this_task_is_refused(model, refused):
    other = define(names=NAMES[:6]).logit_diff(model)
    with pytest.raises(NotComparable):
        TASK.where(refused(TASK.logit_diff(model), other))


@pytest.mark.parametrize("considered", [0, -3])
def test_numbers_of_prompts_that_mean_nothing_are_refused(model, considered):
    with pytest.raises((BadTask, ValueError)):
        TASK.where(TASK.logit_diff(model) > 0, prompts=considered)
