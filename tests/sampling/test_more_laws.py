"""Laws for every estimand, clustered ones too: order, margins, sides, confidence and noise."""

import numpy as np
import pytest
from drawing import Prompts
from every_estimand import (
    ESTIMANDS,
    ONE,
    TWO,
    columns_of,
    decided,
    ends,
    near_the_middle,
    quick,
    quick_for,
    seeds,
    templates,
    templates_and_names,
)
from hypothesis import assume, given
from hypothesis import strategies as st

from circuitcheck.errors import BelowNoise
from circuitcheck.sampling import (
    Above,
    Below,
    BoundedMean,
    Clusters,
    Noise,
    Outside,
    Quantile,
    RatioOfMeans,
    RealMean,
    Within,
    decide,
    estimate,
    mean_of,
)
from circuitcheck.stats import skew_guarded

OPPOSITE = {"supported": "refuted", "refuted": "supported", "inconclusive": "inconclusive"}
every = pytest.mark.parametrize("name", ESTIMANDS)


def near(found):
    return pytest.approx(found, rel=1e-7, abs=1e-7)


# Order and names


@every
@pytest.mark.sampled(4)
def test_the_order_of_prompts_within_a_look_does_not_matter(name):
    @quick_for(name)
    @given(seeds, st.floats(-0.3, 0.3))
    def check(seed, shift):
        columns = columns_of(seed)
        rng, blocks = np.random.default_rng(seed), np.split(np.arange(64), TWO.looks[:-1])
        shuffled = columns[:, np.concatenate([rng.permutation(block) for block in blocks])]
        region = Below(near_the_middle(columns, name, shift))
        plain, again = decided(columns, name, region), decided(shuffled, name, region)
        assert (again.verdict, again.n, again.n_more) == (plain.verdict, plain.n, plain.n_more)
        assert [look for one in again.looks for look in one] == near([look for one in plain.looks for look in one])
        assert again.estimate == near(plain.estimate)

    check()


@pytest.mark.parametrize("name", ["clustered", "two-way", "clustered share", "two-way bounded", "clustered ratio"])
@quick
@given(seed=seeds)
@pytest.mark.sampled(2)
def test_what_templates_and_names_are_called_does_not_matter(name, seed):
    columns, rng = columns_of(seed, 32), np.random.default_rng(seed)
    renamed = columns.copy()
    renamed[6:] = rng.permutation(50)[columns[6:].astype(int)]
    plain, again = (estimate(Prompts(*each), ESTIMANDS[name], 32, 0.95, None) for each in (columns, renamed))
    assert ends(again) == near(ends(plain))


@quick
@given(seeds, st.floats(0.55, 0.99))
def test_prompts_that_are_all_templates_of_their_own_are_plain_values(seed, confidence):
    values = columns_of(seed, 32)[0]
    own = Clusters(("templates",), (tuple(map(str, range(32))),))
    found = estimate(Prompts(values), lambda c: mean_of(c[0], None, own), 32, confidence, None)
    assert ends(found) == near(ends(skew_guarded(values, (1 - confidence) / 2)))


# Margins and sides


@every
@pytest.mark.sampled(4)
def test_a_wider_margin_never_turns_supported_into_refuted(name):
    @quick_for(name)
    @given(seeds, st.floats(-0.5, 0.5), st.floats(0.01, 0.8), st.floats(0, 1))
    def check(seed, shift, margin, extra):
        columns = columns_of(seed)
        centre = near_the_middle(columns, name, shift)
        narrow, wide = (decided(columns, name, Within(centre, m)) for m in (margin, margin + extra))
        assert (narrow.verdict, wide.verdict) != ("supported", "refuted")
        if narrow.verdict == "supported":
            assert (wide.verdict, wide.n <= narrow.n) == ("supported", True)
        assert decided(columns, name, Outside(centre, margin)).verdict == OPPOSITE[narrow.verdict]

    check()


DIFFERENCES = {
    "real": lambda a, b, c: RealMean(a - b),
    "bounded": lambda a, b, c: BoundedMean(a - b, -1.0, 1.0),
    "median": lambda a, b, c: Quantile(a - b, 0.5),
    "ratio": lambda a, b, c: RatioOfMeans(a - b, c[1]),
    "clustered": lambda a, b, c: mean_of(a - b, None, templates(c)),
    "two-way": lambda a, b, c: mean_of(a - b, None, templates_and_names(c)),
    "clustered bounded": lambda a, b, c: mean_of(a - b, (-1.0, 1.0), templates(c)),
}


@pytest.mark.parametrize("design", [ONE, TWO], ids=["one look", "two looks"])
@pytest.mark.parametrize("name", DIFFERENCES)
@pytest.mark.sampled(4)
def test_swapping_two_views_flips_the_sign(name, design):
    @quick_for(name)
    @given(seeds, st.floats(-0.4, 0.4))
    def check(seed, threshold):
        columns = columns_of(seed)
        threshold += columns[4].mean() - columns[5].mean()
        one = decide(Prompts(*columns), lambda c: DIFFERENCES[name](c[4], c[5], c), Below(threshold), design)
        other = decide(Prompts(*columns), lambda c: DIFFERENCES[name](c[5], c[4], c), Above(-threshold), design)
        assert (other.verdict, other.n) == (one.verdict, one.n)
        assert ends(other) == pytest.approx((-one.high, -one.low), abs=1e-6)

    check()


# Confidence and noise

confidences = st.tuples(st.floats(0.55, 0.999), st.floats(0.55, 0.999)).map(sorted)


@every
@pytest.mark.sampled(3)
def test_more_confidence_never_narrows_an_estimate(name):
    @quick_for(name)
    @given(seeds, confidences)
    def check(seed, pair):
        columns = columns_of(seed, 48)
        lax, strict = (estimate(Prompts(*columns), ESTIMANDS[name], 48, level, None) for level in pair)
        assert strict.low <= lax.low + 1e-6
        assert strict.high >= lax.high - 1e-6
        assert strict.estimate == lax.estimate

    check()


@every
@pytest.mark.sampled(3)
def test_more_noise_never_decides_more(name):
    @quick_for(name)
    @given(seeds, st.floats(-0.5, 0.5), st.floats(0, 0.3), st.floats(0, 0.3))
    def check(seed, shift, noise, extra):
        columns = columns_of(seed)
        region = Below(near_the_middle(columns, name, shift))
        quiet, loud = (decided(columns, name, region, ONE, noise=Noise(x, x)) for x in (noise, noise + extra))
        assert loud.verdict in ("inconclusive", quiet.verdict)
        assert loud.low <= quiet.low + 1e-9
        assert loud.high >= quiet.high - 1e-9

    check()


@quick
@given(seeds, st.floats(0.01, 0.5), st.floats(0.5, 1.5))
def test_a_margin_below_the_noise_is_refused(seed, noise, times):
    assume(abs(times - 1) > 1e-6)
    columns = columns_of(seed)
    for region in (Within(0, noise * times), Outside(0, noise * times)):
        if times < 1:
            with pytest.raises(BelowNoise):
                decided(columns, "real", region, noise=Noise(noise, noise))
        else:
            decided(columns, "real", region, noise=Noise(noise, noise))
