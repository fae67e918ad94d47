"""The check-up of a dictionary, by hand, and the warning of a poor fit.

How it could be fooled: the share that is not explained, called explained; distances from 0 instead of the mean; a splice
that keeps the error term; prompts of the stream that claims are judged on."""

import numpy as np
import pytest
import torch
from tiny_dictionaries import tiny_sae

import circuitcheck as cc

SITE, N = "L1.resid_post", 24


@pytest.fixture(scope="module")
def task():
    return cc.tasks.ioi()


@pytest.fixture(scope="module")
def values(shared_session, model, task):
    """[prompt, 32]: what is at END of the site, on the discovery stream."""
    with cc.use_session(shared_session):
        prompts = task.prompts(N, model=model, stream="discovery")
        return np.array([model.cache([each], [SITE])[SITE][0, each.positions["END"][0]] for each in prompts])


@pytest.fixture(scope="module")
def all_values(shared_session, model, task):
    """[token, 32]: at every token up to END of the 64 prompts that a warning looks at."""
    with cc.use_session(shared_session):
        prompts = task.prompts(64, model=model, stream="discovery")
        return np.concatenate(at_site(model, prompts))


def fitting(values, off):
    """A dictionary that gives back a value `off` times as far from their mean as it was, so that the share of the variance
    that is explained is 1 - (1 - off)^2: two features for each direction, of which one fires."""
    made = tiny_sae(32, features=64)
    ones, mean = torch.eye(32), torch.as_tensor(values.mean(axis=0)).float()
    with torch.no_grad():
        made.W_enc.copy_(torch.cat([ones, -ones], dim=1))
        made.b_enc.copy_(torch.cat([-mean, mean]))
        made.W_dec.copy_(off * torch.cat([ones, -ones]))
        made.b_dec.copy_(mean)
    return cc.sae(made, at=SITE)


@pytest.mark.parametrize("off", [0.9, 0.2])
def test_explained_variance_is_what_the_residual_leaves(model, task, values, off):
    found = cc.fit(fitting(values, off), task, model, at="END", n=N)
    assert found.explained_variance.value == pytest.approx(1 - (1 - off) ** 2, abs=1e-5)
    assert found.unexplained_variance == pytest.approx((1 - off) ** 2, abs=1e-5)
    assert found.l0.value == pytest.approx(32)


def test_every_token_counts_where_no_position_is_named(model, task, all_values):
    found = cc.fit(fitting(all_values, 0.8), task, model, n=64)
    assert found.explained_variance.value == pytest.approx(1 - 0.2**2, abs=1e-5)
    assert found.l0.value == pytest.approx(32)


def test_a_random_dictionary_by_hand(model, task, values):
    q = cc.sae(tiny_sae(32, seed=5, silent=(3, 9)), at=SITE)
    with torch.no_grad():
        acts = q.inner.encode(torch.as_tensor(values))
        made = q.inner.decode(acts).numpy()
    residual, total = np.square(values - made).sum(), np.square(values - values.mean(axis=0)).sum()
    found = cc.fit(q, task, model, at="END", n=N)
    assert found.prompts == N
    assert found.explained_variance.value == pytest.approx(1 - residual / total, rel=1e-4)
    assert found.explained_variance.low < found.explained_variance.value < found.explained_variance.high
    active = (acts != 0).sum(dim=1).double().numpy()
    assert found.l0.value == pytest.approx(active.mean())
    assert found.alive == pytest.approx((acts != 0).any(dim=0).double().mean().item())
    assert found.alive <= 30 / 32


def test_l0_counts_tokens_and_not_prompts(model, task):
    """Over every token, of prompts that differ in length."""
    q, prompts = cc.sae(tiny_sae(32, seed=5), at=SITE), task.prompts(N, model=model, stream="discovery")
    with torch.no_grad():
        active = [
            (q.inner.encode(torch.as_tensor(each)) != 0).sum(dim=1).double().numpy() for each in at_site(model, prompts)
        ]
    found = cc.fit(q, task, model, n=N).l0.value
    assert found == pytest.approx(np.concatenate(active).mean())
    assert found != pytest.approx(np.mean([each.mean() for each in active]), abs=1e-4)


def at_site(model, prompts):
    """[token, 32] of each prompt, up to END."""
    return [model.cache([each], [SITE])[SITE][0, : each.end + 1] for each in prompts]


def test_kl_and_loss_are_those_of_the_splice(model, task):
    q = cc.sae(tiny_sae(32, seed=5), at=SITE)
    found = cc.fit(q, task, model, at="END", n=N)
    prompts, splice = task.prompts(N, model=model, stream="discovery"), model.through(q, at="END", error="drop")
    clean, spliced = (view.logits(prompts).double().log_softmax(-1) for view in (model, splice))
    kl = (clean.exp() * (clean - spliced)).sum(-1)
    answers = [prompt.answer_ids[0] for prompt in prompts]
    loss = (clean - spliced)[range(N), answers]
    assert found.kl.value == pytest.approx(float(kl.mean()), abs=1e-5)
    assert found.loss.value == pytest.approx(float(loss.mean()), abs=1e-5)
    assert found.kl.value > 1e-3


def test_it_is_shown_with_intervals(model, task, values):
    text = repr(cc.fit(fitting(values, 0.9), task, model, at="END", n=N))
    for word in ("explained variance: 0.99", "L0", "KL of the splice", f"{N} prompts of the discovery stream"):
        assert word in text


@pytest.mark.sampled(3)
@pytest.mark.parametrize("off, warned", [(0.25, True), (0.35, False)])  # 44% and 58% are explained
@pytest.mark.parametrize("use", ["edit", "splice", "metric"])
def test_a_poor_fit_is_a_warning_in_the_result(model, all_values, with_settings, off, warned, use):
    q = fitting(all_values, off)
    task = cc.tasks.ioi().on_stream("test")
    quantity = {
        "edit": lambda: task.logit_diff(model.clamp(q[3], 5.0, at="END")),
        "splice": lambda: task.logit_diff(model.through(q)),
        "metric": lambda: task.metric(cc.activation(q[3], at="END"), model),
    }[use]()
    with with_settings(samples=16, first_look=16):
        said = [each for each in (quantity < 1e9).decide().warnings if "of the variance of" in each]
    assert len(said) == warned
    if warned:
        assert "error term" in said[0]
        assert 0.3 < float(said[0].split("explains ")[1].split("%")[0]) / 100 < 0.5


def test_what_is_no_dictionary_is_refused(model, task):
    for given in ("a folder", cc.sae(tiny_sae(32), at=SITE)[3]):
        with pytest.raises(cc.BadMetric, match=r"fit\(\) got"):
            cc.fit(given, task, model)


def test_one_prompt_is_too_few(model, task):
    with pytest.raises(cc.BadTask, match="n"):
        cc.fit(cc.sae(tiny_sae(32), at=SITE), task, model, n=1)
