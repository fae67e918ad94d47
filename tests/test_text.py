"""Numbers as tables show them."""

import pytest

from circuitcheck.text import in_table


@pytest.mark.parametrize(
    "value, shown",
    [
        (None, "-"),
        (0.6094, "0.609"),
        (-2.5, "-2.500"),
        (0.0005, "0.001"),
        (9.508e-05, "9.5e-05"),
        (-4.2e-4, "-4.2e-04"),
        (1e-6, "1.0e-06"),
        (-3e-8, "0.000"),
        (0.0, "0.000"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
    ],
)
def test_a_number_is_zero_only_where_it_is(value, shown):
    assert in_table(value) == shown


@pytest.mark.parametrize("value, shown", [(0.5, "+0.500"), (2e-5, "+2.0e-05"), (-1e-9, "+0.000")])
def test_a_change_has_its_sign(value, shown):
    assert in_table(value, "+") == shown
