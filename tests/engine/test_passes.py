"""Which passes a plan takes: each once, and each after those that it takes values from."""

from weakref import WeakKeyDictionary

import pytest

import circuitcheck as cc
from circuitcheck.engine.torch.running import lengths, means
from circuitcheck.engine.torch.running.graph import Pass, graph_of
from circuitcheck.engine.torch.shortened import parity
from circuitcheck.errors import SiteNotReached

ABC, CLEAN = Pass("abc"), Pass("clean")


def graph(model, *quantities):
    cells = dict(enumerate(cell for quantity in quantities for cell in quantity.cells))
    return graph_of(cells, model.architecture)


def passes(ioi, model, quantity):
    """Passes of the model a prompt."""
    with cc.use_session(cc.Session()) as session:
        quantity.values(16)
        return session.forward_passes / 16


COUNTS = {
    "recovered share of a counterfactual ablation": (
        3,
        lambda ioi, model: ioi.recovered(model.ablate("L0H1", kind="counterfactual", at="END")),
    ),
    "denoising": (2, lambda ioi, model: ioi.logit_diff(model.on("abc").patch("L0H1", source="clean"))),
    "divergence from clean of the clean run": (1, lambda ioi, model: ioi.metric(cc.kl_from_clean(), model)),
    "divergence from clean of a view": (
        2,
        lambda ioi, model: ioi.metric(cc.kl_from_clean(), model.ablate("L0H1", kind="zero")),
    ),
    "two views with one source": (
        3,
        lambda ioi, model: ioi.logit_diff(model.patch("L0H1")) - ioi.logit_diff(model.patch("L1H1")),
    ),
    "a path, whose frozen values are those of the clean run": (
        4,
        lambda ioi, model: ioi.logit_diff(model.patch_path("L0H1", into="L1H2.q")) - ioi.logit_diff(model),
    ),
    "two paths into one receiver": (
        6,
        lambda ioi, model: (
            ioi.logit_diff(model.patch_path("L0H1", into="L1H2.q")) - ioi.logit_diff(model.patch_path("L0H2", into="L1H2.q"))
        ),
    ),
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("count, make", COUNTS.values(), ids=COUNTS)
def test_each_pass_is_run_once(ioi, model, count, make):
    assert passes(ioi, model, make(ioi, model)) == count


def test_work_is_counted_in_tokens_and_layers(ioi, model, monkeypatch):
    """Of 3 layers, 16 prompts: the last layer at END, behind a whole pass that is kept; and all layers and tokens. Both
    lengths of prompts are left apart."""
    monkeypatch.setattr(lengths, "_LONGER", 1.0)
    tokens = sum(len(prompt.tokens) for prompt in ioi.prompts(16, model=model))
    monkeypatch.setattr(parity, "_proven", WeakKeyDictionary())  # what other tests made of this model
    with cc.use_session(cc.Session()) as session:
        (ioi.logit_diff(model.ablate("L2.mlp", kind="zero", at="END")) - ioi.logit_diff(model)).values(16)
        late = session.work
        ioi.logit_diff(model.ablate("L0.attn", kind="zero")).values(16)
        early = session.work - late
    assert (late.kept, late.shortened, late.whole, late.why_whole) == (16, 16, 0, {})
    assert (late.done, late.needed) == (3 * tokens + 16, 2 * 3 * tokens)
    assert (early.kept, early.shortened, early.whole) == (0, 0, 16)
    assert early.done == early.needed == 3 * tokens
    assert early.why_whole == {"it touches nearly all layers and tokens": 16}


def test_a_pass_comes_after_those_that_it_takes_values_from(ioi, model):
    view = model.ablate("L0H1", kind="zero").patch_path("L0H2", into="L2H0.q").on("swap").patch("L1.mlp", source="clean")
    found = graph(model, ioi.metric(cc.kl_from_clean(), view), ioi.logit_diff(model.patch("L1H1.q")))
    order = [node.run for node in found]
    assert all(order.index(source) < order.index(node.run) for node in found for source in node.takes_from)
    prefix = Pass("swap", view.data.interventions[:1])
    assert {each for node in found for each in node.takes_from} == {CLEAN, ABC, prefix}


def test_what_is_kept_of_a_pass_is_what_others_take_and_metrics_read(ioi, model):
    quantity = ioi.metric(cc.attention("L1H2", query="END", key="S2"), model.patch("L0.mlp, L2H1.q"))
    clean = ioi.metric(cc.norm("L1.resid_post", at="END"), model)
    kept = {node.run: node.keeps for node in graph(model, quantity, clean)}
    assert kept[ABC] == {("mlp_out", 0), ("q", 2)}
    assert kept[CLEAN] == {("resid_post", 1)}
    assert [places for run, places in kept.items() if run.interventions] == [{("pattern", 1)}]


def reference_passes(ioi, views):
    """Of each view in a session that has measured nothing: prompts of the reference stream that were run for it."""
    found = []
    with cc.use_session(cc.Session()) as session:
        for view in views:
            before = session.forward_passes
            ioi.logit_diff(view).values(4)
            found.append(session.forward_passes - before - 4)
    return found


MEANS = ("L0H1", "L1.attn", "L0.mlp", "L1H2")


def test_means_of_heads_attention_and_mlps_are_taken_from_the_same_passes(ioi, model):
    views = [model.ablate(site, kind="mean", n=32, at="END") for site in MEANS]
    assert reference_passes(ioi, views) == [32, 0, 0, 0]
    with cc.use_session(cc.Session()):
        together = [ioi.logit_diff(view).values(4).tolist() for view in views]
    for view, expected in zip(views, together, strict=True):
        with cc.use_session(cc.Session()):
            assert ioi.logit_diff(view).values(4).tolist() == pytest.approx(expected, abs=1e-5)


def test_where_a_model_does_not_show_all_of_them_each_has_its_own(ioi, model, monkeypatch):
    """As one whose layers have no MLPs would."""
    honest = means.activations

    def without_mlps(inner, tokens, wanted):
        if any(kind == "mlp_out" for kind, _ in wanted):
            raise SiteNotReached("no MLP here")
        return honest(inner, tokens, wanted)

    monkeypatch.setattr(means, "activations", without_mlps)
    views = [model.ablate(site, kind="mean", n=32, at="END") for site in ("L0H1", "L1.attn")]
    assert reference_passes(ioi, views) == [32, 32]
