"""Reading, patching, steering and knocking out, against a forward pass written out by hand for each family of models.

The reference (`sites_reference.py` and what it imports) was written from a specification by someone who had not seen
circuitcheck, on the parameters of plain `transformers` modules.
"""

from itertools import product

import numpy as np
import pytest
import torch
from sites_bench import OF_HEADS, PLACES, RESIDUAL, N, patched, replacing
from sites_reference import Write

import circuitcheck as cc
from circuitcheck.errors import UnknownSite


@pytest.fixture(autouse=True)
def fresh_session(bench):
    """The models of this module outlive a test."""


def test_blocks_with_parallel_layers_have_no_stream_in_between(bench):
    if bench.plain.parallel:
        with pytest.raises(UnknownSite, match="side by side"):
            bench.model.patch("L1.resid_mid", source="abc")


@pytest.mark.sampled(1)
def test_a_patch_of_a_layer_s_site_is_that_site_of_the_other_run(bench):
    kinds = [kind for kind in (*RESIDUAL, *OF_HEADS) if kind != "resid_mid" or not bench.plain.parallel]
    patches = {
        f"L1.{kind} at {place}": (
            bench.model.patch(f"L1.{kind}", source="abc", at=at, allow_vacuous=at is not None),
            patched(bench, kind, 1, None, at),
        )
        for kind, (place, at) in product(kinds, PLACES.items())
    }
    found = bench.same_all(patches)
    clean = bench.task.logit_diff(bench.model).values(N)
    assert not [name for name, values in found.items() if name.endswith("all") and np.abs(values - clean).max() < 1e-4]


@pytest.mark.sampled(2)
def test_a_patch_of_one_head_leaves_the_others_alone(bench):
    chosen = {kind: 1 if kind in "kv" else 3 for kind in OF_HEADS}
    bench.same_all(
        {
            kind: (bench.model.patch(f"L1H{head}.{kind}", source="abc"), patched(bench, kind, 1, head, None))
            for kind, head in chosen.items()
        }
    )


@pytest.mark.sampled(3)
def test_every_kind_of_site_can_be_set_to_zero_or_resampled_from_a_counterfactual(bench):
    kinds = [kind for kind in (*RESIDUAL, *OF_HEADS) if kind != "resid_mid" or not bench.plain.parallel]
    cases = {
        f"{kind} {at}": (
            bench.model.ablate(f"L1.{kind}", kind="counterfactual", source="abc", at=at, allow_vacuous=at is not None),
            patched(bench, kind, 1, None, at),
        )
        for kind, at in product(kinds, [None, ["S2", "END"]])
    }
    for kind in kinds:
        if kind != "scores":
            cases[f"zero {kind}"] = (bench.model.ablate(f"L1.{kind}", kind="zero", at="END"), zeroed(bench, kind, 1, None))
    for kind in ("q", "k", "v"):
        cases[f"zero one {kind}"] = (bench.model.ablate(f"L1H1.{kind}", kind="zero", at="END"), zeroed(bench, kind, 1, 1))
    bench.same_all(cases)


def zeroed(bench, kind, layer, head):
    return lambda prompt: [Write(*place, replacing([prompt.end], 0.0)) for place in bench.places(kind, layer, head)]


@pytest.mark.sampled(2)
def test_the_embedding_and_the_first_stream_of_another_prompt_are_that_prompt(bench):
    other = bench.logit_diffs(lambda _: [], run="abc")
    for site in ("embed", "L0.resid_pre"):
        found = bench.task.logit_diff(bench.model.patch(site, source="abc")).values(N)
        np.testing.assert_allclose(found, other, rtol=0, atol=bench.tolerance)


@pytest.mark.sampled(3)
def test_denoising_writes_clean_values_into_the_counterfactual_run(bench):
    places = {"L2H1": ("z", 2, 1), "L1.resid_post": ("resid_post", 1, None), "L2H0.pattern": ("pattern", 2, 0)}
    for words, (kind, layer, head) in places.items():
        view = bench.model.on("abc").patch(words, source="clean", at=["END"])
        bench.same(view, patched(bench, kind, layer, head, ["END"], source="clean"), run="abc")


@pytest.mark.sampled(2)
def test_patches_compose(bench):
    view = (
        bench.model.patch("L0H1.v", source="abc").patch("L1.attn", source="swap", at=["END"]).patch("L2H2.q", source="abc")
    )

    def writes_of(prompt):
        return [
            *patched(bench, "v", 0, 1, None)(prompt),
            *patched(bench, "attn_out", 1, None, ["END"], source="swap")(prompt),
            *patched(bench, "q", 2, 2, None)(prompt),
        ]

    bench.same(view, writes_of)


@pytest.mark.sampled(2)
def test_neurons_are_patched_one_by_one(bench):
    def writes_of(prompt):
        new = bench.plain.read(bench.tokens(prompt, "abc"), "neurons", 1)

        def write(old):
            value = old.clone()
            value[..., [3, 4, 5, 11]] = new[..., [3, 4, 5, 11]]
            return value

        return [Write("neurons", 1, None, write)]

    bench.same(bench.model.patch("L1.mlp[3-5], L1.mlp[11]", source="abc"), writes_of)


