"""Many claims at once: adjusted p-values, e-BH, and the calibrator that turns a p-value into an e-value."""

import gc
import itertools
import math

import numpy as np
import pytest
from how_many import examples
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import false_discovery_control, norm
from statsmodels.stats.multitest import multipletests

from circuitcheck.stats import benjamini_hochberg, benjamini_yekutieli, e_bh, e_value_of, holm

quick = settings(deadline=None, max_examples=examples(60), derandomize=True)
FIVE = np.array([0.001, 0.012, 0.014, 0.03, 0.2])
ADJUSTMENTS = pytest.mark.parametrize("adjust", [holm, benjamini_hochberg, benjamini_yekutieli])
p_lists = st.lists(st.floats(1e-12, 1) | st.sampled_from([0.0, 0.01, 0.05, 1.0]), min_size=1, max_size=20).map(np.array)
e_values = st.floats(1e-6, 400) | st.sampled_from([0.0, 30.1, 60.1, math.inf])
e_lists = st.lists(e_values, min_size=1, max_size=20).map(np.array)
levels = st.sampled_from([0.01, 0.05, 0.25])


@pytest.fixture(scope="module", autouse=True)
def cheap_collections():
    """Holm in statsmodels, which ours is compared with, collects garbage at every call: .06 s where torch is loaded."""
    gc.freeze()
    yield
    gc.unfreeze()


def test_holm_gives_the_reference_values():
    assert holm(FIVE) == pytest.approx([0.005, 0.048, 0.048, 0.06, 0.2], abs=1e-12)


def test_benjamini_hochberg_gives_the_reference_values():
    assert benjamini_hochberg(FIVE) == pytest.approx([0.005, 0.07 / 3, 0.07 / 3, 0.0375, 0.2], abs=1e-12)


@pytest.mark.parametrize(
    "adjust, name", [(holm, "holm"), (benjamini_hochberg, "fdr_bh"), (benjamini_yekutieli, "fdr_by")]
)  # fmt: skip
@quick
@given(p_lists)
def test_adjusted_values_are_those_of_statsmodels(adjust, name, p):
    assert adjust(p) == pytest.approx(multipletests(p, method=name)[1], rel=1e-9, abs=1e-300)


