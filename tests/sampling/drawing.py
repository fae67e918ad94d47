"""Prompts measured beforehand, and the estimands that tests build of them."""

import math

import numpy as np
from hypothesis import settings

from circuitcheck.sampling import (
    BoundedMean,
    Design,
    Proportion,
    Quantile,
    RatioOfMeans,
    RealMean,
    decide,
)

LOOKS = (32, 48, 64, 96, 128, 192, 256, 384, 512)
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
