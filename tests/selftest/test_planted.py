"""The planted model does what its construction says, measured through the ordinary path and through plain transformers."""

import subprocess
import sys
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scipy import stats
from transformers import AutoModelForCausalLM, AutoTokenizer

import circuitcheck as cc
from circuitcheck.selftest.noise import Distribution, Noise
from circuitcheck.selftest.planted import plant

PROMPTS = 64


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    return plant(tmp_path_factory.mktemp("planted") / "model")


@pytest.fixture
def model(planted):
    return cc.load(planted.folder)


@pytest.fixture(scope="module")
def plain(planted):
    """The folder as transformers itself reads it: (model, tokenizer)."""
    model = AutoModelForCausalLM.from_pretrained(planted.folder, attn_implementation="eager").eval()
    return model, AutoTokenizer.from_pretrained(planted.folder)


@pytest.fixture
def attention(plain):
    """attention(text)[layer] is [head, query, key]."""
    model, tokenizer = plain

    def read(text):
        with torch.no_grad():
            run = model(torch.tensor([tokenizer(text).input_ids]), output_attentions=True)
        return [each[0] for each in run.attentions]

    return read


def zero(model, head):
    return model.ablate(head, kind="zero", at="END")


def removed(task, model, head):
    """[prompt]: how much zero ablation of `head` at END lowers the logit difference."""
    return (task.logit_diff(model) - task.logit_diff(zero(model, head))).values(PROMPTS)


def check_construction(planted, model):
    prompts = planted.effects.prompts(PROMPTS, model=model)
    clean = planted.effects.logit_diff(model).values(PROMPTS)
    assert clean == pytest.approx([planted.logit_diff(prompt) for prompt in prompts], abs=1e-4)
    for i in range(len(planted.sizes)):
        expected = [planted.effect(prompt, i) for prompt in prompts]
        assert removed(planted.effects, model, planted.head(i)) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("distribution", get_args(Distribution))
@pytest.mark.sampled(2)
def test_each_head_adds_what_was_planted_on_every_prompt(distribution, tmp_path):
    planted = plant(tmp_path / "model", noise=Noise(distribution))
    check_construction(planted, cc.load(planted.folder))


@pytest.mark.slow
def test_large_noise_with_template_effects_in_as_many_heads_as_there_are(tmp_path):
    planted = plant(
        tmp_path / "model", effects=range(-3, 4), noise=Noise("t3", 3.0), template_spread=2.0, templates=64, words=50
    )
    model = cc.load(planted.folder)
    check_construction(planted, model)
    assert max(len(prompt.tokens) for prompt in planted.effects.prompts(PROMPTS, model=model)) <= 16


def test_a_word_stands_for_its_quantile(tmp_path):
    planted = plant(tmp_path / "model", effects=(0.7,), noise=Noise("uniform", 0.5), words=20)
    model = cc.load(planted.folder)
    numbers = [int(prompt.slots["N1"].removeprefix("n1w")) for prompt in planted.effects.prompts(PROMPTS, model=model)]
    deviation = np.sqrt((20**2 - 1) / 12)  # of 20 equally spaced numbers
    by_hand = 0.7 + 0.5 * (np.array(numbers) - 9.5) / deviation
    assert removed(planted.effects, model, "L1H1") == pytest.approx(by_hand, abs=1e-5)


def test_without_noise_every_prompt_has_the_planted_sizes(tmp_path):
    planted = plant(tmp_path / "model", effects=(0.3, -1.2), noise=Noise("none"), base=0.5)
    model = cc.load(planted.folder)
    assert planted.effects.logit_diff(model).values(PROMPTS) == pytest.approx(0.5 + 0.3 - 1.2, abs=1e-5)
    assert removed(planted.effects, model, "L1H1") == pytest.approx(0.3, abs=1e-5)
    assert removed(planted.effects, model, "L1H2") == pytest.approx(-1.2, abs=1e-5)


def test_what_the_heads_leave_is_the_base(planted, model):
    heads = [planted.head(i) for i in range(len(planted.sizes))]
    assert planted.effects.logit_diff(zero(model, heads)).values(PROMPTS) == pytest.approx(2.0, abs=1e-5)


@pytest.mark.slow
def test_a_head_of_size_zero_still_changes_its_output(tmp_path):
    planted = plant(tmp_path / "model", effects=(0.0,), noise=Noise("none"))
    model = cc.load(planted.folder)
    assert np.abs(removed(planted.effects, model, "L1H1")).max() < 1e-5
    (receipt,) = receipts(planted.effects, zero(model, "L1H1"))
    assert receipt.changed == PROMPTS


def test_counterfactual_prompts_have_noise_of_their_own(planted, model):
    prompts = planted.effects.prompts(PROMPTS, model=model)
    fresh = planted.effects.logit_diff(model.on("fresh")).values(PROMPTS)
    assert fresh == pytest.approx([planted.logit_diff(prompt, "fresh") for prompt in prompts], abs=1e-4)
    for prompt in prompts:
        before, after = (text.split() for text in (prompt.text, prompt.counterfactuals["fresh"].text))
        changed = [index for index, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]]
        assert changed == sorted(prompt.positions[slot][0] for slot in ("N1", "N2", "N3"))


