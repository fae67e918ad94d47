"""What parts of a run write to the logits: they add up, and what would not add up is refused.

How it could be fooled: parts counted twice; a part whose output the view has replaced since; the biases shared out; a fold
of the norms, or of the value biases, that moves a number; a task without distractors; another position's norm. (Each part's
number is held against sums by hand in tests/reference/test_attribution_reference.py.)"""

import json
from dataclasses import replace
from shutil import copytree

import numpy as np
import pytest
import torch
from tiny import processed_hooked_transformers
from tiny_architectures import SETTINGS, save_architecture
from tiny_dictionaries import random_dictionary

import circuitcheck as cc
from circuitcheck.engine.torch.readouts import unembedded
from circuitcheck.errors import BadMetric, UnknownPosition, UnknownSite, UnknownUnit
from circuitcheck.plan import Attribution
from circuitcheck.quantities import attribution as naming

N = 6
WHOLE = "embed, pos_embed, L0-2.attn, L0-2.mlp, b_U"


def parts_of_layers(layers):
    return f"embed, pos_embed, L0-{layers - 1}.z, L0-{layers - 1}.mlp, bias"


@pytest.mark.sampled(5)
@pytest.mark.parametrize("whole", [WHOLE, parts_of_layers(3), "L2.resid_pre, L2.attn, L2.mlp, b_U", "L2.resid_post, b_U"])
@pytest.mark.parametrize("of", ["clean", "abc", "ablated"])
def test_the_parts_of_a_run_add_up_to_its_own_logits(model, ioi, whole, of):
    views = {"clean": model, "abc": model.on("abc"), "ablated": model.ablate("L1H2, L0.mlp", kind="mean", at="END")}
    expected = ioi.logit_diff(views[of]).values(N)
    np.testing.assert_allclose(ioi.attribution(views[of], whole).values(N), expected, atol=1e-6)
    assert of == "clean" or np.abs(expected - ioi.logit_diff(model).values(N)).max() > 1e-3


def test_neurons_and_their_bias_are_the_mlp(model, ioi):
    found = ioi.attribution(model, "L1.mlp[0-127], L1.b_out").values(N)
    np.testing.assert_allclose(found, ioi.attribution(model, "L1.mlp").values(N), atol=1e-6)


def test_a_stream_is_all_that_was_added_so_far(model, ioi):
    below = ioi.attribution(model, "embed, pos_embed, L0.attn, L0.mlp").values(N)
    for same in ("L0.resid_post", "L1.resid_pre", "L0.resid_mid, L0.mlp"):
        np.testing.assert_allclose(ioi.attribution(model, same).values(N), below, atol=1e-6)


def test_the_last_stream_s_lens_is_the_model_s_answer_and_an_early_one_is_not(model, ioi):
    answer = ioi.logit_diff(model).values(N)
    np.testing.assert_allclose(ioi.lens(model, "L2.resid_post").values(N), answer, atol=1e-6)
    assert np.abs(ioi.lens(model, "L0.resid_post").values(N) - answer).max() > 1e-3


def test_toward_one_token_and_at_another_place_it_is_the_logit_there(model, ioi):
    prompts = ioi.prompts(N, model=model)
    cut = [model.tokenizer.decode(each.tokens[: each.positions["S2"][-1] + 1]) for each in prompts]
    for token in (" Mary", model.tokenizer.encode(" Mary").ids[-1]):
        found = ioi.attribution(model, WHOLE, toward=token, at="S2").values(N)
        logits = np.array([float(model.logits(text)[0, model.tokenizer.encode(" Mary").ids[-1]]) for text in cut])
        np.testing.assert_allclose(found, logits, atol=1e-5)
        np.testing.assert_allclose(ioi.lens(model, "L2.resid_post", toward=token, at="S2").values(N), logits, atol=1e-5)


def test_a_task_without_distractors_has_the_answer_s_logit(model, tmp_path):
    rows = [{"text": f"Then {name} met", "answer": f" {name}"} for name in ("Mary", "John", "Tom", "James")]
    file = tmp_path / "answers.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    task = cc.Task.from_records(file, population=True).on_stream("test")
    with pytest.raises(BadMetric, match="has none: say toward='answer'"):
        task.attribution(model, "L1H1")
    logits = model.logits(task.prompts(4, model=model))
    expected = [float(row[each.answer_id]) for row, each in zip(logits, task.prompts(4, model=model), strict=True)]
    np.testing.assert_allclose(task.attribution(model, WHOLE, toward="answer").values(4), expected, atol=1e-5)