def test_neurons_are_ablated_one_by_one(bench):
    def writes_of(prompt):
        def write(old):
            value = old.clone()
            value[:, prompt.end, 3:6] = 0
            return value

        return [Write("neurons", 1, None, write)]

    bench.same(bench.model.ablate("L1.mlp[3-5]", kind="zero", at="END"), writes_of)


def test_knocked_out_keys_get_no_attention_and_the_others_get_it_in_proportion(bench):
    view = bench.model.knock_out_attention("L1H0, L1H2", query="END, END-1", key="S2")

    def writes_of(prompt):
        key = prompt.positions["S2"][-1]

        def write(old):
            value = old.clone()
            shares = value[:, [prompt.end, prompt.end - 1]]
            shares[..., key] = 0
            value[:, [prompt.end, prompt.end - 1]] = shares / shares.sum(-1, keepdim=True)
            return value

        return [Write("pattern", 1, head, write) for head in (0, 2)]

    bench.same(view, writes_of)


def changing_at_end(site, vectors, change):
    """Writes of `change(value at END, vector)` in the layers that have a vector."""

    def writes_of(prompt):
        def write(old, vector):
            value = old.clone()
            value[:, prompt.end] = change(old[:, prompt.end].double(), vector).to(old)
            return value

        return [Write(site, layer, None, lambda old, v=vector: write(old, v)) for layer, vector in vectors.items()]

    return writes_of


@pytest.mark.parametrize("site", ["resid_post", "resid_pre"])
@pytest.mark.sampled(1)
def test_directions_are_mean_differences_and_land_where_they_are_told(bench, site):
    direction = cc.mean_difference(bench.task, bench.model, site, at="IO", minus="S1", layers="L0-1", n=8)
    discovered = bench.task.prompts(8, model=bench.model, stream="discovery")
    differences = {0: [], 1: []}
    for prompt in discovered:
        values = bench.plain.read_all(bench.tokens(prompt))
        for layer, found in differences.items():
            value = values[site, layer, None][0].double()
            found.append(value[prompt.positions["IO"][-1]] - value[prompt.positions["S1"][-1]])
    vectors = {layer: torch.stack(found).mean(0) for layer, found in differences.items()}
    by_hand = {
        "add": lambda here, vector: here + 1.5 * vector,
        "subtract": lambda here, vector: here - 1.5 * vector,
        "project_out": lambda here, vector: here - (here @ vector)[:, None] * vector / (vector @ vector),
    }
    for mode, change in by_hand.items():
        view = getattr(bench.model, mode)(direction, at="END", **({} if mode == "project_out" else {"scale": 1.5}))
        bench.same(view, changing_at_end(site, vectors, change))


@pytest.mark.sampled(1)
def test_metrics_of_sites_read_what_is_there(bench):
    task, model = bench.task, bench.model
    view = model.ablate("L0.attn", kind="zero", at="END")
    asked = {
        "attention": cc.attention("L1H3", query="END", key="IO"),
        "norm": cc.norm("L1.resid_post", at="S2"),
        "head norm": cc.norm("L1H2.z", at="END"),
        "neuron": cc.activation("L1.mlp[7]", at="END"),
    }
    for shown in (model, view):
        found = {name: task.metric(metric, shown).values(N) for name, metric in asked.items()}
        for row, prompt in enumerate(bench.prompts):
            io, s2 = prompt.positions["IO"][-1], prompt.positions["S2"][-1]
            silence = [Write("attn_out", 0, None, replacing([prompt.end], 0.0))] if shown is view else []
            seen = bench.plain.read_all(bench.tokens(prompt), silence)
            expected = {
                "attention": seen["pattern", 1, 3][0, prompt.end, io],
                "norm": seen["resid_post", 1, None][0, s2].norm(),
                "head norm": seen["z", 1, 2][0, prompt.end].norm(),
                "neuron": seen["neurons", 1, None][0, prompt.end, 7],
            }
            for name, value in expected.items():
                assert found[name][row] == pytest.approx(float(value), abs=bench.tolerance), name


@pytest.mark.sampled(2)
def test_rank_and_divergence_from_the_clean_run(bench):
    view = bench.model.ablate("L1.attn", kind="zero", at="END")
    ranks, divergences = (bench.task.metric(metric, view).values(N) for metric in (cc.rank(), cc.kl_from_clean()))
    for row, prompt in enumerate(bench.prompts):
        writes = [Write("attn_out", 1, None, replacing([prompt.end], 0.0))]
        clean, now = (bench.plain.logits(bench.tokens(prompt), w)[0, prompt.end].double() for w in ([], writes))
        assert ranks[row] == 1 + int((now > now[prompt.answer_id]).sum())
        expected = torch.nn.functional.kl_div(now.log_softmax(-1), clean.log_softmax(-1), log_target=True, reduction="sum")
        assert divergences[row] == pytest.approx(float(expected), abs=bench.tolerance)
    assert (bench.task.metric(cc.kl_from_clean(), bench.model).values(N) == 0).all()
