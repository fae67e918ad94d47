"""A word that a function does not have as an argument is answered with the one that may be meant, before anything is run."""

import inspect
from operator import attrgetter

import pytest

import circuitcheck as cc

MISSPELT = {
    "Comparison.decide": "sample",
    "Composition.top": "K",
    "Dictionary.with_random_decoder": "seeds",
    "FeatureFacts.precision": "prompt",
    "Quantity.beats": "shares",
    "Quantity.estimate": "confidnce",
    "Quantity.on_cases": "case",
    "Quantity.values": "N",
    "Scan.fires": "were",
    "Scan.page": "folders",
    "Scan.precision": "were",
    "Scan.rate": "were",
    "Scan.record": "promote",
    "Scan.to_neuronpedia": "promote",
    "Scan.top": "K",
    "Scan.write_batches": "perbatch",
    "Session.load": "dtypes",
    "Task.accuracy": "views",
    "Task.explain": "models",
    "Task.iterate": "sed",
    "Task.log_prob": "views",
    "Task.logit_diff": "views",
    "Task.loss": "views",
    "Task.metric": "metrics",
    "Task.on_stream": "streams",
    "Task.prompts": "steam",
    "Task.recovered": "againts",
    "Task.size": "models",
    "Task.strategy": "modell",
    "Task.to_records": "paths",
    "Task.where": "prompt",
    "approx": "ab",
    "claim": "sample",
    "forall": "rates",
    "load": "divice",
    "promotes": "feature",
    "random_heads": "draw",
    "random_sites": "sed",
}


@pytest.mark.parametrize("name", MISSPELT)
def test_a_misspelt_argument_is_answered_with_the_one_that_is_meant(name):
    function, slip = attrgetter(name)(cc), MISSPELT[name]
    names = [each for each in inspect.signature(function).parameters if each != "self"]
    with pytest.raises(TypeError) as raised:
        function(**{slip: 1})
    said = str(raised.value)
    meant = said.partition(" Did you mean ")[2].removesuffix("?").strip("'")
    assert said.startswith(f"{function.__qualname__}() has no argument {slip!r}; it has {', '.join(names)}.")
    assert meant in names
    assert meant[0] == slip[0].lower()


def test_a_method_is_named_with_the_class_that_it_was_called_on():
    task = cc.tasks.ioi()
    for called, said in (
        (lambda: task.prompts(5, modle="organism"), "Task.prompts() has no argument 'modle'"),
        (lambda: cc.Task.define("mine", template="x"), "Task.define() has no argument 'template'"),
        (lambda: cc.Task.logit_diff(task), "Task.logit_diff() needs view="),
        (lambda: cc.Task.logit_diff("a model"), "Task.logit_diff() needs view="),
        (lambda: cc.load(5, divice="cpu"), "load() has no argument 'divice'"),
    ):
        with pytest.raises(TypeError) as raised:
            called()
        assert str(raised.value).startswith(said)
