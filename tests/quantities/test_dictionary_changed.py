"""A dictionary whose weights somebody changes in memory is told, and not measured with.

How it could be fooled: values that were measured before the change are given for those after it."""

import pytest
import torch
from tiny_dictionaries import tiny_sae

import circuitcheck as cc
from circuitcheck.errors import ModelChanged
from circuitcheck.session import current_session

SITE, N = "L1.resid_post", 8


@pytest.mark.parametrize("weights", ["W_dec", "b_enc"])
@pytest.mark.parametrize("through", ["in place", "its data"])
def test_changed_weights_are_told_and_loading_gives_those_of_the_file(model, tmp_path, weights, through):
    tiny_sae(32, hook=SITE).save_model(tmp_path)
    q = cc.sae(str(tmp_path), at=SITE)
    cut = cc.tasks.ioi().logit_diff(model.remove(q[1], at="END"))
    before, inner = cut.values(N), model.inner
    with torch.no_grad():
        tensor = getattr(q.inner, weights)
        (tensor if through == "in place" else tensor.data).mul_(2).add_(0.5)
    with pytest.raises(ModelChanged, match="weights of .* changed after it was loaded"):
        cut.values(N + 1)
    assert current_session().engine.inner(model.ref) is inner, "the model was not changed, and is not loaded again"
    again = cc.sae(str(tmp_path), at=SITE)
    assert (cc.tasks.ioi().logit_diff(model.remove(again[1], at="END")).values(N) == before).all()