def test_shortened_passes_give_the_same(model, ioi):
    """Many views in one plan: of a single one no pass is worth shortening."""

    def values(of):
        views = [of.ablate(f"L2H{head}", kind="zero", at="END") for head in range(4)]
        parts = [ioi.attribution(view, "L2H2, L2H0") for view in views] + [ioi.lens(view, "L2.resid_mid") for view in views]
        parts += [ioi.attribution(view, "L2.mlp, b_U", at="END-1") for view in views]
        parts += [ioi.attribution(view, "L2H0", key="S2") for view in views[1:]]
        return sum(parts).draw(range(N))

    found = values(model)
    with cc.use_session(cc.Session(cc.Settings(fast="off"))):
        whole = values(cc.load(model.ref.spec))
    np.testing.assert_allclose(found, whole, atol=1e-6)


@pytest.mark.parametrize(
    "words, error, said",
    [
        ("L1H1.q", BadMetric, "L1H1.q has no direct path.*patch_path"),
        ("L1.attn, bias", BadMetric, "L1.b_O is a part of L1.attn_out.*Say b_U instead of bias"),
        ("L1H1, L1.attn", BadMetric, "L1H1.z is a part of L1.attn_out"),
        ("L1.mlp[3], L1.mlp", BadMetric, "is a part of L1.mlp_out"),
        ("embed, L0.resid_pre", BadMetric, "embed is a part of L0.resid_pre"),
        ("L1H1, L1H1", UnknownSite, "named more than once"),
        ("bias, b_U", UnknownSite, "b_U named more than once"),
        ("L1H1.result, L1H1", UnknownSite, "L1H1.z named more than once"),
        ("L7.b_O", UnknownSite, "does not exist"),
        ("L7H1", UnknownUnit, "does not exist"),
        ("", UnknownSite, "no sites"),
    ],
)
def test_parts_that_mean_nothing_together_are_refused(model, ioi, words, error, said):
    with pytest.raises(error, match=said):
        ioi.attribution(model, words)


@pytest.mark.parametrize("toward", ["distractor", " Mary John", -1, 1.5, None])
def test_what_is_no_logit_is_refused(model, ioi, toward):
    with pytest.raises(BadMetric, match=r"expected 'answer-distractor', 'answer', or one token"):
        ioi.attribution(model, "L1H1", toward=toward)


def test_places_that_are_no_place_are_refused(model, ioi):
    with pytest.raises(BadMetric, match="several tokens"):
        ioi.attribution(model, "L1H1", at="S1[:]")
    with pytest.raises(UnknownPosition):
        ioi.lens(model, "L1.resid_pre", at="S9")
    for site in ("L1H1", "L1.mlp_in", "L0-1.resid_pre"):
        with pytest.raises(BadMetric, match="expected one residual stream"):
            ioi.lens(model, site)
    with pytest.raises(BadMetric, match="999999 is no token"):
        ioi.lens(model, "L1.resid_pre", toward=999999).values(2)


def test_a_view_that_writes_to_the_stream_later_is_refused(model, ioi, monkeypatch):
    for view in (model.patch("L0.resid_mid", source="abc", at="END"), model.patch("L1.resid_pre", source="abc", at="END")):
        with pytest.raises(BadMetric, match=r"writes to the stream after L0H1\.z"):
            ioi.attribution(view, "L2.mlp, L0H1")
        assert ioi.attribution(view, "L1H1").values(2).any()
    monkeypatch.setattr(naming, "_check_reaches", lambda parts, view: None)
    with pytest.raises(BadMetric, match="what every later layer adds is not the last stream"):  # the run says it, too
        ioi.attribution(view, "embed").values(2)


def test_heads_and_neurons_of_a_layer_that_is_replaced_are_refused(model, ioi):
    view = model.ablate("L1.attn, L1.mlp", kind="mean", at="END")
    for part in ("L1H1", "L1.b_O", "L1.mlp[3]"):
        with pytest.raises(BadMetric, match="do not add up to what L1"):
            ioi.attribution(view, part).values(2)
    assert ioi.attribution(view, "L1.attn, L1.mlp").values(2).any()