@settings(quick, max_examples=examples(40))
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_the_largest_bonferroni_value_of_all_families_that_hold_the_claim(p):
    families = [family for k in range(1, len(p) + 1) for family in itertools.combinations(range(len(p)), k)]
    bonferroni = {family: min(1, len(family) * min(p[i] for i in family)) for family in families}
    expected = [max(value for family, value in bonferroni.items() if i in family) for i in range(len(p))]
    assert holm(np.array(p)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("adjust, name", [(benjamini_hochberg, "bh"), (benjamini_yekutieli, "by")])
@quick
@given(p_lists)
def test_adjusted_values_are_those_of_scipy(adjust, name, p):
    assert adjust(p) == pytest.approx(false_discovery_control(p, method=name), rel=1e-9, abs=1e-300)


@ADJUSTMENTS
@quick
@given(p_lists)
def test_adjusted_values_keep_the_order_of_p_and_never_fall_below_it(adjust, p):
    adjusted, order = adjust(p), np.argsort(p, kind="stable")
    assert np.all(np.diff(adjusted[order]) >= 0)
    assert np.all(adjusted >= p * (1 - 1e-12))
    assert np.all(adjusted <= 1)


@ADJUSTMENTS
@quick
@given(p_lists, st.randoms(use_true_random=False))
def test_adjusted_values_move_with_their_claims(adjust, p, random):
    order = random.sample(range(len(p)), len(p))
    assert adjust(p[order]) == pytest.approx(adjust(p)[order], rel=1e-12)


@ADJUSTMENTS
@quick
@given(p_lists, st.integers(0, 29), st.floats(0, 1))
def test_a_smaller_p_value_never_raises_any_adjusted_value(adjust, p, which, factor):
    smaller = p.copy()
    smaller[which % len(p)] *= factor
    assert np.all(adjust(smaller) <= adjust(p) * (1 + 1e-12))


@ADJUSTMENTS
@pytest.mark.parametrize("p", [0.0, 1e-9, 0.04, 1.0])
def test_a_single_claim_keeps_its_p_value(adjust, p):
    assert adjust(np.array([p])) == pytest.approx([p])


@ADJUSTMENTS
@pytest.mark.parametrize("p", [[0.5, 1.1], [-0.1, 0.5], [0.5, math.nan]])
def test_what_is_no_p_value_is_refused(adjust, p):
    with pytest.raises(ValueError):
        adjust(np.array(p))


@pytest.mark.slow
def test_benjamini_hochberg_spends_the_share_of_true_nulls_of_alpha_on_independent_claims():
    z = np.random.default_rng(9).normal(size=(6000, 10)) + np.where(np.arange(10) < 6, 0, 2.5)
    rejected = np.array([benjamini_hochberg(row) <= 0.1 for row in norm.sf(z)])
    proportion = rejected[:, :6].sum(axis=1) / np.maximum(rejected.sum(axis=1), 1)
    assert proportion.mean() == pytest.approx(0.06, abs=4 * proportion.std() / math.sqrt(6000))


# e-BH


def rejected_by_definition(e, alpha):
    """Go through every k from the largest: the k largest e-values are rejected where the k-th is m / (alpha k) or more."""
    m, order = len(e), np.argsort(-e, kind="stable")
    for k in range(m, 0, -1):
        if e[order[k - 1]] >= m / (alpha * k):
            return np.isin(np.arange(m), order[:k])
    return np.zeros(m, bool)


@quick
@given(e_lists, levels)
@example(np.array([math.inf, 0.0, math.inf]), 0.05)
def test_e_bh_rejects_what_its_definition_says(e, alpha):
    ties = np.isclose(e[:, None], len(e) / (alpha * np.arange(1, len(e) + 1)), rtol=1e-9)
    assume(not ties.any())
    rejected = e_bh(e, alpha)
    assert rejected.dtype == bool
    np.testing.assert_array_equal(rejected, rejected_by_definition(e, alpha))


@pytest.mark.parametrize(
    "e, rejected",
    [([19.9], [False]), ([20.0], [True]), ([20.0, 20.0], [True, True]), ([0.0, 40.0], [False, True]),
     ([39.9, 19.9], [False, False]), ([39.9, 20.1], [True, True]), ([40.1, 0], [True, False]),
     ([61, 31, 19], [True, True, False]), ([59, 31, 21], [True, True, True]), ([math.inf, 1, 1], [True, False, False])],
)  # fmt: skip
def test_e_bh_by_hand(e, rejected):
    assert e_bh(np.array(e, float), 0.05).tolist() == rejected


@quick
@given(e_lists, levels)
def test_e_bh_is_benjamini_hochberg_of_one_over_e(e, alpha):
    with np.errstate(divide="ignore"):
        p = np.minimum(1 / e, 1)
    adjusted = benjamini_hochberg(p)
    clear = np.abs(adjusted - alpha) > 1e-9
    np.testing.assert_array_equal(e_bh(e, alpha)[clear], (adjusted <= alpha)[clear])


@quick
@given(e_lists, levels, st.randoms(use_true_random=False))
def test_e_bh_moves_with_its_claims(e, alpha, random):
    order = random.sample(range(len(e)), len(e))
    np.testing.assert_array_equal(e_bh(e[order], alpha), e_bh(e, alpha)[order])


@pytest.mark.parametrize("e", [[1.0, -0.1], [1.0, math.nan]])
def test_what_is_no_e_value_is_refused(e):
    with pytest.raises(ValueError):
        e_bh(np.array(e), 0.05)


def dependent_e_values(kind, runs):
    """Ten e-values, of which the last three are no nulls and may be anything; each null has mean one at most."""
    rng, alpha, m, nulls = np.random.default_rng(10), 0.1, 10, 7
    true = np.full((runs, 3), m / alpha / 3)
    if kind == "one null at a time, as large as its mean allows":
        size, tickets = m / (4 * alpha), rng.random((runs, 1)) * m / (4 * alpha)
        return np.hstack([np.where(np.floor(tickets) == np.arange(nulls), size, 0.0), true])
    if kind == "all nulls alike":
        return np.hstack([np.repeat(np.exp(rng.normal(-2, 2, (runs, 1))), nulls, axis=1), true])
    shared, own = rng.normal(size=(runs, 1)), rng.normal(size=(runs, nulls))
    return np.hstack([np.exp(2 * (0.8 * shared + 0.6 * own) - 2), true * rng.random((runs, 3))])


@pytest.mark.parametrize(
    "kind, spent",
    [("one null at a time, as large as its mean allows", 0.07), ("all nulls alike", 0.0), ("a shared factor", 0.0)],
)
def test_e_bh_keeps_its_false_discovery_rate_however_the_claims_depend_on_each_other(kind, spent):
    e = dependent_e_values(kind, 4000)
    rejected = np.array([e_bh(row, 0.1) for row in e])
    proportion = rejected[:, :7].sum(axis=1) / np.maximum(rejected.sum(axis=1), 1)
    error = 3 * proportion.std() / math.sqrt(len(e))
    assert spent - error <= proportion.mean() <= 0.7 * 0.1 + error
    assert rejected[:, 7:].any()


# The calibrator


def test_the_calibrator_integrates_to_one():
    integral, _ = quad(lambda t: e_value_of(math.exp(-t)) * math.exp(-t), 0, 700, points=[1, 5, 20, 100], limit=500)
    beyond = 1 / 700
    assert integral + beyond == pytest.approx(1, abs=1e-6)


@quick
@given(st.floats(1e-300, 0.999))
def test_the_calibrator_follows_its_formula(p):
    expected = (1 - p + p * math.log(p)) / (p * math.log(p) ** 2)
    assert e_value_of(p) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("p, e", [(0.0, math.inf), (1.0, 0.5)])
def test_the_calibrator_ends_at_its_limits(p, e):
    assert e_value_of(p) == e


@pytest.mark.parametrize("gap", [1e-4, 1e-6, 1e-8, 1e-10, 1e-13, 2.0**-53])
def test_the_calibrator_is_smooth_near_one(gap):
    assert e_value_of(1 - gap) == pytest.approx(0.5 + gap / 6, rel=1e-6)


@quick
@given(st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted))
@example([0.0, 5e-324])
@example([1 - 1e-9, 1 - 1e-12])
def test_the_calibrator_never_rises(pair):
    assert e_value_of(pair[0]) >= e_value_of(pair[1]) * (1 - 1e-9)


@pytest.mark.parametrize("p", [-0.01, 1.01, math.nan])
def test_the_calibrator_refuses_what_is_no_p_value(p):
    with pytest.raises(ValueError):
        e_value_of(p)
