"""A vector of one's own: it is added as it is, where and as often as it is said."""

import numpy as np
import pytest
import torch

import circuitcheck as cc
from circuitcheck.errors import BadIntervention, UnknownUnit


@pytest.fixture
def width(model):
    return model.inner.cfg.d_model


@pytest.fixture
def vector(width):
    return torch.randn(width, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("form", [torch.Tensor.tolist, torch.Tensor.numpy, lambda vector: vector, tuple])
def test_it_is_added_at_its_tokens_alone(model, ioi, vector, form):
    prompts = ioi.prompts(1, model=model)
    mine = cc.direction(form(vector), model, layers="L1", name="probe")
    changed = model.add(mine, at="END", scale=2).cache(prompts, "L1.resid_post")["L1.resid_post"]
    difference = (changed - model.cache(prompts, "L1.resid_post")["L1.resid_post"])[0]
    assert torch.allclose(difference[-1], 2 * vector, atol=1e-5)
    assert not difference[:-1].any()
    assert mine.describe() == "direction probe of resid_post"


def test_it_is_told_apart_by_its_numbers(model, vector):
    one, other = (cc.direction(each, model) for each in (vector, vector + 1e-6))
    assert one.digest != other.digest
    assert one.digest == cc.direction(vector.tolist(), model, name="other").digest
    assert one.layers == tuple(range(model.architecture.n_layers))


def test_a_random_direction_has_its_norm(model, ioi, vector):
    drawn = model.add(cc.random_direction(cc.direction(vector, model, layers="L1")), at="END")
    prompts = ioi.prompts(1, model=model)
    values = [view.cache(prompts, "L1.resid_post")["L1.resid_post"][0, -1] for view in (drawn, model)]
    assert float((values[0] - values[1]).norm()) == pytest.approx(float(vector.norm()), rel=1e-4)


@pytest.mark.parametrize("bad", [[], [0.0, 0.0], [1.0, np.nan], "12", 3, [[1.0], [2.0]], torch.ones(2, 2), None])
def test_what_is_no_vector_is_refused(model, bad):
    with pytest.raises(BadIntervention, match="d_model finite numbers"):
        cc.direction(bad, model)


def test_another_width_is_refused_when_it_is_measured(model, ioi, width):
    with pytest.raises(BadIntervention, match=f"3 numbers, and the residual stream of .* has {width}"):
        ioi.logit_diff(model.add(cc.direction([1, 2, 3], model), at="END")).values(1)


def test_places_that_are_not_there_are_refused(model, vector):
    with pytest.raises(UnknownUnit):
        cc.direction(vector, model, layers="L99")
    with pytest.raises(BadIntervention, match="no residual stream"):
        cc.direction(vector, model, "z")
    with pytest.raises(TypeError, match=r"cc\.load"):
        cc.direction(vector, "organism")
