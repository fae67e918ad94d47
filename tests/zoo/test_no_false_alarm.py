"""Legitimate interventions of every kind: none of the checks that catch the others may stand in their way."""

import json
from itertools import product

import numpy as np
import pytest
import torch
from small_tasks import small_ioi
from tiny import save_tiny_llama

import circuitcheck as cc
from circuitcheck.places import SITE_KINDS
from circuitcheck.prompts import PromptStream

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

N = 8
IOI = small_ioi()
KINDS = [kind.name for kind in SITE_KINDS.values()]


@pytest.fixture(scope="module")
def session():
    with cc.use_session(cc.Session(cc.Settings(batch=N))) as current:
        yield current


@pytest.fixture(autouse=True)
def fresh_session(session):
    """Models are loaded once for all tests of this file."""


def hooks_on(model):
    """How many of the library's hooks, and of torch's own, are anywhere on a model."""
    points = sum(len(point.fwd_hooks) + len(point.bwd_hooks) for point in model.hook_dict.values())
    roots = (model, getattr(model, "original_model", model))
    modules = {id(each): each for root in roots for each in root.modules()}
    return points, sum(len(each._forward_hooks) + len(each._forward_pre_hooks) for each in modules.values())


def inside(model):
    return cc.current_session().engine._pool.get(model.card.ref, "auto").model


def check(view, task=IOI, n=N):
    """Measures a view: finite numbers, every prompt changed by every intervention, nothing left behind."""
    session, model = cc.current_session(), inside(view)
    before = hooks_on(model)
    found = session.measure(PromptStream(task.definition, "test", 0), task.logit_diff(view).cells, range(n))
    assert np.isfinite(found.values).all()
    assert len(found.receipts) == len(view.data.interventions) > 0
    assert [(each.prompts, each.changed) for each in found.receipts] == [(n, n)] * len(found.receipts)
    assert hooks_on(model) == before
    assert before[0] == 0
    return found.values[0]


def direction(model, site="resid_post", **more):
    return cc.mean_difference(IOI, model, site, at="IO", minus="S1", n=16, **more)


SITES_OF_HEADS = ("z", "result", "q", "k", "v", "scores", "pattern")

ABLATIONS = {
    "zero, a head at END": lambda m: m.ablate("L0H1", kind="zero", at="END"),
    "zero, heads of two layers everywhere": lambda m: m.ablate("L0H1, L1H0-2", kind="zero"),
    "zero, an attention layer": lambda m: m.ablate("L1.attn", kind="zero", at="END"),
    "zero, MLPs": lambda m: m.ablate("L0-1.mlp", kind="zero"),
    "zero, neurons": lambda m: m.ablate("L0.mlp[3-17]", kind="zero", at="S2"),
    "zero, heads, layers and neurons at once": lambda m: m.ablate("L0H1, L1.attn, L0.mlp, L1.mlp[3]", kind="zero"),
    "zero, everything": lambda m: m.ablate("L0-1.attn, L0-1.mlp", kind="zero"),
    "mean, a head": lambda m: m.ablate("L0H1", kind="mean", n=16),
    "mean, few prompts": lambda m: m.ablate("L0H1, L1.mlp", kind="mean", n=4, at="END"),
    "mean, neurons": lambda m: m.ablate("L1.mlp[3-17]", kind="mean", n=16),
    "counterfactual": lambda m: m.ablate("L0H1", kind="counterfactual", at="S2"),
    "counterfactual, by name": lambda m: m.ablate("L0H1, L1.attn", kind="counterfactual", source="swap"),
    "resample": lambda m: m.ablate("L0H1, L1.mlp", kind="resample"),
    "resample, few prompts": lambda m: m.ablate("L0H1", kind="resample", n=16, at="END"),
    "resample, same object": lambda m: m.ablate("L0H1", kind="resample", matching="object", at="END"),
}
PLACES = ("END", "END-1", "S2+1", "IO, S1, S2, END", "S2[:]", "IO[:], END", ["S1", "END-2"], "S1, S1[:], S1+0", None)


def ablated_at(at):
    return lambda m: m.ablate("L0H2", kind="zero", at=at)


def added_to(site):
    return lambda m: m.add(direction(m, site), at="END")


