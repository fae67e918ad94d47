"""Settings are checked when they are made: each field by itself, in words that begin with its name."""

import numpy as np
import pytest
import torch

import circuitcheck as cc


@pytest.mark.parametrize(
    "field, value, words",
    [
        ("batch", 0, "expected 1 or more"),
        ("samples", "64", "a whole number"),
        ("samples", 0, "expected 1 or more"),
        ("samples", True, "a whole number"),
        ("first_look", 1, "shows nothing; expected 2 or more, and 32 prompts are usual"),
        ("seed", "a", "a whole number"),
        ("seed", 1.5, "a whole number"),
        ("scope", "new", "Did you mean 'new_templates'?"),
        ("confidence", 95, "write 0.95"),
        ("confidence", "0.95", "outside (0.5, 1)"),
        ("confidence", float("nan"), "outside (0.5, 1)"),
        ("refuting", 0, "above 0"),
        ("dtype", "float23", "Did you mean 'float32'?"),
        ("device", "gpu", "auto, cpu, cuda or cuda:N"),
        ("cache", None, "expected text"),
        ("engine", "", "expected text"),
    ],
)
def test_a_field_that_means_nothing_is_refused(field, value, words):
    with pytest.raises(ValueError) as raised:
        cc.Settings(**{field: value})
    assert str(raised.value).startswith(f"{field}=")
    assert words in str(raised.value)


def test_words_of_other_libraries_are_taken():
    given = cc.Settings(dtype=torch.float64, device=torch.device("cpu"), samples=np.int64(64), seed=-1)
    assert given == cc.Settings(dtype="float64", device="cpu", samples=64, seed=-1)
