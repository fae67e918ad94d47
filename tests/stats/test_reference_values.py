"""The reference values of the statistics specification, to the digits given there."""

import numpy as np
import pytest
from scipy.stats import norm
from scipy.stats import t as student

from circuitcheck.stats import (
    clopper_pearson,
    fieller,
    hall,
    kim_demets,
    student_t,
)

LOOKS = (32, 64, 128, 256, 512)
GOLDEN = np.array([((0.6180339887498949 * i) % 1) ** 2 for i in range(1, 101)])


def ends(interval):
    return interval.low, interval.high


def digits(*expected, places):
    return pytest.approx(expected, rel=0, abs=0.5 * 10**-places * (1 + 1e-6))


def test_kim_demets_z_values():
    assert kim_demets(LOOKS, 0.05).z == digits(2.49771, 2.67929, 2.58570, 2.46308, 2.32800, places=5)


def test_kim_demets_critical_values_in_t_units():
    tails = kim_demets(LOOKS, 0.05).tails
    critical = tuple(student.isf(tail, n - 1) for tail, n in zip(tails, LOOKS, strict=True))
    assert critical == digits(2.65191, 2.76895, 2.62538, 2.48026, 2.33533, places=5)


def test_kim_demets_tails_are_the_normal_tails_of_its_z_values():
    boundary = kim_demets(LOOKS, 0.05)
    assert boundary.looks == LOOKS
    assert boundary.tails == pytest.approx(norm.sf(boundary.z), rel=1e-9)


@pytest.mark.parametrize("successes, n, low, high", [(95, 100, 0.88716509, 0.98356812), (32, 32, 0.89111884, 1.0)])
def test_clopper_pearson(successes, n, low, high):
    assert ends(clopper_pearson(successes, n, 0.05)) == digits(low, high, places=8)


@pytest.mark.parametrize("rank, draws", [(0.95, 72), (0.90, 36)])
def test_draws_without_a_loss_that_show_a_rank(rank, draws):
    assert next(n for n in range(1, 200) if clopper_pearson(n, n, 0.05).low > rank) == draws


def test_fieller():
    denominator = np.array([2, 2.5, 3.5, 4, 6, 6.5, 8, 9])
    assert ends(fieller(np.arange(1.0, 9), denominator, 0.025)) == digits(0.78126982, 0.92282622, places=8)


def test_mean_of_the_golden_data():
    assert GOLDEN.mean() == pytest.approx(0.333328426565, abs=5e-13)


def test_student_t():
    assert ends(student_t(GOLDEN, 0.025)) == digits(0.274277229, 0.392379624, places=9)


def test_hall():
    assert ends(hall(GOLDEN, 0.025)) == digits(0.2767902876, 0.3952643180, places=10)


def test_with_the_skewness_as_it_is_the_hull_of_student_t_and_hall():
    assert ends(student_t(GOLDEN, 0.025).hull(hall(GOLDEN, 0.025), "")) == digits(0.274277229, 0.395264318, places=9)