POSITIONS = {f"at {at}": ablated_at(at) for at in PLACES}
STREAMS = ("embed", "resid_pre", "resid_mid", "attn_out", "mlp_out", "mlp_in")
DIRECTIONS = {
    "add at one layer": lambda m: m.add(direction(m), at="END", layers="L0"),
    "add at all layers": lambda m: m.add(direction(m), at="END"),
    "add everywhere": lambda m: m.add(direction(m), layers="L1"),
    "a small dose": lambda m: m.add(direction(m), at="S2", layers="L0", scale=0.05),
    "a negative dose": lambda m: m.add(direction(m), at="S2", layers="L0", scale=-2),
    "subtract": lambda m: m.subtract(direction(m), at="IO, S1", layers="L0-1"),
    "project out": lambda m: m.project_out(direction(m), at="S2"),
    "a random direction": lambda m: m.add(cc.random_direction(direction(m), seed=3), at="END"),
    "projecting out a random direction": lambda m: m.project_out(cc.random_direction(direction(m)), layers=[0]),
    **{f"add to {site}": added_to(site) for site in STREAMS},
    "of the reference stream": lambda m: m.add(direction(m, stream="reference"), at="END"),
}
PATHS = {
    "a knock-out of one pair": lambda m: m.knock_out_attention("L0H1", query="END", key="S2"),
    "a knock-out of a layer": lambda m: m.knock_out_attention("L1.attn", query="END, END-1", key="IO, S1"),
    "a knock-out with pairs that are masked": lambda m: m.knock_out_attention("L0H1, L1H0", query="S1, END", key="IO, S2"),
    "a path into a query": lambda m: m.patch_path("L0H1", into="L1H0.q", source="abc", at="END"),
    "a path into an MLP of its own layer": lambda m: m.patch_path("L0H1", into="L0.mlp", source="abc", sender_at="S2"),
    "a path into all keys and values": lambda m: m.patch_path("L0H0-3, L0.mlp", into="L1.k, L1.v", source="swap"),
    "a path into the logits": lambda m: m.patch_path("L0H1, L1.mlp", into="logits", source="abc", at="END"),
    "a path in the counterfactual": lambda m: m.on("abc").patch_path("L0.mlp", into="L1H0.q", source="clean", at="S2"),
}
CIRCUIT = {"END": "L1H0, L1H3", "S2": cc.heads("L0H1-2")}
CIRCUITS = {
    "a circuit": lambda m: m.ablate(cc.circuit(CIRCUIT), kind="mean", n=16),
    "its complement": lambda m: m.ablate(~cc.circuit(CIRCUIT), kind="mean", n=16),
    "all heads but two": lambda m: m.ablate(~cc.heads("L0H1, L1H0"), kind="zero", at="END"),
    "a difference of sets": lambda m: m.ablate(cc.heads() - cc.heads("L0H1"), kind="counterfactual"),
    "a set of layers": lambda m: m.ablate(cc.layers("L0.attn, L1.mlp"), kind="zero"),
    "a set of neurons": lambda m: m.ablate(cc.neurons("L0.mlp[0-7]"), kind="zero", at="END"),
}
COMPOSED = {
    "at one site": lambda m: m.ablate("L0H1", kind="zero", at="END").ablate("L0H1", kind="mean", n=16, at="END"),
    "a head in an ablated layer": lambda m: m.ablate("L0.attn", kind="zero").ablate("L0H1", kind="zero"),
    "z and result of one head": lambda m: m.patch("L0H1.z", source="abc").patch("L0H1.result", source="swap", at="S2"),
    "the whole stream of one layer": lambda m: (
        m.patch("L0.resid_pre", source="abc", at="S2")
        .patch("L0.resid_mid", source="swap", at="S2")
        .patch("L0.resid_post", source="abc", at="S2")
    ),
    "a patch and a steer at one site": lambda m: m.patch("L1.resid_post", source="abc", at="END").add(
        direction(m), at="END", layers="L1"
    ),
    "steering to and fro": lambda m: m.add(direction(m), at="END", layers="L1").subtract(
        direction(m), at="END", layers="L1", scale=2
    ),
    "a knock-out and a patch of scores": lambda m: m.patch("L1H0.scores", source="abc", at="END").knock_out_attention(
        "L1H0", query="END", key="S2"
    ),
    "a path in an ablated model": lambda m: m.ablate("L0H2", kind="zero").patch_path(
        "L0H1", into="L1H0.q", source="abc", at="S2"
    ),
    "denoising step by step": lambda m: m.on("abc").patch("L0H1", source="clean").patch("L1.mlp", source="clean", at="END"),
    "five kinds": lambda m: (
        m.ablate("L0H1", kind="mean", n=16)
        .patch("L0.resid_mid", source="abc", at="S2")
        .knock_out_attention("L1H0", query="END", key="IO")
        .add(direction(m), at="END", layers="L1")
        .ablate("L1.mlp[3-9]", kind="resample")
    ),
}
EVERYTHING = {**ABLATIONS, **POSITIONS, **DIRECTIONS, **PATHS, **CIRCUITS, **COMPOSED}


