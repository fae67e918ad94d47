"""Every estimand over columns of one kind, clustered ones with their labels among the columns."""

import numpy as np
from drawing import UNIT, Prompts
from hypothesis import settings
from hypothesis import strategies as st

from circuitcheck.sampling import (
    BoundedMean,
    Clusters,
    Design,
    Noise,
    Proportion,
    Quantile,
    RatioOfMeans,
    RealMean,
    decide,
    mean_of,
)

quick = settings(deadline=None, max_examples=8, derandomize=True)
seeds = st.integers(0, 10**6)
ONE, TWO = Design(maximum=32), Design(maximum=64)


def columns_of(seed, n=64):
    """Rows: a real number, a denominator, two 0/1 metrics, two numbers in [0, 1], a template, a name."""
    rng = np.random.default_rng(seed)
    template, name = rng.permutation(np.arange(n) % 8), rng.integers(0, 6, n)
    shared = rng.normal(0, rng.uniform(0, 1), 8)[template]
    real = shared + rng.normal(rng.uniform(-0.5, 0.5), 1, n)
    first, second = (rng.random(n) < 0.5 + 0.2 * shared), (rng.random(n) < rng.random())
    unit = 1 / (1 + np.exp(-real))
    return np.array([real, rng.normal(2, 0.5, n), first, second, unit, rng.beta(5, 2, n), template, name], float)


def templates(c):
    return Clusters(("templates",), (_names(c[6]),))


def templates_and_names(c):
    return Clusters(("templates", "names"), (_names(c[6]), _names(c[7])))


def _names(row):
    return tuple(f"label {int(x)}" for x in row)


QUIET = Noise()
ESTIMANDS = {
    "real": lambda c, noise=QUIET: RealMean(c[0], noise),
    "share": lambda c, noise=QUIET: Proportion(c[2], noise),
    "bounded": lambda c, noise=QUIET: BoundedMean(c[4], *UNIT, noise),
    "median": lambda c, noise=QUIET: Quantile(c[0], 0.5, noise),
    "ratio": lambda c, noise=QUIET: RatioOfMeans(c[0], c[1], noises=(noise, noise)),
    "bounded ratio": lambda c, noise=QUIET: RatioOfMeans(c[4], c[5], (UNIT, UNIT), noises=(noise, noise)),
    "clustered": lambda c, noise=QUIET: mean_of(c[0], None, templates(c), noise),
    "two-way": lambda c, noise=QUIET: mean_of(c[0], None, templates_and_names(c), noise),
    "clustered share": lambda c, noise=QUIET: mean_of(c[2], UNIT, templates(c), noise),
    "two-way bounded": lambda c, noise=QUIET: mean_of(c[4], UNIT, templates_and_names(c), noise),
    "clustered ratio": lambda c, noise=QUIET: RatioOfMeans(c[0], c[1], None, templates(c), (noise, noise)),
}


def quick_for(name):
    """Fewer examples where an interval takes many steps."""
    return settings(quick, max_examples=2) if "ratio" in name or name == "median" else quick


def decided(columns, name, region, design=TWO, **options):
    return decide(Prompts(*columns), lambda c: ESTIMANDS[name](c, **options), region, design)


def ends(found):
    return found.low, found.high


def near_the_middle(columns, name, shift):
    """A threshold `shift` away from what all of the prompts say."""
    return ESTIMANDS[name](columns).value + shift
