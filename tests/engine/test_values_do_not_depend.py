"""A prompt's value depends on the prompt, the view and the weights; on the prompts beside it by rounding alone."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import circuitcheck as cc
from circuitcheck.plan import Plan
from circuitcheck.prompts import PromptStream

FIXTURES = [HealthCheck.function_scoped_fixture]


@pytest.fixture
def view(model):
    return model.ablate("L0H1, L1.mlp", kind="mean", at="END, S2", n=64).ablate("L2H0", kind="counterfactual", source="abc")


def test_runs_are_bit_identical(engine, plan_of, view):
    first, second = (engine.run(plan_of(view), range(40)).values for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_another_session_gives_the_same_bits(tiny_gpt2, engine, plan_of, view):
    first = engine.run(plan_of(view), range(40)).values
    with cc.use_session(cc.Session()):
        cc.load(str(tiny_gpt2))
        np.testing.assert_array_equal(cc.current_session().engine.run(plan_of(view), range(40)).values, first)


@given(ends=st.tuples(st.integers(0, 60), st.integers(1, 36)))
@settings(max_examples=6, deadline=None, suppress_health_check=FIXTURES)
def test_any_rows_give_what_all_rows_give(engine, plan_of, view, ends):
    rows = range(ends[0], ends[0] + ends[1])
    together = engine.run(plan_of(view), range(96)).values[:, rows.start : rows.stop]
    np.testing.assert_allclose(engine.run(plan_of(view), rows).values, together, rtol=0, atol=1e-5)


def test_prompt_i_does_not_depend_on_n(ioi, view):
    few = ioi.logit_diff(view).values(5)
    with cc.use_session(cc.Session()):
        np.testing.assert_allclose(ioi.logit_diff(view).values(70)[:5], few, rtol=0, atol=1e-5)


def test_cells_measured_together_have_the_bits_that_they_have_alone(engine, plan_of, model, view):
    alone = [engine.run(plan_of(each), range(32)).values[0] for each in (model, view)]
    plan = plan_of(model)
    together = engine.run(type(plan)(plan.model, plan.prompts, (*plan.cells, *plan_of(view).cells)), range(32))
    np.testing.assert_array_equal(together.values, alone)


@pytest.mark.parametrize("batch", [1, 7, 64])
@pytest.mark.sampled(1)
def test_the_batch_size_changes_rounding_only(engine, plan_of, view, batch):
    rows = range(40)
    np.testing.assert_allclose(
        engine.run(plan_of(view, batch), rows).values, engine.run(plan_of(view), rows).values, rtol=0, atol=1e-5
    )


def test_float64_agrees_with_float32_up_to_rounding(tiny_gpt2, model, values):
    wide = cc.load(str(tiny_gpt2), dtype="float64")
    assert wide.ref.dtype == "float64"
    np.testing.assert_allclose(values(wide), values(model), rtol=0, atol=1e-4)
    assert not np.array_equal(values(wide), np.float32(values(wide)))


def test_values_are_float64_whatever_the_models_dtype(engine, plan_of, tiny_gpt2):
    narrow = cc.load(str(tiny_gpt2), dtype="bfloat16")
    table = engine.run(plan_of(narrow), range(8))
    assert table.values.dtype == np.float64
    assert np.isfinite(table.values).all()


def test_views_change_nothing_in_the_model(engine, plan_of, model):
    before = engine.run(plan_of(model), range(32)).values
    engine.run(plan_of(model.ablate("L0-2.attn", kind="zero")), range(32))
    np.testing.assert_array_equal(engine.run(plan_of(model), range(32)).values, before)
    engine.verify(model.ref)


def test_prompts_of_one_length_run_together_so_many_at_a_time(model, ioi, engine):
    groups: list[tuple[int, ...]] = []

    def watch(logits, prompts):
        groups.append(tuple(prompt.index for prompt in prompts))
        return logits[:, 0]

    plan = Plan(model.ref, PromptStream(ioi.definition, "test", 0), ioi.metric(watch, model).cells, batch=8)
    engine.run(plan, range(40, 100))
    prompts = engine_prompts(ioi, model, range(40, 100))
    lengths = [{len(prompts[index].tokens) for index in group} for group in groups]
    assert sorted(index for group in groups for index in group) == list(range(40, 100))
    assert all(len(each) == 1 for each in lengths)
    not_full = [length for group, (length,) in zip(groups, lengths, strict=True) if len(group) != 8]
    assert len(not_full) == len(set(not_full)) < len(groups)


def engine_prompts(ioi, model, rows):
    """Prompts by index."""
    return dict(zip(rows, ioi.prompts(rows.stop, model=model)[rows.start :], strict=True))
