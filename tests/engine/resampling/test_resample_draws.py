"""What the draw of a donor may depend on: the prompt, and the seed."""

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from donors import OTHER, SAME, WORDS, Found, case_of, elsewhere, resampled, what_neurons_are
from scipy.stats import chisquare

import circuitcheck as cc
from circuitcheck.prompts import PromptStream


@pytest.mark.sampled(2)
@pytest.mark.parametrize("batch", [1, 5, 8, 64])
def test_the_draw_does_not_depend_on_the_size_of_blocks(model, tiny_gpt2, batch):
    with elsewhere(batch=batch):
        other = resampled(cc.load(str(tiny_gpt2)))
    np.testing.assert_allclose(resampled(model), other, rtol=0, atol=SAME)


def test_the_draw_does_not_depend_on_how_many_prompts_are_asked_for(model, tiny_gpt2):
    with elsewhere(batch=4):
        few = resampled(cc.load(str(tiny_gpt2)), 4)
    np.testing.assert_allclose(resampled(model, 128)[:4], few, rtol=0, atol=SAME)


def test_the_draw_does_not_depend_on_what_was_measured_before(model, tiny_gpt2):
    view = model.ablate(WORDS, kind="resample", at="END")
    (cell,) = cc.tasks.ioi().logit_diff(view).cells
    expected = resampled(model, 96)
    with elsewhere(batch=8) as session:
        cc.load(str(tiny_gpt2))
        for start in (88, 0, 40):
            found = session.measure(
                PromptStream(cc.tasks.ioi().definition, "test", 0), [cell], range(start, start + 8)
            ).values[0]
            np.testing.assert_allclose(found, expected[start : start + 8], rtol=0, atol=SAME)


@pytest.mark.slow
def test_the_draw_does_not_depend_on_the_process(model, tiny_gpt2):
    program = (
        "import json, sys, circuitcheck as cc\n"
        "model = cc.load(sys.argv[1], dtype='float64')\n"
        "view = model.ablate(sys.argv[2], kind='resample', at='END')\n"
        "print(json.dumps(cc.tasks.ioi().on_stream('test').logit_diff(view).values(32).tolist()))\n"
    )
    package = str(Path(cc.__file__).parents[1])
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, str(tiny_gpt2), WORDS],
        env=os.environ | {"PYTHONHASHSEED": "12345", "PYTHONPATH": package},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    np.testing.assert_allclose(resampled(model), json.loads(run.stdout.splitlines()[-1]), rtol=0, atol=SAME)


def test_a_chosen_prompt_has_the_donor_that_it_has_in_its_stream(model, ioi):
    """Also where it has another number among those that a condition keeps."""
    kept = ioi.where(ioi.logit_diff(model) > 0, prompts=64)
    chosen = np.flatnonzero(ioi.logit_diff(model).values(64) > 0)
    assert 4 < len(chosen) < 60
    view = model.ablate(WORDS, kind="resample", at="END")
    found = kept.logit_diff(view).values(len(chosen))
    np.testing.assert_allclose(found, ioi.logit_diff(view).values(64)[chosen], rtol=0, atol=SAME)


def test_a_case_has_the_donor_of_the_same_prompt_in_a_stream(network, model, ioi):
    view = model.ablate(WORDS, kind="resample", at="END")
    prompts = ioi.prompts(16, model=model)
    cases = [case_of(ioi, prompt) for prompt in prompts]
    assert [case.prompt(model).tokens for case in cases] == [prompt.tokens for prompt in prompts]
    expected = ioi.logit_diff(view).values(16)
    np.testing.assert_allclose(ioi.logit_diff(view).on_cases(cases), expected, rtol=0, atol=SAME)
    np.testing.assert_allclose(ioi.logit_diff(view).on_cases(cases[::-1]), expected[::-1], rtol=0, atol=SAME)


def test_under_another_seed_a_prompt_has_another_donor(network, ioi, tiny_gpt2):
    donors = []
    cases = [ioi.case("went/IO-first", io=io, s=s) for io, s in pairwise(("Mary", "John", "Tom", "James", "Anna", "Paul"))]
    for seed in range(3):
        with elsewhere(seed=seed):
            view = cc.load(str(tiny_gpt2)).ablate(WORDS, kind="resample", at="END")
            donors.append(ioi.logit_diff(view).on_cases(cases))
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert (np.abs(donors[one] - donors[other]) > OTHER).mean() > 0.5


def test_all_units_of_a_prompt_have_one_donor(network, ioi, model):
    """NEURONS are of two layers, in one call (as `Found` has them) and in two; and so for other units beside them."""
    together = what_neurons_are(ioi, model.ablate(WORDS, kind="resample", at="END"), 32)
    apart = model
    for word in WORDS.split(", "):
        apart = apart.ablate(word, kind="resample", at="END")
    np.testing.assert_allclose(what_neurons_are(ioi, apart, 32), together, rtol=0, atol=SAME)
    more = model.ablate(f"{WORDS}, L2H1", kind="resample", at="END")
    np.testing.assert_allclose(what_neurons_are(ioi, more, 32), together, rtol=0, atol=SAME)


def test_on_a_counterfactual_the_donor_is_the_same_in_its_clean_run(network, ioi, model):
    assert Found(network, ioi, model, base="abc").indices == Found(network, ioi, model).indices


@pytest.fixture(scope="module")
def draws(network, tiny_gpt2):
    """(the donor's number among those that fit, the template) of 512 prompts under each of three seeds, [seed][prompt]."""
    found = []
    for seed in range(3):
        with elsewhere(seed=seed, batch=256):
            each = Found(network, cc.tasks.ioi(), cc.load(str(tiny_gpt2)), prompts=512)
            fitting = {}
            for other in each.reference:
                fitting.setdefault(other.template, []).append(other.index)
            found.append([(fitting[prompt.template].index(donor.index), prompt.template) for prompt, donor in each.pairs()])
            assert {len(some) for some in fitting.values()} == {16}
    return found


def test_each_donor_that_fits_is_drawn_as_often_as_any_other(draws):
    numbers = np.array([[number for number, _ in of_seed] for of_seed in draws])
    assert chisquare(np.bincount(numbers.ravel(), minlength=16)).pvalue > 1e-3
    for of_seed in numbers:
        assert chisquare(np.bincount(of_seed, minlength=16)).pvalue > 1e-4


def test_in_every_template_each_donor_is_drawn_as_often_as_any_other(draws):
    """96 prompts of each of 16 templates."""
    by_template = {}
    for of_seed in draws:
        for number, template in of_seed:
            by_template.setdefault(template, []).append(number)
    assert {len(numbers) for numbers in by_template.values()} == {96}
    values = [chisquare(np.bincount(numbers, minlength=16)).pvalue for numbers in by_template.values()]
    assert min(values) > 1e-3 / len(values)


def test_the_draw_of_one_prompt_says_nothing_about_the_next(draws):
    """Neighbours in the stream, and neighbours of one template, 16 later; under one seed and the next."""
    numbers = np.array([[number for number, _ in of_seed] for of_seed in draws])
    for name, first, second in (
        ("neighbours", numbers[:, :-1], numbers[:, 1:]),
        ("of one template", numbers[:, :-16], numbers[:, 16:]),
        ("seeds", numbers[:-1], numbers[1:]),
    ):
        steps = np.bincount(((second - first) % 16).ravel(), minlength=16)
        assert chisquare(steps).pvalue > 1e-4, (name, steps)
