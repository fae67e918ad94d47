"""Nobody looks for garbage while a model is loaded; afterwards everything is as the caller had it."""

import gc

import pytest

from circuitcheck.engine.torch.loaded import model
from circuitcheck.errors import ModelUnavailable
from circuitcheck.models import parse_spec


@pytest.mark.parametrize("before", [True, False])
def test_the_collector_is_off_while_a_model_is_loaded_and_then_as_it_was(monkeypatch, before):
    seen = []

    def refuse(*_given):
        seen.append(gc.isenabled())
        raise ModelUnavailable("none")

    monkeypatch.setattr(model, "read_checkpoint", refuse)
    try:
        (gc.enable if before else gc.disable)()
        with pytest.raises(ModelUnavailable):
            model.load(parse_spec("organism", dtype="float32", bos="tokenizer"), "cpu")
        assert (seen, gc.isenabled()) == ([False], before)
    finally:
        gc.enable()
