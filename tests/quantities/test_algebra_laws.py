"""Arithmetic on quantities is arithmetic on each prompt's numbers, and a quotient is a ratio of means."""

import operator
from functools import partial

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import circuitcheck as cc

N = 64
numbers = st.floats(-8, 8).map(lambda x: round(x, 3))
exact = partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-9)

BINARY = {"+": operator.add, "-": operator.sub}
NUMBER = {"k*": lambda x, k: k * x, "*k": lambda x, k: x * k, "x+k": lambda x, k: x + k, "k+x": lambda x, k: k + x,
          "x-k": lambda x, k: x - k, "k-x": lambda x, k: k - x}  # fmt: skip

expressions = st.recursive(
    st.sampled_from("abc"),
    lambda inner: (
        st.tuples(st.sampled_from(sorted(BINARY)), inner, inner)
        | st.tuples(st.sampled_from(sorted(NUMBER)), inner, numbers)
        | st.tuples(st.just("neg"), inner)
    ),
    max_leaves=6,
)


def evaluate(expression, names):
    """The expression on whatever `names` holds: quantities or arrays."""
    if isinstance(expression, str):
        return names[expression]
    sign, first, *rest = expression
    if sign == "neg":
        return -evaluate(first, names)
    if sign in BINARY:
        return BINARY[sign](evaluate(first, names), evaluate(rest[0], names))
    return NUMBER[sign](evaluate(first, names), rest[0])


@pytest.fixture(scope="module")
def quantities(model, ioi, shared_session):
    views = {"a": model, "b": model.on("abc"), "c": model.ablate("L0H1, L1.mlp", kind="zero", at="END")}
    with cc.use_session(shared_session):
        return {name: ioi.logit_diff(view) for name, view in views.items()}


@pytest.fixture(scope="module")
def arrays(quantities, shared_session):
    with cc.use_session(shared_session):
        return {name: quantity.values(N) for name, quantity in quantities.items()}


@given(expressions)
@settings(deadline=None)
def test_expressions_are_evaluated_prompt_by_prompt(quantities, arrays, expression):
    quantity = evaluate(expression, quantities)
    assume(quantity.cells)
    exact(quantity.values(N), evaluate(expression, arrays))
    exact(quantity.estimate(N).value, evaluate(expression, arrays).mean())


@given(top=expressions, bottom=expressions)
@settings(deadline=None)
def test_a_quotient_keeps_pairs_and_is_a_ratio_of_means(quantities, arrays, top, bottom):
    ratio = evaluate(top, quantities) / evaluate(bottom, quantities)
    assume(ratio.cells)
    above, below = evaluate(top, arrays), evaluate(bottom, arrays)
    pairs = ratio.values(N)
    exact(pairs["numerator"], above)
    exact(pairs["denominator"], below)
    if abs(below.mean()) > 1e-6:
        np.testing.assert_allclose(ratio.estimate(N).value, above.mean() / below.mean(), rtol=1e-6, atol=1e-9)


@given(expressions, numbers)
@settings(deadline=None)
def test_a_share_above_counts_prompts(quantities, arrays, expression, x):
    quantity = evaluate(expression, quantities)
    assume(quantity.cells)
    values = evaluate(expression, arrays)
    assume((np.abs(values - x) > 1e-9).all())  # at a tie the order of additions decides
    share = (values > x).astype(float)
    np.testing.assert_array_equal(quantity.above(x).values(N), share)
    exact(quantity.above(x).estimate(N).value, share.mean())


@given(expressions, st.floats(0.05, 0.95))
@settings(deadline=None)
def test_quantiles_are_those_of_the_prompts(quantities, arrays, expression, q):
    quantity = evaluate(expression, quantities)
    assume(quantity.cells)
    values = evaluate(expression, arrays)
    exact(quantity.median().estimate(N).value, np.median(values))
    exact(quantity.quantile(q).estimate(N).value, np.quantile(values, q))


@pytest.mark.parametrize(
    "make, expected",
    [
        (lambda a, b, c: 1 - a / b, lambda a, b, c: b - a),
        (lambda a, b, c: a / b - c / b, lambda a, b, c: a - c),
        (lambda a, b, c: a / b + c / b, lambda a, b, c: a + c),
        (lambda a, b, c: 3 * (a / b), lambda a, b, c: 3 * a),
        (lambda a, b, c: (a / b) / 4, lambda a, b, c: a / 4),
        (lambda a, b, c: -(a / b), lambda a, b, c: -a),
        (lambda a, b, c: a / b + 2, lambda a, b, c: a + 2 * b),
        (lambda a, b, c: 1 - (2 * (a / b) - c / b), lambda a, b, c: b - 2 * a + c),
    ],
)
def test_linear_combinations_of_ratios_share_their_denominator(quantities, arrays, make, expected):
    pairs = make(*quantities.values()).values(N)
    exact(pairs["numerator"], expected(*arrays.values()))
    exact(pairs["denominator"], arrays["b"])


def test_dividing_by_a_number_is_scaling(quantities, arrays):
    exact((quantities["a"] / 4).values(N), arrays["a"] / 4)


def test_numpy_numbers_are_numbers(quantities, arrays):
    exact((np.float64(2) * quantities["a"] + np.float32(0.5)).values(N), 2 * arrays["a"] + 0.5)


def test_a_quantity_minus_itself_is_zero_on_every_prompt(quantities):
    np.testing.assert_array_equal((quantities["a"] - quantities["a"]).values(N), np.zeros(N))


def test_a_quantity_minus_itself_compares_like_any_other(quantities):
    same = (quantities["a"] < quantities["a"]).decide().decision
    assert same.verdict in ("inconclusive", "refuted")


def test_less_than_another_quantity_is_a_difference_below_zero(quantities):
    between, below = quantities["a"] < quantities["b"] + 9, quantities["a"] - quantities["b"] < 9
    assert between.decide().decision.verdict == below.decide().decision.verdict == "supported"
    assert between.decide().decision.n == below.decide().decision.n
    exact(between.decide().decision.estimate + 9, below.decide().decision.estimate)
