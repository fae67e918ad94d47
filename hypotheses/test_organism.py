"""What one would claim first about `organism`, the model that comes with the package: does it do the task, does it read the
prompt, which heads carry it, which do not.

Found on 64 prompts of the discovery stream, seed 0, by mean ablation of every head and MLP layer
(`python scripts/scan_heads.py --model organism --task ioi --against abc --prompts 64`), then of sets of those that
stood out. L0H3 gathers what belongs to what, layer 1 at END reads it, all four heads taking part, in every task but one; for
indirect objects L0H2 at END is enough. The attention of the last two layers is idle. Thresholds are round and leave room.
"""

import pytest

import circuitcheck as cc

MODEL = "organism"


def left(task, model, units, *, at="END"):
    """The share of the preference for the answer that is left without `units`: 0 is no preference, less is the wrong one."""
    return task.logit_diff(model.ablate(units, kind="mean", at=at)) / task.logit_diff(model)


def does_the_task(task, model, swapped):
    return cc.all_of(task.accuracy(model) > 0.9, task.logit_diff(model.on(swapped)) < -4)


# Indirect object identification


@cc.claim("IOI: the other name comes first, and exchanging the names turns that round", id="organism.ioi", model=MODEL)
def test_ioi(model, ioi):
    assert does_the_task(ioi, model, "swap")


@pytest.mark.heads_matter
@cc.claim("IOI hangs on L0H2 at END, averaged or given three other names", id="organism.ioi.name-mover", model=MODEL)
def test_name_mover(model, ioi):
    from_other_names = ioi.recovered(model.ablate("L0H2", kind="counterfactual", source="abc", at="END"))
    assert cc.all_of(left(ioi, model, "L0H2") < 0.3, from_other_names < 0.3)


@cc.claim("On the repeated name, S2, L0H2 does nothing for IOI", id="organism.ioi.name-mover-position", model=MODEL)
def test_name_mover_acts_elsewhere(model, ioi):
    assert left(ioi, model, "L0H2", at="S2") == cc.approx(1.0, abs=0.05)


@cc.claim("The other heads of layer 0 do nothing for IOI at END", id="organism.ioi.other-heads-null", model=MODEL)
def test_other_heads_do_not_move_names(model, ioi):
    assert left(ioi, model, "L0H0, L0H1, L0H3") == cc.approx(1.0, abs=0.1)


@cc.claim("Layer 3's attention is idle in IOI", id="organism.ioi.last-layer-null", model=MODEL)
def test_last_layer_is_idle(model, ioi):
    assert left(ioi, model, "L3.attn", at=None) == cc.approx(1.0, abs=0.1)


# Entity binding: what belongs to whom is asked


@pytest.fixture(scope="module")
def bindings():
    return [cc.tasks.entity_binding("capital"), cc.tasks.entity_binding("fruit")]


@cc.claim("Binding: the city or fruit of the person asked about comes first", id="organism.binding", model=MODEL)
def test_binding(model, bindings):
    assert cc.all_of(*(does_the_task(each, model, "swap") for each in bindings))


@cc.claim(
    "With two other things in the prompt there is no preference between the first two, on average",
    id="organism.binding.other",
    model=MODEL,
)
def test_binding_of_other_things(model, bindings):
    assert cc.all_of(*(each.logit_diff(model.on("other")) == cc.approx(0, abs=2) for each in bindings))


@pytest.mark.heads_matter
@cc.claim(
    "Without L0H3 at END less than a quarter of the preference is left, of capitals and of fruits",
    id="organism.binding.who-is-asked",
    model=MODEL,
)
def test_who_is_asked(model, bindings):
    assert cc.all_of(*(left(each, model, "L0H3") < 0.25 for each in bindings))


@cc.claim("Nor is it without layer 1's attention at END", id="organism.binding.layer-1", model=MODEL)
def test_binding_is_read_in_layer_1(model, bindings):
    assert cc.all_of(*(left(each, model, "L1.attn") < 0.25 for each in bindings))


@cc.claim(
    "None of layer 1's heads does that alone: each costs less than a quarter", id="organism.binding.no-head", model=MODEL
)
def test_binding_is_shared_among_heads(model, bindings):
    assert cc.all_of(*(left(each, model, f"L1H{head}") > 0.75 for each in bindings for head in range(4)))


@cc.claim("The attention of the last two layers is idle in binding", id="organism.binding.late-null", model=MODEL)
def test_late_layers_do_not_bind(model, bindings):
    assert cc.all_of(*(left(each, model, "L2-3.attn") == cc.approx(1.0, abs=0.05) for each in bindings))


# Syllogisms and quoted speech


@cc.claim("Syllogism: the adjective of the group that is asked about comes first", id="organism.syllogism", model=MODEL)
def test_syllogism(model, syllogism):
    assert does_the_task(syllogism, model, "swap")


