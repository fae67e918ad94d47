"""Two studies on the models that they were made on: entity binding in Gemma-2-2B-it, syllogisms in Pythia-410M.

Their numbers were read off one run on one batch each, with prompts that are not these, so what is claimed is that the
effects are there on prompts of our own. They are skipped where the models cannot be had; `--circuit-model OLD=NEW` runs them
on others.
Not written down are the syllogism study's knock-outs of L8H2, L10H10 ... and of L7H4, L7H6, and its second and third level:
these heads belong to a model of 12 layers and a task that nobody can tell any more.
"""

import pytest

import circuitcheck as cc

GEMMA, PYTHIA = "google/gemma-2-2b-it", "EleutherAI/pythia-410m+folded"
BINDING = "a notebook on entity binding in Gemma-2-2B-it, one batch of 100"
SYLLOGISM = "a notebook on syllogisms in Pythia-410M, one batch"
CANDIDATES = ("L18H0", "L19H4", "L20H2")


@pytest.fixture
def unbound(circuit_model, capital):
    """The model without what tells the first person and thing from the second, in every layer, found on capitals."""
    people = cc.mean_difference(capital, circuit_model, "resid_post", at="E0", minus="E1")
    things = cc.mean_difference(capital, circuit_model, "resid_post", at="A0", minus="A1")
    return circuit_model.subtract(people, at="E1").subtract(things, at="A1")


@cc.claim("Who lives in which capital: right first in 95% of prompts", id="gemma.capital", model=GEMMA, source=BINDING)
def test_gemma_does_capitals(model, capital):
    assert capital.accuracy(model) > 0.95  # .99 of 100 there


@cc.claim("Who has which fruit: preferred by 8", id="gemma.fruit", model=GEMMA, source=BINDING)
def test_gemma_does_fruits(model, fruit):
    assert fruit.logit_diff(model) > 8  # 11.43 there


@cc.claim("Binding vectors leave half of the preference in capitals", id="gemma.vectors", model=GEMMA, source=BINDING)
def test_vectors(model, capital, unbound):
    assert capital.logit_diff(unbound) / capital.logit_diff(model) < 0.5  # 2.84 there, of what nobody measured


@cc.claim("Those of capitals take a quarter of it in fruits", id="gemma.vectors.transfer", model=GEMMA, source=BINDING)
def test_transfer(model, fruit, unbound):
    assert cc.all_of(
        fruit.logit_diff(unbound) / fruit.logit_diff(model) < 0.75,  # 6.74 of 11.43 there
        fruit.metric(cc.candidate_accuracy(), unbound) < 0.8,  # .62 there
    )


@cc.claim("They do more than drawn directions of their norms", id="gemma.vectors.null", model=GEMMA, source=BINDING)
def test_drawn_directions(model, capital, unbound):
    found = cc.mean_difference(capital, model, "resid_post", at="E0", minus="E1")
    drawn = model.subtract(cc.random_direction(found, seed=0), at="E1")
    assert capital.logit_diff(drawn) - capital.logit_diff(unbound) > 0


@cc.claim(
    "Syllogisms: preferred by 1, and by as much the other way where the adjectives are exchanged",
    id="pythia.syllogism",
    model=PYTHIA,
    source=SYLLOGISM,
)
def test_pythia_does_syllogisms(model, syllogism):
    assert cc.all_of(syllogism.logit_diff(model) > 1, syllogism.logit_diff(model.on("swap")) < -1)  # 2.68 there


@pytest.mark.parametrize("head", CANDIDATES)
@cc.claim("{head} writes for the answer", id="pythia.syllogism.{head}", model=PYTHIA, source=SYLLOGISM)
def test_candidate(model, syllogism, head):
    assert syllogism.attribution(model, head) > 0


@cc.claim("The three lose a fifth at END", id="pythia.syllogism.knock-out", model=PYTHIA, source=SYLLOGISM)
def test_candidates_are_necessary(model, syllogism):
    assert syllogism.recovered(model.ablate(CANDIDATES, kind="zero", at="END")) < 0.8


@pytest.mark.slow
@cc.claim(
    "They tell the logits themselves: that path carries a tenth; three levels of paths are drawn",
    id="pythia.syllogism.paths",
    model=PYTHIA,
    source=SYLLOGISM,
)
def test_paths(model, syllogism):
    into, reads = "logits", None
    for at in ("END", None, None):
        grid = cc.sweeps.paths(syllogism, model, into, reads=reads, at=at).estimate(16)
        cc.show(grid)
        into, reads = grid.top(4), "v"
        if not into:
            break  # no head is found, whose values the next level would be about
    direct = model.patch_path(CANDIDATES, into="logits", source="swap", at="END")
    assert syllogism.recovered(direct) < 0.9