def test_template_effects_are_shared_by_heads_and_spread_as_asked(tmp_path):
    planted = plant(tmp_path / "model", effects=(1.0, 0.5), noise=Noise("none"), template_spread=0.4, templates=16)
    model = cc.load(planted.folder)
    check_construction(planted, model)
    templates = [prompt.template for prompt in planted.effects.prompts(16, model=model)]
    taus = removed(planted.effects, model, "L1H1")[:16] - 1.0
    assert len(set(templates)) == 16
    assert (taus.mean(), taus.std()) == (pytest.approx(0, abs=1e-5), pytest.approx(0.4, abs=1e-5))
    assert removed(planted.effects, model, "L1H2")[:16] - 0.5 == pytest.approx(taus, abs=1e-5)
    assert list(np.argsort(templates)) != list(np.argsort(taus))


def test_l0h0_attends_to_the_token_before(planted, model, attention):
    for task in (planted.effects, planted.induction):
        for prompt in task.prompts(8, model=model):
            assert attention(prompt.text)[0][0].diagonal(-1).min() > 1 - 1e-6


def test_effect_heads_attend_to_their_own_noise_word(planted, model, attention):
    for prompt in planted.effects.prompts(8, model=model):
        second = attention(prompt.text)[1]
        for i in range(3):
            assert second[i + 1, -1, prompt.positions[f"N{i + 1}"][0]] > 1 - 1e-6


def test_the_induction_head_attends_to_what_followed(planted, model, attention):
    for prompt in planted.induction.prompts(8, model=model):
        assert attention(prompt.text)[1][0, -1, prompt.positions["B"][0]] > 1 - 1e-6


def test_induction_is_perfect(planted, model):
    assert planted.induction.accuracy(model).values(PROMPTS).min() == 1
    assert planted.induction.logit_diff(model).values(PROMPTS) == pytest.approx(10, abs=1e-4)


@pytest.mark.parametrize("head", ["L0H0", "L1H0"])
def test_induction_needs_both_of_its_heads(planted, model, head):
    without = model.ablate(head, kind="zero")
    assert planted.induction.accuracy(without).values(PROMPTS).max() == 0
    assert planted.induction.logit_diff(without).values(PROMPTS) == pytest.approx(0, abs=1e-4)


def test_without_its_induction_head_a_symbol_predicts_itself(planted, model):
    def repeats(logits, prompts):
        return logits.argmax(-1) == torch.tensor([prompt.tokens[-1] for prompt in prompts])

    without = planted.induction.metric(cc.metric(repeats), model.ablate("L1H0", kind="zero"))
    assert without.values(PROMPTS).min() == 1


def test_induction_needs_the_symbol_to_have_occurred(planted, model):
    unseen = planted.induction.logit_diff(model.on("unseen")).values(PROMPTS)
    assert unseen == pytest.approx(0, abs=1e-4)


@pytest.mark.slow
def test_inert_heads_and_mlps_change_their_output_and_no_logit(planted, model):
    assert len(planted.inert) == 16 - 2 - 3
    units = {
        planted.effects: (*planted.inert, "L0H0", "L1H0", "L0.mlp", "L1.mlp"),
        planted.induction: (*planted.inert, "L1H1", "L1H2", "L1H3", "L0.mlp", "L1.mlp"),
    }
    for task, silent in units.items():
        clean = task.logit_diff(model).values(32)
        for unit in silent:
            view = model.ablate(unit, kind="zero")
            assert np.abs(task.logit_diff(view).values(32) - clean).max() < 1e-5
            (receipt,) = receipts(task, view, 32)
            assert receipt.changed == 32


def test_inert_heads_vary_from_prompt_to_prompt(planted, model):
    (receipt,) = receipts(planted.effects, model.ablate("L0H3", kind="mean", at="END", n=64))
    assert np.std(receipt.relative) > 0.01


def test_no_token_of_the_vocabulary_moves_when_an_inert_head_is_ablated(planted, model):
    largest = cc.metric(lambda logits, prompts: logits.abs().amax(-1), name="largest")
    clean = planted.effects.metric(largest, model).values(32)
    ablated = planted.effects.metric(largest, zero(model, planted.inert)).values(32)
    assert ablated == pytest.approx(clean, abs=1e-5)


def receipts(task, view, n=PROMPTS):
    quantity = task.logit_diff(view)
    where = quantity.prompts
    return cc.current_session().measure(where, quantity.cells, range(n)).receipts


def test_prompts_are_words_of_the_vocabulary_and_nothing_else(planted, model, plain):
    special = set(plain[1].all_special_ids)
    for task in (planted.effects, planted.induction):
        prompts = task.prompts(PROMPTS, model=model)
        for prompt in prompts:
            assert len(prompt.tokens) == len(prompt.text.split()) <= 16
            assert not special & {*prompt.tokens, prompt.answer_id, prompt.distractor_id}
            assert plain[1].decode(prompt.tokens) == prompt.text
        assert len({prompt.template for prompt in prompts}) == 8
        assert len({len(prompt.tokens) for prompt in prompts}) >= 2


