"""Drawing prompts until a claim is decided: looks, verdicts, refusals and how often a verdict is wrong."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitcheck.errors import BudgetTooSmall
from circuitcheck.sampling import (
    Above,
    Below,
    BoundedMean,
    Design,
    Outside,
    Proportion,
    Quantile,
    RatioOfMeans,
    RealMean,
    Within,
    decide,
    estimate,
)
from circuitcheck.stats import (
    beta_binomial_sequence,
    betting_interval,
    clopper_pearson,
    fieller,
    kim_demets,
    skew_guarded,
)

LOOKS = (32, 64, 128, 256, 512)
ONE_LOOK = Design(maximum=32)
NO_TASK = "the model does not do the task"
UNIT = (0.0, 1.0)
quick = settings(deadline=None, max_examples=40, derandomize=True)


def real(columns):
    return RealMean(columns[0])


def share(columns):
    return Proportion(columns[0])


def bounded(columns):
    return BoundedMean(columns[0], *UNIT)


def ratio(columns):
    return RatioOfMeans(columns[0], columns[1])


def bounded_ratio(columns):
    return RatioOfMeans(columns[0], columns[1], (UNIT, UNIT))


def median(columns):
    return Quantile(columns[0], 0.5)


class Prompts:
    """Columns measured beforehand that remember which prompts were drawn."""

    def __init__(self, *columns):
        self.columns = np.array(columns, float)
        self.drawn = []

    def __call__(self, prompts):
        self.drawn.append(prompts)
        return self.columns[:, prompts.start : prompts.stop]


def decided(columns, build, region, design=None):
    return decide(Prompts(*columns), build, region, design or Design())


def normal(mean=0.0, n=512, seed=0):
    return np.random.default_rng(seed).normal(mean, 1, n)


def standard_error(p, runs):
    return math.sqrt(p * (1 - p) / runs)


# Looks


@pytest.mark.parametrize(
    "options, looks",
    [
        ({}, LOOKS),
        ({"maximum": 32}, (32,)),
        ({"maximum": 33}, (32, 33)),
        ({"maximum": 500}, (32, 64, 128, 256, 500)),
        ({"first": 10, "maximum": 40}, (10, 20, 40)),
        ({"population": 100}, (32, 64, 100)),
        ({"population": 512}, LOOKS),
        ({"population": 513}, LOOKS),
        ({"population": 32}, (32,)),
        ({"population": 20}, (20,)),
    ],
)
def test_looks_double_up_to_the_budget_or_the_population(options, looks):
    assert Design(**options).looks == looks


@pytest.mark.parametrize("first, maximum", [(32, 31), (512, 32), (2, 1)])
def test_a_budget_below_the_first_look_is_refused(first, maximum):
    with pytest.raises(BudgetTooSmall):
        Design(first=first, maximum=maximum)


@pytest.mark.parametrize("confidence", [0.0, 0.5, 1.0, 1.2, -1.0, math.nan])
def test_a_confidence_that_is_none_is_refused(confidence):
    with pytest.raises(ValueError):
        Design(confidence=confidence)


def test_prompts_are_drawn_in_order_once_each_up_to_the_last_look():
    prompts = Prompts(normal())
    decide(prompts, real, Below(0), Design())
    assert prompts.drawn == [range(32), range(32, 64), range(64, 128), range(128, 256), range(256, 512)]


def test_nothing_is_drawn_after_a_verdict():
    prompts = Prompts(normal())
    decision = decide(prompts, real, Below(5), Design())
    assert prompts.drawn == [range(32)]
    assert decision.n == 32


def test_nothing_is_drawn_beyond_the_population():
    prompts = Prompts(normal(n=50))
    decide(prompts, real, Below(0), Design(population=50))
    assert prompts.drawn == [range(32), range(32, 50)]


def test_the_estimand_is_built_from_all_prompts_so_far():
    sizes = []
    values = normal()

    def build(columns):
        np.testing.assert_array_equal(columns[0], values[: columns.shape[1]])
        sizes.append(columns.shape[1])
        return real(columns)

    decided([values], build, Below(0))
    assert sorted(set(sizes)) == list(LOOKS)


def test_every_look_reports_its_interval_at_the_level_of_its_boundary():
    values = normal()
    tails = kim_demets(LOOKS, 0.05).tails
    expected = [skew_guarded(values[:n], tail) for n, tail in zip(LOOKS, tails, strict=True)]
    decision = decided([values], real, Below(0))
    assert [n for n, _, _ in decision.looks] == list(LOOKS)
    assert [low for _, low, _ in decision.looks] == pytest.approx([i.low for i in expected])
    assert [high for _, _, high in decision.looks] == pytest.approx([i.high for i in expected])


@pytest.mark.parametrize("build, column", [(share, normal() > 0), (bounded, normal(seed=2) > 0.5)])
def test_a_sequence_keeps_its_level_at_every_look(build, column):
    values = column.astype(float)
    sequences = {
        share: lambda n: beta_binomial_sequence(int(values[:n].sum()), n, 0.05),
        bounded: lambda n: betting_interval(values[:n], *UNIT, 0.05),
    }
    decision = decided([values], build, Below(values.mean()))
    for n, low, high in decision.looks:
        expected = sequences[build](n)
        assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_a_proportion_looked_at_once_uses_clopper_pearson():
    values = (normal(n=32) > 0).astype(float)
    expected = clopper_pearson(int(values.sum()), 32, 0.05)
    decision = decided([values], share, Below(0.5), ONE_LOOK)
    assert (decision.low, decision.high) == pytest.approx((expected.low, expected.high))


def test_the_decision_reports_its_last_look():
    decision = decided([normal()], real, Below(0.25))
    assert (decision.n, decision.low, decision.high) == decision.looks[-1]
    assert decision.estimate == pytest.approx(normal()[: decision.n].mean())
    assert decision.confidence == 0.95


# Verdicts


@pytest.mark.parametrize(
    "mean, region, verdict",
    [
        (0.0, Below(2), "supported"),
        (4.0, Below(2), "refuted"),
        (4.0, Above(2), "supported"),
        (0.0, Above(2), "refuted"),
        (0.0, Within(0, 2), "supported"),
        (4.0, Within(0, 2), "refuted"),
        (-4.0, Within(0, 2), "refuted"),
        (4.0, Outside(0, 2), "supported"),
        (-4.0, Outside(0, 2), "supported"),
        (0.0, Outside(0, 2), "refuted"),
        (2.0, Outside(0, 0), "supported"),
    ],
)
def test_verdict_of_a_clear_case(mean, region, verdict):
    decision = decided([normal(mean)], real, region)
    assert (decision.verdict, decision.n) == (verdict, 32)


@pytest.mark.parametrize("region", [Below(0), Above(0), Within(0, 1e-3), Outside(0, 0), Within(0.5, 0.5)])
def test_a_number_at_the_edge_of_the_region_stays_inconclusive(region):
    decision = decided([normal() - normal().mean()], real, region)
    assert (decision.verdict, decision.n) == ("inconclusive", 512)
    assert decision.reason


@pytest.mark.parametrize(
    "build, columns, threshold",
    [
        (share, [normal(2) > 0], 0.5),
        (bounded, [np.random.default_rng(1).beta(8, 2, 512)], 0.3),
        (median, [normal(3)], 1.0),
        (ratio, [normal(6), normal(5, seed=1)], 0.5),
        (bounded_ratio, [np.random.default_rng(2).beta(8, 2, 512), np.random.default_rng(3).beta(5, 5, 512)], 0.5),
    ],
)
def test_each_estimand_supports_and_refutes(build, columns, threshold):
    assert decided(columns, build, Above(threshold)).verdict == "supported"
    assert decided(columns, build, Below(threshold)).verdict == "refuted"


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.9])
def test_a_quantile_below_a_threshold_is_shown_whatever_the_tail_beyond_it(threshold):
    values = np.where(np.arange(512) % 8 == 0, 1e12, 0.01 * normal())
    assert decided([values], median, Below(threshold)).verdict == "supported"


# Refusals


@pytest.mark.parametrize("columns", [[normal(2), -2 + 0.1 * normal(seed=1)], [normal(2), normal(-2, seed=1)]])
@pytest.mark.parametrize("region", [Below(5), Above(-5), Within(0, 50), Outside(20, 1)])
def test_a_negative_denominator_gives_no_verdict_on_a_ratio(columns, region):
    decision = decided(columns, ratio, region)
    assert decision.verdict == "inconclusive"
    assert decision.reason.startswith(NO_TASK)


@pytest.mark.parametrize("region", [Below(5), Above(-5), Within(0, 50), Outside(20, 1)])
def test_a_weak_denominator_gives_no_verdict_on_a_ratio(region):
    weak = normal(seed=1) - normal(seed=1).mean()
    decision = decided([normal(0.1), weak], ratio, region)
    assert (decision.verdict, decision.n) == ("inconclusive", 512)
    assert decision.reason.startswith(NO_TASK)


def test_a_bounded_denominator_not_shown_above_zero_gives_no_verdict_on_a_ratio():
    decision = decided([np.full(512, 0.5), np.zeros(512)], bounded_ratio, Above(0.1))
    assert decision.verdict == "inconclusive"
    assert decision.reason.startswith(NO_TASK)


def test_a_negative_denominator_gives_no_verdict_when_every_prompt_was_measured():
    decision = decided([normal(1, n=20), -2 + normal(n=20)], ratio, Below(5), Design(population=20))
    assert decision.verdict == "inconclusive"
    assert decision.reason.startswith(NO_TASK)


@pytest.mark.parametrize("region", [Below(5), Above(-5), Within(0, 3), Outside(9, 1)])
def test_values_without_variance_give_no_verdict(region):
    decision = decided([np.ones(512)], real, region)
    assert (decision.verdict, decision.n_more) == ("inconclusive", ())
    assert decision.reason


@pytest.mark.parametrize("region, verdict", [(Within(1, 0.1), "supported"), (Outside(1, 0.1), "refuted")])
def test_the_claimed_number_on_every_prompt_is_equality_without_statistics(region, verdict):
    assert decided([np.ones(512)], real, region).verdict == verdict


@pytest.mark.parametrize("noise, verdict", [(1e-9, "supported"), (1e-3, "inconclusive")])
def test_equality_up_to_rounding_is_not_equality_up_to_anything(noise, verdict):
    values = np.ones(32) + noise * np.where(np.arange(32) < 20, 0.0, 1.0)
    assert decided([values], real, Within(1, 0.1), Design(maximum=32)).verdict == verdict


def test_a_ratio_equal_to_the_claimed_one_on_every_prompt_is_equal_where_the_task_is_done():
    denominator = 2 + np.random.default_rng(0).random(512)
    assert decided([denominator, denominator], ratio, Within(1, 0.1)).verdict == "supported"
    assert decided([-denominator, -denominator], ratio, Within(1, 0.1)).verdict == "inconclusive"


def test_a_plan_never_asks_for_more_prompts_than_there_are():
    decision = decided([normal(0.02, n=600)], real, Below(0), Design(population=600))
    assert decision.verdict == "inconclusive"
    assert all(count is None or count <= 600 - 512 for _, count in decision.n_more)


@pytest.mark.parametrize("confidence", [0.5, 1.0, 95])
def test_an_estimate_refuses_a_confidence_that_is_none(confidence):
    with pytest.raises(ValueError, match="0.95"):
        estimate(lambda rows: normal(n=32)[None, rows.start : rows.stop], real, 32, confidence, None)


def test_a_ratio_that_is_the_same_on_every_prompt_gives_no_verdict():
    denominator = 2 + np.random.default_rng(0).random(512)
    assert decided([0.3 * denominator, denominator], ratio, Below(0.5)).verdict == "inconclusive"


@pytest.mark.parametrize("build", [share, bounded])
def test_exact_methods_need_no_variance(build):
    assert decided([np.ones(512)], build, Above(0.5)).verdict == "supported"


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("position, n", [(0, 32), (31, 32), (40, 64), (200, 256)])
def test_a_value_that_is_no_number_ends_the_drawing_without_a_verdict(bad, position, n):
    values = normal() - normal().mean()
    values[position] = bad
    prompts = Prompts(values)
    decision = decide(prompts, real, Below(0), Design())
    assert (decision.verdict, decision.n, decision.n_more) == ("inconclusive", n, ())
    assert prompts.drawn[-1].stop == n


@pytest.mark.parametrize("build", [share, bounded, median, bounded_ratio])
def test_no_estimand_gives_a_verdict_on_nan(build):
    values = np.r_[math.nan, np.ones(511)]
    assert decided([values, np.ones(512)], build, Above(0.1)).verdict == "inconclusive"


def half_tied(ties):
    values = normal()
    values[:ties] = 0.0
    return values


@pytest.mark.parametrize("ties, n", [(16, 32), (17, 64), (32, 64)])
def test_more_than_half_ties_need_64_prompts(ties, n):
    assert decided([half_tied(ties)], real, Below(5)).n == n


def test_more_than_half_ties_within_a_budget_of_32_give_no_verdict():
    decision = decided([half_tied(20)], real, Below(5), ONE_LOOK)
    assert (decision.verdict, decision.n_more) == ("inconclusive", ())
    assert "64" in decision.reason


@pytest.mark.parametrize("outlier, warned", [(2.0, False), (50.0, True), (-50.0, True)])
def test_skewed_values_bring_a_warning(outlier, warned):
    values = np.r_[outlier, normal(n=31)]
    decision = decided([values], real, Below(1e3), ONE_LOOK)
    assert any("skew" in warning for warning in decision.warnings) == warned


def test_bounded_values_outside_their_bounds_are_refused():
    with pytest.raises(ValueError):
        decided([normal()], bounded, Below(0.5))


def test_a_bounded_mean_whose_sequence_excludes_every_value_gives_no_verdict():
    decision = decided([np.r_[np.full(100, 0.9), np.full(412, 0.1)]], bounded, Below(0.5), Design(first=256))
    assert decision.verdict == "inconclusive"


# The whole population


@pytest.mark.parametrize("build", [real, share, bounded, median])
def test_an_exhausted_population_gives_its_exact_value(build):
    ordered = np.r_[np.zeros(20), np.ones(20)] if build is share else np.linspace(0.3, 0.7, 40)
    values = np.random.default_rng(1).permutation(ordered)
    decision = decided([values], build, Above(0.49999), Design(population=40))
    assert (decision.verdict, decision.n, decision.exhausted) == ("supported", 40, True)
    assert (decision.low, decision.estimate, decision.high) == pytest.approx((0.5, 0.5, 0.5))
    assert decision.looks[-1] == pytest.approx((40, 0.5, 0.5))


def test_an_exhausted_ratio_gives_its_exact_value():
    columns = normal(1, n=20), normal(3, n=20, seed=1)
    exact = columns[0].mean() / columns[1].mean()
    decision = decided(columns, ratio, Below(exact + 1e-9), Design(population=20))
    assert (decision.verdict, decision.exhausted) == ("supported", True)
    assert (decision.low, decision.high) == pytest.approx((exact, exact))


def test_an_exhausted_population_without_variance_has_a_verdict():
    assert decided([np.ones(40)], real, Below(1.5), Design(population=40)).verdict == "supported"


@pytest.mark.parametrize("region", [Below(1), Above(1), Within(0, 1)])
def test_an_exact_value_on_the_edge_of_an_open_region_lies_outside_it(region):
    assert decided([np.ones(40)], real, region, Design(population=40)).verdict == "refuted"


def test_a_population_beyond_the_budget_is_a_sample():
    decision = decided([normal()], real, Below(0), Design(population=513))
    assert (decision.n, decision.exhausted) == (512, False)
    assert decision.low < decision.high


# Planning


@pytest.mark.parametrize("build", [real, share])
def test_more_prompts_are_planned_where_they_would_decide(build):
    values = normal(0.1) if build is real else (normal(0.1) > 0).astype(float)
    centre = values.mean() - 0.06
    decision = decided([values], build, Below(centre))
    assert decision.verdict == "inconclusive"
    (half, more_half), (most, more_most) = decision.n_more
    assert (half, most) == (0.5, 0.8)
    assert 0 < more_half < more_most <= 19 * 512


def test_no_plan_is_made_at_the_threshold_itself():
    values = normal() - normal().mean()
    assert [n for _, n in decided([values], real, Below(0)).n_more] == [None, None]


@pytest.mark.parametrize("region", [Below(5), Above(5)])
def test_no_plan_comes_with_a_verdict(region):
    assert decided([normal()], real, region).n_more == ()


def test_no_plan_comes_with_a_denominator_that_shows_no_task():
    assert decided([normal(), normal(-3, seed=1)], ratio, Below(5)).n_more == ()


def test_no_plan_is_made_when_no_prompt_is_left():
    assert decided([np.ones(40)], real, Below(1), Design(population=40)).n_more == ()


# Estimates


def test_an_estimate_gives_an_interval_and_no_verdict():
    values = normal()
    expected = skew_guarded(values[:100], 0.025)
    decision = estimate(Prompts(values), real, 100, 0.95, None)
    assert (decision.verdict, decision.n, decision.n_more) == ("", 100, ())
    assert (decision.low, decision.high) == pytest.approx((expected.low, expected.high))


def test_an_estimate_of_the_whole_population_is_exact():
    decision = estimate(Prompts(normal(n=40)), real, 40, 0.95, 40)
    assert decision.exhausted
    assert (decision.low, decision.high) == pytest.approx((normal(n=40).mean(),) * 2)


def test_the_interval_of_a_ratio_contains_the_fieller_set():
    for seed in range(20):
        columns = np.random.default_rng(seed).normal([[1], [2]], 1, (2, 64))
        reference = fieller(*columns, 0.025)
        decision = estimate(Prompts(*columns), ratio, 64, 0.95, None)
        assert decision.low <= reference.low + 1e-6
        assert decision.high >= reference.high - 1e-6


# A verdict agrees with the interval that comes with it


def verdict_of(decision, threshold):
    if decision.high < threshold:
        return "supported"
    return "refuted" if decision.low > threshold else "inconclusive"


def sample_of(build, seed, n=256):
    rng = np.random.default_rng(seed)
    if build is share:
        return [(rng.random(n) < rng.random()).astype(float)]
    if build is bounded:
        return [rng.beta(*rng.uniform(0.3, 5, 2), n)]
    if build is ratio:
        denominator = rng.normal(rng.uniform(0, 3), 1, n)
        return [rng.uniform(-1, 1) * denominator + rng.normal(0.2, 1, n), denominator]
    return [rng.choice([rng.normal(size=n), rng.lognormal(0, 1, n), rng.standard_t(3, n), -rng.exponential(size=n)])]


@pytest.mark.parametrize("build", [real, share, bounded, ratio, median])
def test_verdict_agrees_with_interval_at_one_look(build):
    @quick
    @given(st.integers(0, 10**6), st.floats(-3, 3))
    def check(seed, threshold):
        decision = decided(sample_of(build, seed), build, Below(threshold), ONE_LOOK)
        assert decision.verdict == verdict_of(decision, threshold)

    check()


@pytest.mark.parametrize("build", [real, share, bounded, ratio])
def test_verdict_agrees_with_interval_over_three_looks(build):
    @settings(quick, max_examples=25)
    @given(st.integers(0, 10**6), st.floats(-1, 1))
    def check(seed, threshold):
        decision = decided(sample_of(build, seed), build, Below(threshold), Design(maximum=128))
        assert decision.verdict == verdict_of(decision, threshold)
        for _, low, high in decision.looks[:-1]:
            assert low <= threshold <= high

    check()


@pytest.mark.parametrize("build", [real, share, bounded, ratio, median])
def test_verdict_changes_exactly_at_the_ends_of_the_interval(build):
    @settings(quick, max_examples=20)
    @given(st.integers(0, 10**6))
    def check(seed):
        columns = sample_of(build, seed, 32)
        interval = estimate(Prompts(*columns), build, 32, 0.95, None)
        for edge, beyond, verdict in ((interval.high, 1, "supported"), (interval.low, -1, "refuted")):
            step = beyond * 1e-6 * (1 + abs(edge))
            if math.isfinite(edge):
                assert decided(columns, build, Below(edge + step), ONE_LOOK).verdict == verdict
                assert decided(columns, build, Below(edge - step), ONE_LOOK).verdict == "inconclusive"

    check()


# How often a verdict is wrong, and how many prompts a right one takes


def shares_decided(rows, build, region, design=None):
    """Shares of rows for which the region is (supported, refuted)."""
    verdicts = [decided([row], build, region, design).verdict for row in rows]
    return np.mean([v == "supported" for v in verdicts]), np.mean([v == "refuted" for v in verdicts])


def test_wrong_verdicts_on_normal_means_at_the_threshold_keep_their_level():
    rows = np.random.default_rng(11).normal(size=(3000, 512))
    below, above = shares_decided(rows, real, Below(0))
    assert max(below, above) <= 0.025 + 3 * standard_error(0.025, 3000)


@pytest.mark.parametrize("p", [0.5, 0.1, 0.95])
def test_wrong_verdicts_on_proportions_at_the_threshold_keep_their_level(p):
    rows = (np.random.default_rng(12).random((1500, 512)) < p).astype(float)
    below, above = shares_decided(rows, share, Below(p))
    assert max(below, above) <= 0.025 + 3 * standard_error(0.025, 1500)


def test_wrong_verdicts_on_bounded_means_at_the_threshold_keep_their_level():
    rows = np.random.default_rng(13).random((600, 128))
    below, above = shares_decided(rows, bounded, Below(0.5), Design(maximum=128))
    assert max(below, above) <= 0.025 + 3 * standard_error(0.025, 600)


@pytest.mark.parametrize(
    "draw, mean, wrong",
    [
        (lambda rng, shape: rng.beta(2, 5, shape), 2 / 7, 0.026),
        (lambda rng, shape: rng.exponential(1, shape), 1.0, 0.035),
        (lambda rng, shape: rng.lognormal(0, 1, shape), math.exp(0.5), 0.059),
        (lambda rng, shape: rng.standard_t(3, shape), 0.0, 0.021),
    ],
    ids=["beta(2,5)", "exponential", "lognormal(1)", "t3"],
)
def test_false_support_on_real_means_is_as_the_table_says(draw, mean, wrong):
    runs = 1500
    below, _ = shares_decided(draw(np.random.default_rng(14), (runs, 512)), real, Below(mean))
    assert below == pytest.approx(wrong, abs=4 * standard_error(wrong, runs) + 0.005)


TABLE_FOR_KNOWN_VARIANCE = [(0.2, 0.987, 244), (0.3, 1, 120), (0.5, 1, 49), (1.0, 1, 32)]


@pytest.mark.parametrize("distance, power, mean_n", TABLE_FOR_KNOWN_VARIANCE)
def test_power_on_normal_means_is_that_of_the_table_at_hardly_more_prompts(distance, power, mean_n):
    runs = 400
    rows = np.random.default_rng(15).normal(size=(runs, 512))
    decisions = [decided([row], real, Below(distance)) for row in rows]
    n = np.array([d.n for d in decisions])
    error = 4 * n.std() / math.sqrt(runs)
    supported = np.mean([d.verdict == "supported" for d in decisions])
    assert supported == pytest.approx(power, abs=4 * standard_error(0.987, runs) * (power < 1) + 1e-12)
    assert mean_n - error <= n.mean() <= 1.12 * mean_n + error


def hall_inverse(y, g, n):
    """Closed form: h(t) - g / (6 sqrt n) = ((1 + a t)^3 - 1) / (3 a) with a = g / (3 sqrt n)."""
    a = g / (3 * math.sqrt(n))
    return (np.cbrt(1 + 3 * a * (y - g / (6 * math.sqrt(n)))) - 1) / a


def stopped_at(rows, threshold):
    """Verdict (+1 below the threshold, -1 above, 0 none) and prompts of each row, by the formulas of the specification."""
    side, prompts = np.zeros(len(rows)), np.full(len(rows), LOOKS[-1])
    for n, critical in zip(LOOKS, (2.65191, 2.76895, 2.62538, 2.48026, 2.33533), strict=True):
        mean, spread = rows[:, :n].mean(axis=1), rows[:, :n].std(axis=1, ddof=1)
        g = ((rows[:, :n] - mean[:, None]) ** 3).mean(axis=1) / spread**3
        high = mean + np.maximum(critical, -hall_inverse(-critical, g, n)) * spread / math.sqrt(n)
        low = mean - np.maximum(critical, hall_inverse(critical, g, n)) * spread / math.sqrt(n)
        now = np.where(high < threshold, 1, 0) - np.where(low > threshold, 1, 0)
        prompts = np.where((side == 0) & (now != 0), n, prompts)
        side = np.where(side == 0, now, side)
    return side, prompts


@pytest.mark.parametrize("distance", [-0.4, 0.1, 0.2, 0.5])
def test_each_run_stops_where_the_formulas_say(distance):
    rows = np.random.default_rng(16).gamma(2, 1, (150, 512)) - 2
    side, prompts = stopped_at(rows, distance)
    decisions = [decided([row], real, Below(distance)) for row in rows]
    names = {1: "supported", -1: "refuted", 0: "inconclusive"}
    assert [d.verdict for d in decisions] == [names[s] for s in side]
    assert [d.n for d in decisions] == prompts.tolist()
