"""The peak of a while: it holds what was held, and a new while begins from what there is."""

import sys

import numpy as np
import pytest

from circuitcheck.peak_memory import most_held, start_counting

MUCH = 300_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="another system does not let a peak begin anew")
def test_a_peak_counts_what_was_held_and_is_forgotten() -> None:
    start_counting()
    before = most_held()
    np.ones(MUCH // 8)
    after = most_held()
    assert before is not None
    assert after is not None
    assert after - before > 0.9 * MUCH
    start_counting()
    again = most_held()
    assert again is not None
    assert again < after - 0.5 * MUCH
