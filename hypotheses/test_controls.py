"""Would other heads of SmolLM2-135M-Instruct have done the same to indirect object identification?

The drawn heads are drawn among the others of the same layers, by `random.Random(2026).choice`: L23H1 and L29H6.
"""

import pytest

import circuitcheck as cc

MODEL = "smollm2-135m-q4"


def drop(model, ioi, heads):
    """The share of the preference that goes with `heads`."""
    return 1 - ioi.recovered(model.ablate(heads, kind="mean", at="END"))


@cc.claim("L23H3 costs more than 95% of the heads of its layer would", id="ioi.not-any-head", model=MODEL)
def test_name_mover_is_not_any_head(model, ioi):
    assert drop(model, ioi, "L23H3").beats(cc.random_heads(like="L23H3"), share=0.95)


@cc.claim(
    "A head drawn by lot from that layer, L23H1, costs more than 95% of the others",
    id="ioi.any-head",
    model=MODEL,
    expect="refuted",
)
def test_a_drawn_head_is_any_head(model, ioi):
    assert drop(model, ioi, "L23H1").beats(cc.random_heads(like="L23H1"), share=0.95)


@cc.claim(
    "L23H3 carries a quarter of the preference in templates and with names nobody has tried",
    id="ioi.name-mover-new-templates",
    model=MODEL,
    scope="new_templates",
)
def test_name_mover_in_new_templates(model, ioi):
    _, others = ioi.split_templates()
    assert others.recovered(model.ablate("L23H3", kind="mean", at="END")) < 0.75


@pytest.mark.slow
@cc.claim("L23H3 and L29H1 cost more than 95% of the 80 pairs like them", id="ioi.not-any-pair", model=MODEL)
def test_name_movers_are_not_any_pair(model, ioi):
    assert drop(model, ioi, "L23H3, L29H1").beats(cc.random_heads(like="L23H3, L29H1"), share=0.95)


@pytest.mark.slow
@cc.claim("A pair drawn by lot costs more than 95% of the others", id="ioi.any-pair", model=MODEL, expect="refuted")
def test_a_drawn_pair_is_any_pair(model, ioi):
    assert drop(model, ioi, "L23H1, L29H6").beats(cc.random_heads(like="L23H1, L29H6"), share=0.95)