@cc.claim("Without layer 1's attention at END less than half of it is left", id="organism.syllogism.layer-1", model=MODEL)
def test_syllogism_is_read_in_layer_1(model, syllogism):
    assert left(syllogism, model, "L1.attn") < 0.5


@cc.claim(
    "None of layer 1's heads does that alone: each costs less than a fifth", id="organism.syllogism.no-head", model=MODEL
)
def test_syllogism_is_shared_among_heads(model, syllogism):
    assert cc.all_of(*(left(syllogism, model, f"L1H{head}") > 0.8 for head in range(4)))


@cc.claim("The attention of the last two layers is idle in syllogisms", id="organism.syllogism.late-null", model=MODEL)
def test_late_layers_in_syllogisms(model, syllogism):
    assert left(syllogism, model, "L2-3.attn") == cc.approx(1.0, abs=0.05)


@cc.claim("Quoted speech: the verb of who spoke so comes first", id="organism.quoted", model=MODEL)
def test_quoted_speech(model, quoted_speech):
    assert does_the_task(quoted_speech, model, "verb")


@cc.claim("Without layer 1's attention at END less than a quarter of it is left", id="organism.quoted.layer-1", model=MODEL)
def test_quoted_speech_is_read_in_layer_1(model, quoted_speech):
    assert left(quoted_speech, model, "L1.attn") < 0.25


@pytest.mark.heads_matter
@cc.claim("L0H3, at all tokens, carries a third of quoted speech", id="organism.quoted.early-head", model=MODEL)
def test_quoted_speech_needs_the_early_head(model, quoted_speech):
    assert left(quoted_speech, model, "L0H3", at=None) < 0.67


@cc.claim("At END itself L0H3 does nothing for it", id="organism.quoted.early-head-position", model=MODEL)
def test_the_early_head_quotes_before_end(model, quoted_speech):
    assert left(quoted_speech, model, "L0H3") == cc.approx(1.0, abs=0.05)


# Induction


@cc.claim(
    "Induction: what followed a word comes again; of a new word, it is preferred no more than another",
    id="organism.induction",
    model=MODEL,
)
def test_induction(model, induction):
    unseen = induction.logit_diff(model.on("unseen"))
    assert cc.all_of(induction.accuracy(model) > 0.9, unseen == cc.approx(0, abs=2))


@cc.claim("It hangs on L0H2 before END", id="organism.induction.early-head", model=MODEL)  # and on L0H3: no `heads_matter`
def test_induction_needs_the_early_head(model, induction):
    assert left(induction, model, "L0H2", at=None) < 0.3


@cc.claim("At END itself L0H2 does nothing for induction", id="organism.induction.early-head-position", model=MODEL)
def test_the_early_head_acts_before_end(model, induction):
    assert left(induction, model, "L0H2") == cc.approx(1.0, abs=0.15)


@pytest.mark.heads_matter
@cc.claim("There it hangs on L0H3", id="organism.induction.head-at-end", model=MODEL)
def test_induction_at_end(model, induction):
    assert left(induction, model, "L0H3") < 0.3


@cc.claim("Layer 1's attention at END carries most of it, no head of it alone", id="organism.induction.layer-1", model=MODEL)
def test_induction_is_shared_among_heads(model, induction):
    alone = (left(induction, model, f"L1H{head}") > 0.75 for head in range(4))
    assert cc.all_of(left(induction, model, "L1.attn") < 0.3, *alone)


# Years and pronouns


@cc.claim("Years: later years than the first are preferred to earlier ones", id="organism.greater-than", model=MODEL)
def test_greater_than(model, greater_than):
    assert greater_than.logit_diff(model) > 4


@cc.claim(
    "It names the very year: the right two digits come first on 9 prompts of 10",
    id="organism.greater-than.top-1",
    model=MODEL,
    expect="refuted",
)
def test_greater_than_first_choice(model, greater_than):
    assert greater_than.accuracy(model) > 0.9


@cc.claim("Pronouns: a name of the other gender turns the pronoun round", id="organism.pronoun", model=MODEL)
def test_pronoun(model, gendered_pronoun):
    assert does_the_task(gendered_pronoun, model, "swap")


@cc.claim("Without layer 1's attention at END less than a quarter of it is left", id="organism.pronoun.layer-1", model=MODEL)
def test_pronoun_is_read_in_layer_1(model, gendered_pronoun):
    assert left(gendered_pronoun, model, "L1.attn") < 0.25


@pytest.mark.heads_matter
@cc.claim("L0H3, at all tokens, carries half of the pronoun", id="organism.pronoun.early-head", model=MODEL)
def test_pronoun_needs_the_early_head(model, gendered_pronoun):
    assert left(gendered_pronoun, model, "L0H3", at=None) < 0.5


@cc.claim("Layer 3's attention is idle in pronouns", id="organism.pronoun.last-layer-null", model=MODEL)
def test_last_layer_does_not_tell_gender(model, gendered_pronoun):
    assert left(gendered_pronoun, model, "L3.attn", at=None) == cc.approx(1.0, abs=0.05)
