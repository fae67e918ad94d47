"""What no sample can exclude: prompts unlike any seen."""

import math

import numpy as np
import pytest
from drawing import ONE_LOOK, bounded, decided, median, normal, ratio, real, share
from how_many import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitcheck.sampling import Above, Below, Design, Outside, Within

quick = settings(deadline=None, max_examples=examples(40), derandomize=True)


def standardised(mean, spread, n):
    values = normal(n=n)
    return mean + spread * (values - values.mean()) / values.std()


def unseen_of(values, region):
    return decided([values], real, region, Design(first=len(values), maximum=len(values))).unseen


@pytest.mark.parametrize("n, percent", [(32, "11%"), (64, "5.6%"), (128, "2.8%"), (512, "0.72%")])
def test_so_many_prompts_may_all_have_missed_a_share(n, percent):
    found = unseen_of(normal(3, n=n), Above(0))
    assert (1 - found.share) ** n == pytest.approx(0.025)
    assert found.describe().startswith(f"up to {percent} of the prompts may be unlike any of these {n}: ")


@quick
@given(st.floats(0.5, 5), st.integers(16, 200))
def test_that_share_would_have_to_average_what_moves_the_mean_to_the_threshold(mean, n):
    values = standardised(mean, 0.1, n)
    found = unseen_of(values, Above(0))
    assert (1 - found.share) * mean + found.share * found.beyond == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    "region, edge", [(Within(1, 3), 4), (Within(2, 3), -1), (Outside(4, 1), 3), (Below(4), 4), (Above(-4), -4)]
)
def test_it_is_the_nearest_edge_that_counts(region, edge):
    found = unseen_of(standardised(1 + 0.25, 0.1, 64), region)
    assert found.beyond == pytest.approx(1.25 + (edge - 1.25) / found.share)


@pytest.mark.parametrize("distance, fragile", [(19.9, True), (20.1, False)])
def test_a_verdict_is_fragile_where_an_average_within_twenty_standard_deviations_overturns_it(distance, fragile):
    share = 1 - 0.025 ** (1 / 64)
    found = unseen_of(standardised(2 * distance * share, 2.0, 64), Above(0))
    assert found.fragile == fragile
    assert ("More prompts, " in found.describe()) == fragile


def test_it_says_how_many_prompts_would_be_enough():
    values = standardised(1.0, 2.0, 64)
    said = unseen_of(values, Above(0)).describe()
    enough = int(said.split("More prompts, ")[1].split()[0])
    assert not unseen_of(standardised(1.0, 2.0, enough), Above(0)).fragile
    assert unseen_of(standardised(1.0, 2.0, enough - 1), Above(0)).fragile


def test_without_a_verdict_nothing_is_overturned():
    found = unseen_of(normal(n=64) - normal(n=64).mean(), Above(0))
    assert (found.beyond, found.fragile) == (None, False)


def test_a_ratio_has_it_on_its_own_scale():
    above, below = standardised(1.0, 0.2, 32), standardised(2.0, 0.1, 32)
    found = decided([above, below], ratio, Above(0.1), ONE_LOOK).unseen
    assert found.value == pytest.approx(0.5)
    assert found.beyond == pytest.approx(0.5 + (0.1 - 0.5) / found.share)


@pytest.mark.parametrize("build", [share, bounded, median])
def test_methods_that_allow_for_every_prompt_have_none(build):
    values = (normal(n=32) > -1).astype(float) if build is share else 0.5 + 0.1 * np.tanh(normal(n=32))
    assert decided([values], build, Above(0.1), ONE_LOOK).unseen is None


def test_all_the_prompts_a_claim_is_about_leave_none():
    assert decided([normal(3, n=40)], real, Above(0), Design(first=40, population=40, census=True)).unseen is None


@pytest.mark.parametrize("share_of_them, distance", [(0.01, 30.0), (0.005, 50.0), (0.05, 10.0)])
@pytest.mark.sampled(1)
def test_support_by_samples_that_miss_rare_prompts_is_fragile(share_of_them, distance):
    """The true mean is on the threshold: whatever is supported is wrong."""
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(400, 512)) + distance * (rng.random((400, 512)) < share_of_them)
    found = [decided([row], real, Below(share_of_them * distance)) for row in rows]
    wrong = [each for each in found if each.verdict == "supported"]
    assert len(wrong) >= 20
    assert sum(each.warned for each in wrong) >= 0.95 * len(wrong) - 3 * math.sqrt(0.05 * 0.95 * len(wrong))
