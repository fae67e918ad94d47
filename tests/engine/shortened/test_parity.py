"""Whatever is measured, shortened passes give the values, receipts and errors of whole ones."""

import pytest
from drawn_plans import plans
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from tiny_architectures import SETTINGS

EXAMPLES = 6
MODELS = ("gpt2", "llama", "neox", "gemma3", "qwen2", "qwen3", "hooked", "organism", *SETTINGS)
SLOW_TO_DRAW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", MODELS)
def test_a_plan_gives_the_same_both_ways(words_of, name):
    words = words_of(name)

    @settings(deadline=None, max_examples=EXAMPLES, derandomize=True, database=None, suppress_health_check=SLOW_TO_DRAW)
    @given(st.data())
    def compared(data):
        plan, rows = data.draw(plans(words))
        note(f"{rows} rows, batch {plan.batch}: " + "; ".join(cell.describe() for cell in plan.cells))
        words.two_ways.compare(plan, rows)

    compared()