@pytest.fixture(scope="module")
def gpt2(session, tiny_gpt2):
    return cc.load(str(tiny_gpt2))


@pytest.fixture(scope="module")
def llama(session, tiny_llama):
    return cc.load(str(tiny_llama))


@pytest.mark.parametrize("case", EVERYTHING)
@pytest.mark.sampled(10)
def test_on_gpt2(gpt2, case):
    assert (check(EVERYTHING[case](gpt2)) != IOI.logit_diff(gpt2).values(N)).any()


@pytest.mark.sampled(10)
@pytest.mark.parametrize("case", [*EVERYTHING][::2])
def test_on_llama_with_grouped_heads(llama, case):
    assert (check(EVERYTHING[case](llama)) != IOI.logit_diff(llama).values(N)).any()


def patches(kind, model):
    heads = model.architecture.n_key_value_heads if kind in "kv" else model.architecture.n_heads
    head = f"L0H{heads - 1}"
    one = "embed" if kind == "embed" else f"{head}.{kind}" if kind in SITES_OF_HEADS else f"L0.{kind}"
    yield model.patch(one, source="abc", at="S2")
    yield model.patch(one, source="swap")
    yield model.on("abc").patch(one, source="clean", at="S1, S2")
    if kind in SITES_OF_HEADS:
        yield model.patch(f"L0.{kind}", source="abc", at="S2")


@pytest.mark.parametrize(
    "family, kind",
    [*product(["gpt2"], KINDS), *product(["llama"], ["resid_mid", *SITES_OF_HEADS])],
)
@pytest.mark.sampled(4)
def test_patches_of_every_kind_of_site_both_ways(request, family, kind):
    for view in patches(kind, request.getfixturevalue(family)):
        check(view)


SOME = (
    "zero, heads, layers and neurons at once",
    "mean, few prompts",
    "resample",
    "counterfactual, by name",
    "add at all layers",
    "a small dose",
    "project out",
    "add to resid_mid",
    "a knock-out of a layer",
    "a path into all keys and values",
    "its complement",
    "z and result of one head",
    "five kinds",
)


@pytest.mark.parametrize("case", SOME)
@pytest.mark.parametrize("family, dtype", [("tiny_gpt2", "bfloat16"), ("tiny_llama", "float64")])
@pytest.mark.sampled(5)
def test_in_other_dtypes(request, family, dtype, case):
    model = cc.load(str(request.getfixturevalue(family)), dtype=dtype)
    check(EVERYTHING[case](model))


@pytest.mark.sampled(5)
@pytest.mark.parametrize("kind", KINDS)
def test_patches_in_bfloat16(tiny_gpt2, kind):
    check(next(patches(kind, cc.load(str(tiny_gpt2), dtype="bfloat16"))))


def check_some(model):
    for case in SOME[::3]:
        check(EVERYTHING[case](model))


def test_on_a_folded_model(tiny_gpt2):
    check_some(cc.load(f"{tiny_gpt2}+folded"))


def test_on_a_bridge_of_the_user_s_that_was_in_training(bridge):
    bridge.train()
    bridge.requires_grad_(True)
    with torch.enable_grad():
        check_some(cc.load(bridge))


def test_in_float16(tiny_gpt2):
    check_some(cc.load(str(tiny_gpt2), dtype="float16"))


def test_on_a_hooked_transformer(hooked_transformer):
    model = cc.load(hooked_transformer)
    for view in (
        model.ablate("L0H1, L1.mlp", kind="zero", at="END"),
        model.ablate("L0H1", kind="mean", n=16),
        model.patch("L0.resid_mid, L1H2.q", source="abc", at="S2"),
        model.patch("L1H2.result", source="abc"),
        model.knock_out_attention("L1H2", query="END", key="S2"),
        model.add(direction(model), at="END"),
        model.patch_path("L0H1, L0.mlp", into="L1H2.q", source="abc"),
    ):
        check(view)


@pytest.mark.parametrize("case", ["zero, a head at END", "add at all layers", "five kinds"])
def test_inside_the_user_s_inference_mode(tiny_gpt2, case):
    with cc.use_session(cc.Session(cc.Settings(batch=N))):
        model = cc.load(str(tiny_gpt2))
        with torch.inference_mode():
            check(EVERYTHING[case](model))


def test_a_model_that_was_loaded_in_inference_mode(tiny_gpt2):
    with cc.use_session(cc.Session(cc.Settings(batch=N))):
        with torch.inference_mode():
            model = cc.load(str(tiny_gpt2))
        check(model.ablate("L0H1", kind="zero", at="END"))


