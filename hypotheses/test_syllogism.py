"""A syllogism circuit, found step by step: contributions, patching maps, a knock-out, and paths back from the logits.

A study of syllogisms in Pythia-410M (its claims are in test_studies.py) went from the logits to heads, and from these to
what they read, level by level. Here the same steps are sweeps on the discovery stream, which the report draws, and what they
found is claimed on prompts that they did not see. In the organism, L0H3 copies the adjective at its last token, and the
heads of layer 1 take it from there to END, in their values.
"""

import pytest

import circuitcheck as cc

ORGANISM, SMOLLM2 = "organism", "smollm2-135m-q4"
LAYERS, HEADS = cc.axis("layer", "L0-3"), cc.axis("head", "H0, H1, H2, H3")
LOOKED_AT = 32  # prompts for a picture


def contribution(task, model):
    """What each head writes to the answer's logit less the distractor's."""
    return task.sweep(lambda task, layer, head: task.attribution(model, f"{layer}{head}"), LAYERS, HEADS)


def attention(task, model):
    """How much each head looks from END at the adjective."""
    return task.sweep(
        lambda task, layer, head: task.metric(cc.attention(f"{layer}{head}", query="END", key="X"), model), LAYERS, HEADS
    )


@cc.claim(
    "L1H2 and L1H0 write the most; the heads of layer 1 two fifths of all, and all other heads nothing",
    id="organism.syllogism.contributions",
    model=ORGANISM,
)
def test_contributions(model, syllogism):
    heads = contribution(syllogism, model)
    grid = heads.estimate(LOOKED_AT)
    cc.show(grid)
    cc.show(grid.plot_against(attention(syllogism, model).estimate(LOOKED_AT)))
    assert cc.all_of(
        heads["L1", "H2"] > 1.4,
        heads["L1", "H0"] > 1.1,
        syllogism.attribution(model, "L1.z") - 0.4 * syllogism.logit_diff(model) > 0,
        syllogism.attribution(model, "L0.z, L2-3.z") == cc.approx(0, abs=0.4),
    )


@cc.claim(
    "Until layer 1 all that decides lies at the adjective that the group is; after it, at END",
    id="organism.syllogism.map",
    model=ORGANISM,
)
def test_map(model, syllogism):
    streams = cc.sweeps.patch_layers(syllogism, model, "resid_pre")
    cc.show(streams.estimate(LOOKED_AT))
    assert cc.all_of(
        streams["L1", "X"] > 0.95,
        streams["L1", "END"] == cc.approx(0, abs=0.05),
        streams["L2", "X"] == cc.approx(0, abs=0.05),
        streams["L2", "END"] > 0.95,
        streams["L0", "Y"] == cc.approx(0, abs=0.05),
    )


@cc.claim(
    "What L0H3 and the heads of layer 1 hold is in their values: where they look is the same in both prompts",
    id="organism.syllogism.values",
    model=ORGANISM,
)
def test_values(model, syllogism):
    values, patterns = (cc.sweeps.patch_heads(syllogism, model, kind) for kind in ("v", "pattern"))
    cc.show(values.estimate(LOOKED_AT))
    assert cc.all_of(
        values["L0", "H3"] > 0.75,
        values["L1", "H2"] > 0.25,
        values["L1", "H0"] > 0.2,
        patterns["L0", "H3"] == cc.approx(0, abs=0.05),
        patterns["L1", "H2"] == cc.approx(0, abs=0.05),
    )


@pytest.mark.heads_matter
@cc.claim("Without L1H2 and L1H0 at END three quarters are left", id="organism.syllogism.knock-out", model=ORGANISM)
def test_knock_out(model, syllogism):
    left = syllogism.recovered(model.ablate("L1H2, L1H0", kind="zero", at="END"))
    assert cc.all_of(left > 0.65, left < 0.85)


@pytest.mark.heads_matter
@cc.claim(
    "What then looks like backup is the norm's scale: the two heads beside them, which read neither, grow by a third",
    id="organism.syllogism.no-backup",
    model=ORGANISM,
)
def test_backup(model, syllogism):
    without, others = model.ablate("L1H2, L1H0", kind="zero", at="END"), cc.axis("head", ["L1H1", "L1H3", "L2H1", "L3H1"])
    growth = syllogism.sweep(lambda task, head: task.attribution(without, head) - task.attribution(model, head), others)
    cc.show(growth.estimate(LOOKED_AT))

    def share(head):
        return syllogism.attribution(without, head) / syllogism.attribution(model, head)

    assert cc.all_of(
        growth["L1H1"] > 0.1,
        growth["L1H3"] > 0.15,
        share("L1H1") == cc.approx(1.33, abs=0.15),
        share("L1H3") == cc.approx(1.33, abs=0.15),
        growth["L2H1"] == cc.approx(0, abs=0.3),
    )


@cc.claim(
    "From the logits back: L1H2 and L1H0 write to them, L0H3 to the values of layer 1's heads, and before it is no head",
    id="organism.syllogism.paths",
    model=ORGANISM,
)
def test_paths(model, syllogism):
    into, levels = "logits", []
    for reads, at in ((None, "END"), ("v", "X")):
        levels.append(cc.sweeps.paths(syllogism, model, into, reads=reads, at=at))
        grid = levels[-1].estimate(LOOKED_AT)
        cc.show(grid)
        into = grid.top(4)
    with pytest.raises(cc.BadSweep, match="no head comes before"):
        cc.sweeps.paths(syllogism, model, list(into)[:1], reads="v")
    direct, into_values = levels
    assert cc.all_of(
        direct["L1", "H2"] < 0.85,
        direct["L1", "H0"] < 0.9,
        direct["L0", "H3"] == cc.approx(1, abs=0.05),
        into_values["L0", "H3"] < 0.35,
        into_values["L0", "H0"] == cc.approx(1, abs=0.05),
    )


@pytest.mark.slow
@cc.claim(
    "SmolLM2 does syllogisms by little: 1 logit, and the other way where the adjectives are exchanged",
    id="syllogism.task",
    model=SMOLLM2,
)
def test_smollm2(model, syllogism):
    assert cc.all_of(syllogism.logit_diff(model) > 0.5, syllogism.logit_diff(model.on("swap")) < -0.5)


@pytest.mark.slow
@cc.claim(
    "In SmolLM2, L29H7, L23H0 and L29H1 tell the logits themselves at END: these paths carry a quarter",
    id="syllogism.direct-paths",
    model=SMOLLM2,
)
def test_smollm2_paths(model, syllogism):
    three = model.patch_path("L29H7, L23H0, L29H1", into="logits", source="swap", at="END")
    assert syllogism.recovered(three) < 0.75