def test_templates_hold_the_slots_in_many_orders(planted, model):
    prompts = planted.effects.prompts(8, model=model)
    orders = {tuple(sorted(prompt.slots, key=lambda slot: prompt.positions[slot])) for prompt in prompts}
    assert len(orders) == 8
    assert {prompt.text.split()[-1] for prompt in prompts} == {"asks"}
    assert planted.effects.positions == ("N1", "N2", "N3", "X1", "X2", "END")


@pytest.mark.parametrize("distribution", [name for name in get_args(Distribution) if name != "none"])
@pytest.mark.parametrize("size", [1.0, 0.25])
def test_a_pool_has_mean_0_and_the_standard_deviation_asked_for(distribution, size):
    values = Noise(distribution, size).pool(200)
    assert values.mean() == pytest.approx(0, abs=1e-15)
    assert values.std() == pytest.approx(size, rel=1e-14)
    assert len(set(values)) == 200
    assert (np.diff(values) > 0).all()


@pytest.mark.parametrize(
    "distribution, reference",
    [
        ("normal", stats.norm()),
        ("uniform", stats.uniform()),
        ("t3", stats.t(3)),
        ("exponential", stats.expon()),
        ("lognormal", stats.lognorm(1.0)),
    ],
)
def test_a_pool_holds_its_distributions_quantiles(distribution, reference):
    values, quantiles = Noise(distribution).pool(200), reference.ppf((np.arange(200) + 0.5) / 200)
    assert np.corrcoef(values, quantiles)[0, 1] == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(
    "distribution, skewness", [("normal", 0), ("uniform", 0), ("t3", 0), ("exponential", 2), ("lognormal", 6.2)]
)
def test_a_pool_is_as_skewed_as_its_distribution(distribution, skewness):
    values = Noise(distribution).pool(20_000)
    assert (values**3).mean() == pytest.approx(skewness, abs=1e-9, rel=0.25)  # the outermost quantiles are missing


def test_a_pool_without_noise_is_0():
    assert (Noise("none").pool(200) == 0).all()
    assert (Noise("normal", 0.0).pool(200) == 0).all()


def test_the_same_parameters_give_the_same_model_and_tasks(planted, tmp_path):
    again = plant(tmp_path / "again")
    first, second = (load_file(folder / "model.safetensors") for folder in (planted.folder, again.folder))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert replace(again, folder=planted.folder) == planted


def test_planting_leaves_random_numbers_and_the_screen_alone(tmp_path, capsys):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    plant(tmp_path / "model")
    assert torch.equal(torch.get_rng_state(), before)
    assert capsys.readouterr() == ("", "")


def test_importing_it_brings_no_torch():
    code = "import sys, circuitcheck.selftest.planted; print(sorted({'torch', 'transformers', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"effects": ()}, "0 effects were given.*1 to 7"),
        ({"effects": (1.0,) * 8}, "8 effects were given.*1 to 7.*give as many"),
        ({"effects": (float("nan"),)}, "finite numbers"),
        ({"base": float("inf")}, "base inf.*finite numbers"),
        ({"template_spread": -0.5}, "template_spread=-0.5 is no standard deviation"),
        ({"template_spread": float("nan")}, "template_spread=nan"),
        ({"templates": 1}, "templates=1 cannot be.*2 to 64"),
        ({"templates": 65}, "templates=65 cannot be.*2 to 64"),
        ({"words": 1}, "words=1 is too few.*2 or more"),
    ],
)
def test_parameters_that_cannot_be_are_refused(tmp_path, parameters, message):
    with pytest.raises(ValueError, match=message):
        plant(tmp_path / "model", **parameters)
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("cauchy",), "'cauchy' is no distribution of noise; there are 'normal', .*'none'"),
        (("normal", -1.0), "size -1 cannot be.*0 or more"),
        (("normal", float("inf")), "size inf cannot be"),
    ],
)
def test_noise_that_cannot_be_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Noise(*arguments)


def test_nothing_is_overwritten(planted, tmp_path):
    file = tmp_path / "file"
    file.touch()
    for taken in (planted.folder, file):
        with pytest.raises(ValueError, match="no empty folder, and nothing is overwritten"):
            plant(taken)


def test_heads_that_are_not_there_and_prompts_of_another_task_are_refused(planted, model):
    (prompt,) = planted.effects.prompts(1, model=model)
    (other,) = planted.induction.prompts(1, model=model)
    with pytest.raises(ValueError, match=r"no effect head 3.*has 3, counted from 0"):
        planted.head(3)
    with pytest.raises(ValueError, match="no effect head -1"):
        planted.effect(prompt, -1)
    with pytest.raises(ValueError, match="no prompt of this model's task 'planted'"):
        planted.logit_diff(other)
