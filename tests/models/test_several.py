"""Braces and commas: one text for several specs.

How it could be fooled: a brace that holds nothing and leaves a spec cut short; a model that is there twice; a range that is
taken for a name."""

import pytest

from circuitcheck.errors import BadSpec
from circuitcheck.models.several import expanded_specs, listed_specs


@pytest.mark.parametrize(
    "text, specs",
    [
        ("gpt2", ["gpt2"]),
        ("m@step{512, 4000}", ["m@step512", "m@step4000"]),
        ("{a,b}-{1,2}", ["a-1", "a-2", "b-1", "b-2"]),
        ("m@step{512}+folded", ["m@step512+folded"]),
    ],
)
def test_braces_stand_for_each_of_their_parts_in_order(text, specs):
    assert list(expanded_specs(text)) == specs


def test_a_list_is_cut_at_commas_outside_of_braces():
    assert listed_specs("gpt2, m@step{1,2},b") == ("gpt2", "m@step1", "m@step2", "b")


@pytest.mark.parametrize(
    "text, said",
    [
        ("m@step{}", "hold nothing"),
        ("m@step{1,}", "hold nothing"),
        ("m@step{1,{2,3}}", "do not belong together"),
        ("m@step{1", "do not belong together"),
        ("m@step1}", "do not belong together"),
        ("m@{1..4}", "range"),
        ("{a,b,c,d,e,f,g,h,i,j}" * 4, "10,000 models"),
        ("", "between two commas"),
        ("a,,b", "between two commas"),
        ("a,b,a", "named twice"),
        ("m@{1,1}", "named twice"),
    ],
)
def test_what_names_no_models_is_told(text, said):
    with pytest.raises(BadSpec, match=said):
        listed_specs(text)