def test_what_a_head_brings_from_somewhere_is_of_heads_and_of_tokens_that_come_before(model, ioi):
    with pytest.raises(BadMetric, match=r"heads bring something from other tokens, and L1.mlp_out does not"):
        ioi.attribution(model, "L1H1, L1.mlp", key="IO")
    with pytest.raises(UnknownPosition):
        ioi.attribution(model, "L1H1", key="S9")
    with pytest.raises(BadMetric, match="nothing is brought from a token that comes later"):
        ioi.attribution(model, "L1H1", at="S1", key="END").values(2)
    view = model.ablate("L1H2", kind="zero", at="END")
    with pytest.raises(BadMetric, match="the view writes to z"):  # its attention and values are what they were
        ioi.attribution(view, "L1H2", key="IO").values(2)
    unseen = model.knock_out_attention("L1H1", query="END", key="IO")
    assert not ioi.attribution(unseen, "L1H1", key="IO").values(N).any()


def test_from_all_tokens_a_head_brings_what_it_writes(model, ioi):
    (prompt,) = ioi.prompts(1, model=model)
    keys = [f"START+{n}" for n in range(len(prompt.tokens))]
    whole, parts = ioi.attribution(model, "L0.z, L2.z"), [ioi.attribution(model, "L0.z, L2.z", key=key) for key in keys]
    np.testing.assert_allclose(sum(each.values(1) for each in parts), whole.values(1), atol=1e-6)
    assert len({each.cells[0].metric.digest for each in (whole, *parts)}) == len(keys) + 1


@pytest.mark.parametrize("site", ["L1H1.q", "L1.k", "L1.mlp_in"])
def test_features_that_have_no_direct_path_have_no_contribution(model, ioi, site):
    width = {"L1H1.q": 8}.get(site, 32)
    with pytest.raises(BadMetric, match=r"has no direct path to the logits.*model\.remove"):
        ioi.attribution(model, random_dictionary(site, width)[3])


def test_features_are_read_in_the_view_s_own_run_and_stand_alone(model, ioi):
    q = random_dictionary("L1.mlp_out", 32)
    with pytest.raises(UnknownUnit, match="are features of a dictionary"):
        ioi.attribution(model, [q[3], "L1H1"])
    with pytest.raises(BadMetric, match=r"does not\. Leave key= out"):
        ioi.attribution(model, q[3], key="IO")
    view = model.patch("L1.resid_mid", source="abc", at="END")
    clean, patched = (ioi.attribution(each, q[0:8]).values(N) for each in (model, view))
    assert np.abs(clean - patched).max() > 1e-4
    with pytest.raises(BadMetric, match="writes to the stream after"):
        ioi.attribution(model.patch("L2.resid_pre", source="abc", at="END"), q[3])


def test_a_run_whose_logits_are_something_else_is_refused(model, ioi, monkeypatch):
    monkeypatch.setattr(unembedded, "_scale", lambda cfg: 1.01)
    for asked in (ioi.attribution(model, "L1H1", at="END"), ioi.lens(model, "L1.resid_pre")):
        with pytest.raises(BadMetric, match="is not the logits that this run gave"):
            asked.values(3)


def test_a_model_that_is_loaded_again_with_another_final_norm_is_read_through_that(tiny_gpt2, ioi, tmp_path):
    bridge = cc.load(str(copytree(tiny_gpt2, tmp_path / "to be changed"))).inner
    first = cc.load(bridge)
    before = ioi.attribution(first, "embed,pos_embed,L0-2.attn,L0-2.mlp,b_U").values(3)
    with torch.no_grad():
        bridge.original_model.transformer.ln_f.weight[::2] *= 3
    again = cc.load(bridge)
    after = ioi.attribution(again, "embed,pos_embed,L0-2.attn,L0-2.mlp,b_U").values(3)
    np.testing.assert_allclose(after, ioi.logit_diff(again).values(3), atol=1e-4)
    assert not np.allclose(after, before)


