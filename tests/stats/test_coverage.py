"""How often each interval for a proportion misses, on each side: exact, whatever the proportion."""

import numpy as np
import pytest
from scipy.stats import binom

from circuitcheck.stats import clopper_pearson


@pytest.mark.parametrize("n", [1, 5, 16, 32, 100, 512])
def test_clopper_pearson_misses_at_most_nominally_on_each_side_for_every_proportion(n):
    intervals = [clopper_pearson(s, n, 0.05) for s in range(n + 1)]
    low, high = np.array([i.low for i in intervals]), np.array([i.high for i in intervals])
    p = np.linspace(0.0005, 0.9995, 400)[:, None]
    mass = binom.pmf(np.arange(n + 1), n, p)
    assert np.sum(mass * (low > p), axis=1).max() <= 0.025 + 1e-9
    assert np.sum(mass * (high < p), axis=1).max() <= 0.025 + 1e-9
