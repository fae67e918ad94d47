"""What is asked of one pass over running text, as data: a summary of every feature of a dictionary."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitcheck.prompts.corpora import CorpusSource, Predicate

BINS = 80
_LOW, _PER_DECADE = -4, 10  # from 0.0001 on, to 10,000


@dataclass(frozen=True)
class Scanning:
    """All texts of `stream` of a corpus, whatever positions it names. Of each feature the `top` largest activations are
    kept; of `pairs` of features it is counted where both fire, and of predicates by name (`where`) at which of their tokens
    each feature fires. `sums` by name are features with strengths, and are summarised like a feature."""

    corpus: CorpusSource
    stream: str
    top: int
    pairs: tuple[tuple[int, int], ...] = ()
    where: tuple[tuple[str, Predicate], ...] = ()
    sums: tuple[tuple[str, tuple[tuple[int, float], ...]], ...] = ()


def bin_edges() -> NDArray[np.float64]:
    """[81]: of the 80 bins into which sizes of activations are counted, ten to a decade from 0.0001 to 10,000; a bin holds
    its lower edge, and the first and the last hold what is beyond them."""
    return np.asarray(10.0 ** (_LOW + np.arange(BINS + 1) / _PER_DECADE))
