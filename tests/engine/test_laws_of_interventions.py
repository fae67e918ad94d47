"""What must hold whatever is intervened on: laws that no implementation may break."""

import numpy as np
import pytest
import torch
from how_many import examples
from hypothesis import given, settings
from hypothesis import strategies as st

import circuitcheck as cc
from circuitcheck.engine.torch.kernels.base import writes_of
from circuitcheck.engine.torch.sites.access import hooks_that_write
from circuitcheck.engine.torch.sites.batch import Batch
from circuitcheck.engine.torch.sites.forward import activations, forward
from circuitcheck.engine.torch.sites.hooks import hooked

N, LAYERS, HEADS = 4, 3, 4
OF_LAYERS = ("resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out", "neurons", "mlp_in")
OF_HEADS = ("z", "result", "q", "k", "v", "scores", "pattern")
POSITIONS = ("IO", "S1", "S1+1", "S2", "END")
layers, heads = st.integers(0, LAYERS - 1), st.integers(0, HEADS - 1)
sites = st.one_of(
    st.builds("L{}.{}".format, layers, st.sampled_from(OF_LAYERS)),
    st.builds("L{}H{}.{}".format, layers, heads, st.sampled_from(OF_HEADS)),
    st.just("embed"),
)
places = st.one_of(st.none(), st.lists(st.sampled_from(POSITIONS), min_size=1, max_size=3, unique=True))


@pytest.fixture(scope="module")
def model(tiny_gpt2):
    with cc.use_session(cc.Session(cc.Settings(batch=N, dtype="float64"))):
        yield cc.load(str(tiny_gpt2))


@pytest.fixture(autouse=True)
def fresh_session(model):
    """The model outlives a test, and so does its session."""


def values(view):
    return cc.tasks.ioi().logit_diff(view).values(N)


@settings(max_examples=examples(60), deadline=None)
@given(site=sites, at=places)
def test_a_site_s_own_clean_value_changes_nothing(model, site, at):
    view = model.patch(site, source="clean", at=at, allow_vacuous=True)
    np.testing.assert_allclose(values(view), values(model), rtol=0, atol=1e-10)


@settings(max_examples=examples(30), deadline=None)
@given(layer=layers, kind=st.sampled_from(["resid_pre", "resid_mid", "resid_post"]))
def test_the_whole_stream_of_another_prompt_gives_its_logits(model, layer, kind):
    found = values(model.patch(f"L{layer}.{kind}", source="abc"))
    np.testing.assert_allclose(found, values(model.on("abc")), rtol=0, atol=1e-10)
    assert np.abs(found - values(model)).max() > 1e-3


changes = st.tuples(sites, places, st.sampled_from(["patch", "add"]))


def change(view, what, direction):
    site, at, how = what
    if how == "add" and site.endswith("resid_post"):
        return view.add(direction, at=at, layers=site.partition(".")[0])
    return view.patch(site, source="abc", at=at, allow_vacuous=True)


@settings(max_examples=examples(60), deadline=None)
@given(one=changes, other=changes)
def test_on_different_sites_the_order_of_the_calls_does_not_matter(model, one, other):
    if one[0] == other[0]:
        return
    direction = cc.mean_difference(cc.tasks.ioi(), model, "resid_post", at="IO", minus="S1", n=16)
    there = change(change(model, one, direction), other, direction)
    back = change(change(model, other, direction), one, direction)
    np.testing.assert_allclose(values(there), values(back), rtol=0, atol=1e-10)


class _Runs:
    """What kernels may ask for, of the model under test."""

    n_layers = LAYERS

    def __init__(self, model, batch):
        self.model, self.batch = model, batch

    def value(self, source, where):
        return activations(self.model, self.batch.tokens(source), [where])[where]


@settings(max_examples=examples(60), deadline=None)
@given(site=sites, at=st.sampled_from(POSITIONS))
def test_what_is_done_at_a_token_changes_no_logits_before_it(model, site, at):
    loaded = cc.current_session().engine._pool.get(model.ref, "cpu")
    prompts = cc.tasks.ioi().prompts(1, model=model)
    batch = Batch(prompts, loaded.device)
    (patch,) = model.patch(site, source="abc", at=at).data.interventions
    writes = writes_of(patch, batch, _Runs(loaded.model, batch))
    with torch.no_grad():
        clean = forward(loaded.model, batch.tokens("clean"))
        with hooked(loaded.model, hooks_that_write(loaded.model, writes)):
            found = forward(loaded.model, batch.tokens("clean"))
    (column,) = batch.columns(prompts[0], patch.at)
    np.testing.assert_array_equal(found[0, :column], clean[0, :column])


def test_the_law_above_is_not_empty(model):
    """At the token itself, and after it, logits do change."""
    assert np.abs(values(model.patch("L0.resid_pre", source="abc", at="S2")) - values(model)).max() > 1e-3


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(chosen=st.lists(st.tuples(layers, heads), min_size=1, max_size=LAYERS * HEADS - 1, unique=True), at=places)
def test_a_circuit_and_its_complement_ablated_are_everything_ablated(model, chosen, at):
    circuit = cc.heads([f"L{layer}H{head}" for layer, head in chosen])
    both = model.ablate(circuit, kind="mean", at=at, n=64).ablate(~circuit, kind="mean", at=at, n=64)
    np.testing.assert_allclose(values(both), values(model.ablate(cc.heads(), kind="mean", at=at, n=64)), rtol=0, atol=1e-10)
