"""Where the organism keeps what belongs to whom; binding vectors, which it does not have.

A study of entity binding in Gemma-2-2B-it took the mean difference of the residual stream between the first and the second
person, and between what belongs to them, in every layer, and found that subtracting it unbinds. Whether a model keeps its
bindings that way is a claim like any other. Places and layers were found on the discovery stream; the vectors are taken on
it, too, and never on the test stream.
"""

import pytest

import circuitcheck as cc

MODEL = "organism"


@pytest.fixture(scope="module")
def capital():
    return cc.tasks.entity_binding("capital")


@pytest.fixture(scope="module")
def fruit():
    return cc.tasks.entity_binding("fruit")


@pytest.fixture
def vectors(circuit_model, capital):
    """Of people and of what belongs to them, one for each layer, found on capitals."""
    people = cc.mean_difference(capital, circuit_model, "resid_post", at="E0", minus="E1")
    things = cc.mean_difference(capital, circuit_model, "resid_post", at="A0", minus="A1")
    return people, things


def left(task, view, model):
    """The share of the preference for the answer that is left."""
    return task.logit_diff(view) / task.logit_diff(model)


def unbound(model, vectors):
    people, things = vectors
    return model.subtract(people, at="E1").subtract(things, at="A1")


@cc.claim(
    "Binding vectors, subtracted in every layer, cost a quarter of the preference",
    id="binding.vectors",
    model=MODEL,
    expect="refuted",
)
def test_vectors(model, capital, vectors):
    assert left(capital, unbound(model, vectors), model) < 0.75


@cc.claim("Those found on capitals do so on fruits", id="binding.vectors.transfer", model=MODEL, expect="refuted")
def test_transfer(model, fruit, vectors):
    assert left(fruit, unbound(model, vectors), model) < 0.75


@cc.claim(
    "They do nothing at all, on either, nor do drawn directions of the same norms", id="binding.vectors.null", model=MODEL
)
def test_vectors_are_idle(model, capital, fruit, vectors):
    drawn = [cc.random_direction(each, seed=seed) for seed, each in enumerate(vectors)]
    assert cc.all_of(
        *(
            left(task, unbound(model, found), model) == cc.approx(1.0, abs=0.05)
            for task in (capital, fruit)
            for found in (vectors, drawn)
        )
    )


@cc.claim(
    "What belongs to whom lies at the countries and fruits once layer 0 has run, all of it",
    id="binding.at-attributes",
    model=MODEL,
)
def test_binding_lies_at_the_attributes(model, capital, fruit):
    assert cc.all_of(
        *(
            task.recovered(model.patch("L0.resid_post", source="swap", at=["A0", "A1"])) == cc.approx(0, abs=0.05)
            for task in (capital, fruit)
        )
    )


@cc.claim("None of it lies at the people", id="binding.not-at-people", model=MODEL)
def test_binding_does_not_lie_at_the_people(model, capital, fruit):
    assert cc.all_of(
        *(
            task.recovered(model.patch("L0-3.resid_post", source="swap", at=["E0", "E1"], allow_vacuous=True))
            == cc.approx(1, abs=0.05)
            for task in (capital, fruit)
        )
    )


@cc.claim("Layer 1 moves it to END: afterwards it lies there, and nowhere else", id="binding.moved", model=MODEL)
def test_layer_1_moves_it(model, capital, fruit):
    assert cc.all_of(
        *(
            comparison
            for task in (capital, fruit)
            for comparison in (
                task.recovered(model.patch("L1.resid_post", source="swap", at="END")) == cc.approx(0, abs=0.05),
                task.recovered(model.patch("L1.resid_post", source="swap", at=["A0", "A1"])) == cc.approx(1, abs=0.05),
            )
        )
    )


@cc.claim(
    "Without attention from END to both of them in layer 1 nothing is left of it", id="binding.looks-there", model=MODEL
)
def test_layer_1_looks_at_the_attributes(model, capital, fruit):
    blind = model.knock_out_attention("L1.attn", query="END", key=["A0", "A1"])
    assert cc.all_of(*(left(task, blind, model) < 0.25 for task in (capital, fruit)))