def test_a_final_norm_that_is_not_linear_once_its_scale_is_given_is_refused(model, ioi, monkeypatch):
    honest = unembedded.frozen
    monkeypatch.setattr(unembedded, "frozen", lambda *given: replace(honest(*given), error=torch.tensor([0.0, 0.1])))
    for asked in (ioi.attribution(model, "L1H1", at="END"), ioi.lens(model, "L1.resid_pre")):
        with pytest.raises(BadMetric, match="the final norm of .* is no LayerNorm or RMSNorm"):
            asked.values(3)


@pytest.mark.slow
def test_measured_in_one_plan_they_are_what_they_are_alone(model, ioi):
    asked = [
        ioi.attribution(view, part, toward=toward, at=at)
        for view in (model, model.on("abc"))
        for part, toward, at in (("L1H1", "answer", "END"), ("L1H1", " Mary", "S2"), ("L1H1", "answer-distractor", "END"))
    ]
    parts = ("L1H2", "L1.mlp[3]", "L0.mlp[3]", "L1.b_O", "L2.mlp", "pos_embed", "b_U")
    asked += [ioi.attribution(model, part, at="S2") for part in parts]
    total = sum(asked)
    columns = dict(zip((cell.digest for cell in total.cells), total.draw(range(N)), strict=True))
    engine = cc.current_session().engine
    for each in asked:
        (cell,) = each.cells
        with cc.use_session(cc.Session(make_engine=lambda _: engine)):
            alone = each.values(N)
        np.testing.assert_allclose(alone, columns[cell.digest], atol=1e-7)


def test_other_words_are_other_metrics(model, ioi):
    asked = [
        ioi.attribution(model, "L1H1"),
        ioi.attribution(model, "L1H2"),
        ioi.attribution(model, "L1H1", toward="answer"),
        ioi.attribution(model, "L1H1", toward=" Mary"),
        ioi.attribution(model, "L1H1", at="S2"),
        ioi.lens(model, "L1.resid_pre"),
        ioi.lens(model, "L1.resid_mid"),
    ]
    assert len({each.cells[0].metric.digest for each in asked}) == len({each.label for each in asked}) == len(asked)
    assert ioi.attribution(model, cc.heads("L1H1")).cells[0].metric.parts == asked[0].cells[0].metric.parts


@pytest.mark.slow
def test_a_fold_of_the_norms_moves_no_part_and_a_softcap_comes_after_all_parts(model, ioi, tmp_path, tiny_gpt2):
    folded = cc.load(f"{model.ref.spec}+folded")
    for part in ("embed, pos_embed", "L1H1", "L2.mlp", "L2.b_O", "b_U"):
        plain = ioi.attribution(model, part).values(N)
        np.testing.assert_allclose(ioi.attribution(folded, part).values(N), plain, atol=1e-6)
    gemma = cc.load(save_architecture("Gemma2", SETTINGS["Gemma2"], tiny_gpt2, tmp_path / "gemma"))
    capped, parts = ioi.logit_diff(gemma).values(N), ioi.attribution(gemma, "embed, L0-1.attn, L0-1.mlp, b_U").values(N)
    assert np.abs(parts).max() > np.abs(capped).max() + 1e-3
    np.testing.assert_allclose(ioi.lens(gemma, "L1.resid_post").values(N), capped, atol=1e-5)


@pytest.fixture(scope="module")
def hooked(tiny_gpt2):
    return processed_hooked_transformers(tiny_gpt2)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_value_biases_that_were_folded_are_the_bias_s_and_no_head_s(hooked, ioi):
    plain, folded, kept = (cc.load(each) for each in hooked)

    def of(model, part):
        return ioi.attribution(model, part).values(N)

    for other in (folded, kept):
        for part in ("embed, pos_embed", "L1.attn", "L1.z, L1.b_O", "L0.mlp", "L1.mlp[5]"):
            np.testing.assert_allclose(of(other, part), of(plain, part), atol=1e-4)
        np.testing.assert_allclose(of(other, parts_of_layers(2)), ioi.logit_diff(other).values(N), atol=1e-4)
    np.testing.assert_allclose(of(kept, "L1H1"), of(plain, "L1H1"), atol=1e-4)
    assert np.abs(of(folded, "L1H1") - of(plain, "L1H1")).max() > 1e-2


def test_it_asks_for_no_layers_below_the_part(model, ioi):
    (cell,) = ioi.attribution(model, "L2H1").cells
    assert isinstance(cell.metric, Attribution)
    assert {site.layer for site in cell.metric.sites} == {2}
