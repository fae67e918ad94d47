"""Nobody looks for garbage while a model is loaded; afterwards everything is as the caller had it."""

import gc
import os
import subprocess
import sys

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


FROZEN = """
import gc, weakref
{before}
from circuitcheck.engine.torch.loaded.model import load
from circuitcheck.models import parse_spec
loaded = load(parse_spec("organism"), "cpu")
seen = weakref.ref(loaded.model)
del loaded
gc.collect()
print(gc.get_freeze_count(), seen() is None)
"""


@pytest.mark.parametrize(
    "before, freezes",
    [
        ("", True),
        ("import torch, transformers", True),
        ("from torch.nn import Linear; own = Linear(2, 2)", False),  # a model of the user's
        ("import transformer_lens", False),  # which may have made models
    ],
)
def test_what_libraries_make_is_looked_through_no_more_and_models_are_let_go_of(before, freezes):
    run = subprocess.run([sys.executable, "-c", FROZEN.format(before=before)], capture_output=True, text=True, check=True)
    frozen, gone = run.stdout.split()
    assert (int(frozen) > 100_000) == freezes
    assert gone == "True"


def test_a_hub_s_model_that_is_not_here_is_refused_before_libraries_are_imported(tmp_path):
    code = """
import sys
from circuitcheck.engine.torch.loaded.model import load
from circuitcheck.errors import ModelUnavailable
from circuitcheck.models import parse_spec
try:
    load(parse_spec("nobody/has-this"), "cpu")
except ModelUnavailable:
    print("transformer_lens" in sys.modules)
"""
    alone = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    run = subprocess.run([sys.executable, "-c", code], env=alone, capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False"]
