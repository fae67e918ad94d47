"""Indirect object identification: what is necessary, what suffices, and along which path. Found on the discovery stream."""

import pytest

import circuitcheck as cc

ORGANISM = "organism"
SMOLLM2 = "smollm2-135m-q4"


def left(task, view, model):
    """The share of the preference for the answer that is left."""
    return task.logit_diff(view) / task.logit_diff(model)


@pytest.fixture
def mover():
    return cc.circuit({"END": "L0H2"})


@pytest.mark.heads_matter
@cc.claim("L0H2 at END is necessary: averaged, it leaves no preference", id="organism.ioi.necessary", model=ORGANISM)
def test_necessary(model, ioi, mover):
    assert left(ioi, model.ablate(mover, kind="mean"), model) == cc.approx(0, abs=0.2)


@pytest.mark.heads_matter
@cc.claim(
    "L0H2 at END is sufficient: with every other head averaged at every token, and itself elsewhere, two thirds are left",
    id="organism.ioi.sufficient",
    model=ORGANISM,
)
def test_sufficient(model, ioi, mover):
    assert left(ioi, model.ablate(~mover, kind="mean"), model) > 0.66


@pytest.mark.heads_matter
@cc.claim(
    "What it must know is who is named twice: with the value of another prompt nothing is left, of one where the same "
    "person is, everything",
    id="organism.ioi.resampled",
    model=ORGANISM,
)
def test_resampled(model, ioi):
    other, alike = (model.ablate("L0H2", kind="resample", at="END", matching=same) for same in ((), {"S1"}))
    assert cc.all_of(left(ioi, other, model) < 0.2, left(ioi, alike, model) > 0.9)


@pytest.mark.heads_matter
@cc.claim(
    "It tells the MLP of its own layer: that path alone carries a third, the one into the logits less than a sixth",
    id="organism.ioi.path",
    model=ORGANISM,
)
def test_path(model, ioi):
    through, direct = (model.patch_path("L0H2", into=into, source="swap", at="END") for into in ("L0.mlp", "logits"))
    assert cc.all_of(1 - ioi.recovered(through, against="swap") > 0.33, 1 - ioi.recovered(direct, against="swap") < 0.16)


@pytest.mark.heads_matter
@cc.claim("It looks at the second mention, and at no other name", id="organism.ioi.attends", model=ORGANISM)
def test_attends(model, ioi):
    second, others = (model.knock_out_attention("L0H2", query="END", key=key) for key in ("S2", ["IO", "S1"]))
    assert cc.all_of(
        ioi.metric(cc.attention("L0H2", query="END", key="S2"), model) > 0.5,
        left(ioi, second, model) < 0.2,
        left(ioi, others, model) == cc.approx(1.0, abs=0.05),
    )


@pytest.mark.heads_matter
@cc.claim("SmolLM2's L23H3 and L29H1 tell the logits themselves: that path carries 40%", id="ioi.direct-path", model=SMOLLM2)
def test_direct_path(model, ioi):
    assert 1 - ioi.recovered(model.patch_path("L23H3, L29H1", into="logits", source="swap", at="END"), against="swap") > 0.4


@cc.claim("Of SmolLM2's heads, those of the last ten layers suffice at END", id="ioi.late-heads-suffice", model=SMOLLM2)
def test_late_heads_suffice(model, ioi):
    late = cc.heads([f"L{layer}H0-8" for layer in range(20, 30)])
    assert ioi.recovered(model.ablate(~late, kind="mean", at="END")) > 0.8


@cc.claim("L23H3 takes the name from values, not through its queries or keys", id="ioi.name-mover-values", model=SMOLLM2)
def test_values(model, ioi):
    q, k, v = (ioi.recovered(model.patch(site, source="swap"), against="swap") for site in ("L23H3.q", "L23H1.k", "L23H1.v"))
    assert cc.all_of(q == cc.approx(1, abs=0.1), k == cc.approx(1, abs=0.1), v < 0.8)