def test_on_rotary_frequencies_that_depend_on_the_length(tmp_path):
    """As of Phi-3: prompts beyond the first training length are read with other frequencies, which its buffers then hold."""
    folder = save_tiny_llama(tmp_path / "long")
    config = json.loads((folder / "config.json").read_text())
    rope = {"rope_type": "longrope", "rope_theta": 10000.0, "short_factor": [1.0] * 4, "long_factor": [2.0] * 4}
    config["rope_parameters"] = {**rope, "original_max_position_embeddings": 16}
    (folder / "config.json").write_text(json.dumps(config))
    check(EVERYTHING["zero, a head at END"](cc.load(str(folder))))


def test_on_the_whole_of_a_builtin_task(gpt2):
    check(EVERYTHING["zero, a head at END"](gpt2).patch("L1.resid_mid", source="abc", at="S2"), task=cc.tasks.ioi())


def test_on_answers_of_several_tokens(gpt2):
    task = cc.Task.define(
        "long",
        templates={"met": "Then {A} met {B} and", "saw": "Then {B} saw {A} and"},
        pools={"name": ["Mary", "John", "Tom", "James", "Sarah", "David"]},
        draw={"a": "name", "b": "name", "other": "name"},
        derive={
            "full": (
                "a",
                {each: f"{each} and a park" for each in ("Mary", "John", "Tom", "James", "Sarah", "David")},
            )
        },
        slots={"A": "a", "B": "b"},
        answer="full",
        distractor=None,
        answer_tokens=None,
        counterfactuals={"abc": {"A": "other"}},
    )
    for view in (
        gpt2.ablate("L0H1", kind="zero"),
        gpt2.patch("L1.resid_mid", source="abc", at="A"),
        gpt2.ablate("L0H1", kind="mean", n=16, at="A, END"),
        gpt2.ablate("L0H1, L1.mlp", kind="resample", n=16, at="B"),
        gpt2.knock_out_attention("L1H0", query="END", key="A"),
    ):
        found = cc.current_session().measure(PromptStream(task.definition, "test", 0), task.log_prob(view).cells, range(N))
        assert np.isfinite(found.values).all()
        assert [(each.prompts, each.changed) for each in found.receipts] == [(N, N)]


def test_on_running_text(gpt2, tmp_path):
    words = [name for pool in IOI.definition.pools for name in pool.items]
    texts = [" ".join(words[(i * k + k) % len(words)] for k in range(1, 12)) for i in range(200)]
    (tmp_path / "text.txt").write_text("\n\n".join(texts))
    task = cc.corpus(tmp_path / "text.txt", context=12)
    for view in (
        gpt2.ablate("L0H1, L1.mlp", kind="zero"),
        gpt2.ablate("L0H1", kind="mean", n=16),
        gpt2.ablate("L0H1", kind="resample", n=16),
    ):
        found = cc.current_session().measure(PromptStream(task.definition, task.stream, 0), task.loss(view).cells, range(N))
        assert np.isfinite(found.values).all()
        assert [(each.prompts, each.changed) for each in found.receipts] == [(N, N)]


def test_metrics_that_look_at_sites_beside_an_intervention(gpt2):
    view = gpt2.ablate("L0H1", kind="zero", at="END").add(direction(gpt2), at="END", layers="L0")
    metrics = (
        cc.attention("L1H0", query="END", key="S2"),
        cc.norm("L0H1.z", at="END"),
        cc.norm("L1.resid_mid", at="S2"),
        cc.activation("L1.mlp[3]", at="END"),
        cc.kl_from_clean(),
    )
    for metric in metrics:
        assert np.isfinite(IOI.metric(metric, view).values(N)).all()
    assert (IOI.metric(metrics[1], view).values(N) == 0).all()
    assert hooks_on(inside(gpt2))[0] == 0


def test_what_everything_above_leaves_is_the_model_as_it_was(gpt2, tiny_gpt2):
    clean = IOI.logit_diff(gpt2).values(N)
    check(EVERYTHING["five kinds"](gpt2))
    cc.current_session().engine.verify(gpt2.ref)
    with cc.use_session(cc.Session(cc.Settings(batch=N))):
        np.testing.assert_array_equal(IOI.logit_diff(cc.load(str(tiny_gpt2))).values(N), clean)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_the_doctor_finds_nothing_failed_and_leaves_nothing_behind(request, family):
    model = request.getfixturevalue(family)
    before = hooks_on(inside(model))
    found = cc.current_session().engine.examine(model.ref)
    assert [(each.subject, each.check, each.describe()) for each in found.failed] == []
    assert [each.subject for each in found.findings if each.status == "refused"] == []
    passed = {each.subject for each in found.findings if each.status == "passed"}
    assert passed >= {*KINDS, "model", "text"}
    assert hooks_on(inside(model)) == before
