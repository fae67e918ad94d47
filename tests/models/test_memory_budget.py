"""The pool of loaded models: shared, and let go beyond a budget."""

import numpy as np
import pytest
from tiny import save_tiny_gpt2

import circuitcheck as cc
from circuitcheck.engine.torch import LocalEngine
from circuitcheck.engine.torch.loaded import pool
from circuitcheck.errors import BadSpec, ModelChanged


@pytest.fixture
def loads(monkeypatch):
    """The specs that were read from disk, in order."""
    seen, real = [], pool.load
    monkeypatch.setattr(pool, "load", lambda spec, *more: seen.append(spec.source) or real(spec, *more))
    return seen


def test_the_same_folder_loaded_twice_is_one_model(tiny_gpt2, loads):
    assert cc.load(str(tiny_gpt2)) == cc.load(str(tiny_gpt2))
    assert loads == [str(tiny_gpt2)]


def test_another_dtype_is_another_model(tiny_gpt2, loads):
    cc.load(str(tiny_gpt2))
    cc.load(str(tiny_gpt2), dtype="float64")
    assert len(loads) == 2


@pytest.mark.slow
def test_a_small_budget_evicts_and_reloads_with_the_same_values(tiny_gpt2, tiny_llama, loads):
    tight = cc.Session(make_engine=lambda settings: LocalEngine(settings.device, memory_budget=1))
    with cc.use_session(tight):
        ioi, first, second = cc.tasks.ioi(), cc.load(str(tiny_gpt2)), cc.load(str(tiny_llama))
        view = first.ablate("L0H0", kind="mean", at="END", n=64)
        both = ioi.logit_diff(view).values(32), ioi.logit_diff(second).values(32), ioi.logit_diff(view).values(64)[32:]
    assert len(loads) > 2
    with cc.use_session(cc.Session()):
        view = cc.load(str(tiny_gpt2)).ablate("L0H0", kind="mean", at="END", n=64)
        expected = ioi.logit_diff(view).values(32), ioi.logit_diff(view).values(64)[32:]
    np.testing.assert_array_equal([both[0], both[2]], expected)


def test_a_large_budget_keeps_both(tiny_gpt2, tiny_llama, loads):
    ioi = cc.tasks.ioi()
    for _ in range(2):
        for folder in (tiny_gpt2, tiny_llama):
            ioi.logit_diff(cc.load(str(folder))).values(8)
    assert len(loads) == 2


def test_a_folder_that_changed_before_its_reload_is_noticed(tmp_path, tiny_llama):
    folder = save_tiny_gpt2(tmp_path / "model")
    tight = cc.Session(make_engine=lambda settings: LocalEngine(settings.device, memory_budget=1))
    with cc.use_session(tight):
        model = cc.load(str(folder))
        cc.load(str(tiny_llama))
        save_tiny_gpt2(folder, seed=1)
        with pytest.raises(ModelChanged, match="fingerprint"):
            cc.tasks.ioi().logit_diff(model).values(8)


def test_a_folder_saved_again_is_another_model(tmp_path):
    first = cc.load(str(save_tiny_gpt2(tmp_path / "checkpoint", seed=1)))
    second = cc.load(str(save_tiny_gpt2(tmp_path / "checkpoint", seed=2)))
    assert first.fingerprint["weights"] != second.fingerprint["weights"]


def test_one_spec_on_two_devices_is_refused(tiny_gpt2, monkeypatch):
    import torch

    cc.load(str(tiny_gpt2), device="cpu")
    assert cc.load(str(tiny_gpt2), device="auto").card.device == "cpu"
    monkeypatch.setattr(pool, "resolve_device", lambda name: torch.device("meta"))
    with pytest.raises(BadSpec, match="already loaded on cpu"):
        cc.load(str(tiny_gpt2), device="cuda")


def test_an_object_is_neither_moved_nor_cast(tiny_gpt2):
    with pytest.raises(BadSpec, match="taken as it is"):
        cc.load(object(), dtype="float64")
