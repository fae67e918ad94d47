"""`kind="resample"`: who the donor is, and that what is put in is the donor's own value.

The donor is found by brute force: of all prompts of the reference stream, run through plain `transformers` with hooks,
exactly one gives what was measured.
"""

import json
import os
import subprocess
import sys
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from transformers import GPT2LMHeadModel

import circuitcheck as cc
from circuitcheck.errors import BadIntervention, BadTask
from circuitcheck.prompts import PromptStream

NEURONS = ((0, 3), (1, 7))
WORDS = "L0.mlp[3], L1.mlp[7]"
SAME, OTHER = 1e-9, 1e-3  # everything here is in float64
IN_FLOAT64 = cc.Settings(batch=16, dtype="float64")


@pytest.fixture(scope="module")
def network(tiny_gpt2):
    found = GPT2LMHeadModel.from_pretrained(tiny_gpt2, attn_implementation="eager", dtype=torch.float64)
    return found.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def model(tiny_gpt2):
    with cc.use_session(cc.Session(IN_FLOAT64)):
        yield cc.load(str(tiny_gpt2))


@pytest.fixture(autouse=True)
def fresh_session(model):
    """The model outlives a test, and so does its session."""


def elsewhere(**settings):
    """Another session, which has measured nothing."""
    return cc.use_session(cc.Session(replace(IN_FLOAT64, **settings)))


class Hooked:
    """A run with `changes`, {(layer, place): function of the value}, and the values that places then have."""

    def __init__(self, network, tokens, changes=()):
        self.values, changes, handles = {}, dict(changes), []

        def at(place):
            def change(value):
                new = changes[place](value) if place in changes else value
                self.values[place] = new.clone()
                return new

            return change

        for layer, block in enumerate(network.transformer.h):
            z, neurons, attention, mlp = (at((layer, name)) for name in ("z", "neurons", "attn_out", "mlp_out"))
            handles += [
                block.attn.c_proj.register_forward_pre_hook(lambda _, inputs, f=z: (f(inputs[0]),)),
                block.mlp.c_proj.register_forward_pre_hook(lambda _, inputs, f=neurons: (f(inputs[0]),)),
                block.attn.register_forward_hook(lambda _, __, out, f=attention: (f(out[0]), *out[1:])),
                block.mlp.register_forward_hook(lambda _, __, out, f=mlp: f(out)),
            ]
        try:
            self.logits = network(tokens, use_cache=False).logits
        finally:
            for handle in handles:
                handle.remove()


def neurons_at_end(network, prompts):
    """[prompt, neuron]: NEURONS in untouched runs."""
    found = np.empty((len(prompts), len(NEURONS)))
    for length in {len(prompt.tokens) for prompt in prompts}:
        rows = [row for row, prompt in enumerate(prompts) if len(prompt.tokens) == length]
        for start in range(0, len(rows), 256):
            some = rows[start : start + 256]
            values = Hooked(network, torch.tensor([prompts[row].tokens for row in some])).values
            ends = [prompts[row].end for row in some]
            for column, (layer, neuron) in enumerate(NEURONS):
                found[some, column] = values[layer, "neurons"][range(len(some)), ends, neuron].numpy()
    return found


def what_neurons_are(task, view, prompts):
    """[prompt, neuron]: NEURONS at END in a view, on the first `prompts` prompts."""
    metrics = [cc.activation(f"L{layer}.mlp[{neuron}]", at="END") for layer, neuron in NEURONS]
    cells = [cell for metric in metrics for cell in task.metric(metric, view).cells]
    session = cc.current_session()
    return session.measure(PromptStream(task.definition, task.stream, session.settings.seed), cells, range(prompts)).values.T


@cache
def reference_of(network, task, model, seed, pool):
    """The first `pool` prompts of the reference stream, and what NEURONS are in them."""
    prompts = task.prompts(pool, model=model, seed=seed, stream="reference")
    return prompts, neurons_at_end(network, prompts)


class Found:
    """For each of the first prompts of a task's stream, its donor among the first `pool` of the reference stream."""

    def __init__(self, network, task, model, prompts=32, pool=256, base="clean", **options):
        view = model if base == "clean" else model.on(base)
        measured = what_neurons_are(task, view.ablate(WORDS, kind="resample", at="END", **options), prompts)
        seed = cc.current_session().settings.seed
        self.prompts = task.prompts(prompts, model=model, seed=seed, stream=task.stream)
        self.reference, theirs = reference_of(network, task, model, seed, pool)
        self.donors = [self._only(row, theirs) for row in measured]
        self.changed = np.abs(measured - neurons_at_end(network, self.prompts)).max(1) > OTHER

    def _only(self, row, theirs):
        close = np.flatnonzero((np.abs(theirs - row) < SAME).all(1))
        assert len(close) == 1, f"{len(close)} reference prompts have the values that were put in"
        return self.reference[close[0]]

    @property
    def indices(self):
        return [donor.index for donor in self.donors]

    def pairs(self):
        return list(zip(self.prompts, self.donors, strict=True))

    def fitting(self, prompt, slots=()):
        """Those of the reference stream that may be a prompt's donor, by the words of the docstring."""
        return [
            each
            for each in self.reference
            if each.template == prompt.template
            and {name: len(where) for name, where in each.positions.items()}
            == {name: len(where) for name, where in prompt.positions.items()}
            and all(each.slots[slot] == prompt.slots[slot] for slot in slots)
            and each.tokens != prompt.tokens
        ]


@pytest.mark.sampled(1)
@pytest.mark.parametrize("n", [32, 64, 256])
def test_donors_are_among_the_first_n_of_the_reference_stream(network, ioi, model, n):
    found = Found(network, ioi, model, prompts=64, pool=n, n=n)
    assert n // 2 <= max(found.indices) < n
    assert found.changed.mean() > 0.9


def test_without_a_number_they_are_among_the_first_256(network, ioi, model):
    by_default, said = Found(network, ioi, model, prompts=64), Found(network, ioi, model, prompts=64, n=256)
    assert by_default.indices == said.indices
    assert max(by_default.indices) >= 128


def test_a_donor_has_the_template_of_its_prompt_and_other_tokens(network, ioi, model):
    for prompt, donor in Found(network, ioi, model, prompts=64).pairs():
        assert donor.template == prompt.template
        assert len(donor.tokens) == len(prompt.tokens)
        assert donor.tokens != prompt.tokens


@pytest.mark.parametrize("stream", ["discovery", "reference"])
def test_donors_of_any_stream_come_from_the_reference_stream(network, ioi, model, stream):
    found = Found(network, ioi.on_stream(stream), model, prompts=64, n=64)
    assert all(donor in found.reference for donor in found.donors)
    assert all(donor.template == prompt.template for prompt, donor in found.pairs())


def test_a_prompt_of_the_reference_stream_is_never_its_own_donor(network, ioi, model):
    """Of four that fit, one is the prompt itself: by chance 16 of 64 prompts would be their own."""
    found = Found(network, ioi.on_stream("reference"), model, prompts=64, pool=64, n=64)
    assert [prompt.index for prompt in found.prompts] == list(range(64))
    assert not [prompt for prompt, donor in found.pairs() if donor.tokens == prompt.tokens]
    assert {len(found.fitting(prompt)) for prompt in found.prompts} == {3}


@pytest.fixture(scope="module")
def few_words():
    """A task whose prompts often have words in common."""
    return cc.Task.define(
        "few words",
        templates={
            "went": "When {A} and {B} went to the {P}, {again} gave a {O} to",
            "saw": "Then {A} saw {B} with a {O} near the {P}, and",
        },
        pools={
            "name": ["Mary", "John", "Tom", "James", "Anna", "Paul"],
            "place": ["store", "park", "school"],
            "object": ["book", "ring", "ball", "card"],
        },
        draw={"A": "name", "B": "name", "P": "place", "O": "object"},
        slots={"again": "A"},
        answer="B",
        distractor="A",
    )


def test_where_only_the_prompt_itself_fits_another_is_found_among_twice_as_many(network, ioi, model):
    found = Found(network, ioi.on_stream("reference"), model, prompts=16, pool=32, n=16)
    assert {len({each.template for each in found.reference[:16]}), len(found.prompts)} == {16}
    assert all(16 <= donor.index < 32 and donor.template == prompt.template for prompt, donor in found.pairs())


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    "slots", ["A", ["P"], ["O", "P"], ("B", "P"), {"A", "P"}], ids=["name", "list", "pair", "tuple", "set"]
)
def test_donors_share_the_slots_that_must_match(network, few_words, model, slots):
    named = [slots] if isinstance(slots, str) else sorted(slots)
    found = Found(network, few_words, model, pool=176, n=176, matching=slots)
    assert all(donor in found.fitting(prompt, named) for prompt, donor in found.pairs())
    assert max(len(found.fitting(prompt, named)) for prompt in found.prompts) > 4
    free = Found(network, few_words, model, pool=176, n=176)
    assert sum(donor in found.fitting(prompt, named) for prompt, donor in free.pairs()) < 20


def test_among_those_that_share_a_slot_each_is_drawn(network, few_words, model):
    """Over all test prompts, not one or two of them only."""
    found = Found(network, few_words, model, prompts=320, pool=176, n=176, matching="A")
    numbers, sizes = [], []
    for prompt, donor in found.pairs():
        fitting = found.fitting(prompt, "A")
        numbers.append((fitting.index(donor) + 0.5) / len(fitting))
        sizes.append(len(fitting))
    assert min(sizes) >= 10
    assert chisquare(np.bincount((np.array(numbers) * 4).astype(int), minlength=4)).pvalue > 1e-3


@pytest.mark.slow
def test_where_none_fits_donors_are_among_the_first_of_twice_as_many_and_so_on(network, ioi, model):
    """Of 256 prompts, 16 have the prompt's template, and one in 70 of them its name."""
    measured = what_neurons_are(ioi, model.ablate(WORDS, kind="resample", at="END", matching="IO"), 32)
    reference, pools = ioi.prompts(8192, model=model, stream="reference"), []
    for prompt, values in zip(ioi.prompts(32, model=model), measured, strict=True):
        fitting = [each for each in reference if (each.template, each.slots["IO"]) == (prompt.template, prompt.slots["IO"])]
        pools.append(next(pool for pool in (256, 512, 1024, 2048, 4096, 8192) if fitting[0].index < pool))
        possible = [each for each in fitting if each.index < pools[-1]]
        assert (np.abs(neurons_at_end(network, possible) - values) < SAME).all(1).sum() == 1
    assert len(set(pools)) >= 3


def test_the_last_pool_is_the_whole_reference_stream(network, few_words, model):
    """100 and twice as many are more than it has: prompts that only its end fits get their donors, others an error."""
    size = cc.current_session().population(PromptStream(few_words.definition, "reference", 0), [model.ref])
    assert 100 < size < 200
    reference = few_words.prompts(size, model=model, stream="reference")
    view = model.ablate(WORDS, kind="resample", at="END", matching=["A", "B"], n=100)
    metrics = [cc.activation(f"L{layer}.mlp[{neuron}]", at="END") for layer, neuron in NEURONS]
    late, none = 0, 0
    for prompt in few_words.prompts(64, model=model):
        slots = {slot: prompt.slots[slot] for slot in "ABPO"}
        fitting = [
            each
            for each in reference
            if each.template == prompt.template and all(each.slots[slot] == slots[slot] for slot in "AB")
        ]
        if fitting and fitting[0].index < 100:
            continue
        case = few_words.case(prompt.template, **slots)
        if not fitting:
            none += 1
            with pytest.raises(BadTask, match=f"none of {size} reference prompts"):
                few_words.metric(metrics[0], view).on_cases([case])
            continue
        late += 1
        values = np.array([float(few_words.metric(metric, view).on_cases([case])[0]) for metric in metrics])
        assert (np.abs(neurons_at_end(network, fitting) - values) < SAME).all(1).sum() == 1
    assert late > 2
    assert none > 0


@pytest.fixture(scope="module")
def of_one_or_two_tokens(model):
    """A person and a place of one or two tokens each, so that prompts of one length can be of different token counts."""
    names, places = ("Mary", "John", "Tom", "James"), ("store", "park", "school", "office")
    task = cc.Task.define(
        "lengths",
        templates={
            "went": "When {A} went to the {P} with a {O} and a {Q},",
            "saw": "Then {A} saw a {O} and a {Q} near the {P},",
        },
        pools={
            "name": [*names, *(f"{name}!" for name in names)],
            "place": [*places, *(f"{place}!" for place in places)],
            "object": ["book", "drink", "ring", "ball", "letter", "card"],
        },
        draw={"A": "name", "P": "place", "O": "object", "Q": "object"},
        answer="O",
        distractor="Q",
        tokens={"A": None, "P": None},
    )
    counts = {tuple(len(p.positions[slot]) for slot in "AP") for p in task.prompts(64, model=model)}
    assert counts == {(1, 1), (1, 2), (2, 1), (2, 2)}
    return task


def test_a_donor_has_as_many_tokens_as_its_prompt_in_every_slot(network, model, of_one_or_two_tokens):
    found = Found(network, of_one_or_two_tokens, model, prompts=64, pool=128, n=128)
    for prompt, donor in found.pairs():
        assert donor in found.fitting(prompt)
    assert any(
        len(other.tokens) == len(prompt.tokens) and other.template == prompt.template
        for prompt in found.prompts
        for other in found.reference
        if other not in found.fitting(prompt)
    ), "nothing was excluded by its token counts"


def records(folder, rows):
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return cc.Task.from_records(path).on_stream("test")


def row_of(prompt, stream, template=None, **more):
    row = {"text": prompt.text, "answer": prompt.answer, "distractor": prompt.distractor, "stream": stream, **more}
    return row | ({} if template is None else {"template": template})


@pytest.mark.parametrize("template", ["said", None])
def test_records_take_donors_of_their_template_or_else_of_their_length(network, ioi, model, tmp_path, template):
    went, other = (
        [prompt for prompt in ioi.prompts(128, model=model) if prompt.template == name]
        for name in ("went/IO-first", "visited/IO-first")
    )
    assert len(went[0].tokens) != len(other[0].tokens)
    rows = [row_of(prompt, "test", template and prompt.template) for prompt in (*went[:4], *other[:4])]
    rows += [row_of(prompt, "reference", template and prompt.template) for prompt in (*went[4:], *other[4:])]
    task = records(tmp_path, rows)
    pool = len(went) + len(other) - 8
    found = Found(network, task, model, prompts=8, pool=pool, n=pool)
    for prompt, donor in found.pairs():
        assert len(donor.tokens) == len(prompt.tokens)
        assert donor.template == prompt.template or template is None
    assert len(set(found.indices)) > 2


def test_a_case_that_stands_in_the_reference_stream_is_never_its_own_donor(network, ioi, model):
    """Of two that fit, one has the case's own tokens; what its counterfactual would be is another."""
    reference = ioi.prompts(32, model=model, stream="reference")
    view = model.ablate(WORDS, kind="resample", at="END", n=32)
    metrics = [cc.activation(f"L{layer}.mlp[{neuron}]", at="END") for layer, neuron in NEURONS]
    cases = [case_of(ioi, prompt) for prompt in reference]
    assert [case.prompt(model).tokens for case in cases] == [prompt.tokens for prompt in reference]
    found = np.stack([ioi.metric(metric, view).on_cases(cases) for metric in metrics], axis=1)
    theirs = neurons_at_end(network, reference)
    for row, (prompt, value) in enumerate(zip(reference, found, strict=True)):
        (other,) = (each for each in range(32) if each != row and reference[each].template == prompt.template)
        np.testing.assert_allclose(value, theirs[other], rtol=0, atol=SAME)


def case_of(ioi, prompt):
    slots = prompt.slots
    return ioi.case(prompt.template, io=slots["IO"], s=slots["S1"], place=slots["place"], object=slots["object"])


# What the draw may depend on: the prompt, and the seed.


def resampled(model, prompts=32, **options):
    task = cc.tasks.ioi().on_stream("test")
    return task.logit_diff(model.ablate(WORDS, kind="resample", at="END", **options)).values(prompts)


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


# What is put in is the donor's value.

HEAD_WIDTH = 8
UNITS = {
    "L1H2": [(1, "z", slice(2 * HEAD_WIDTH, 3 * HEAD_WIDTH))],
    "L0H1, L2H0": [(0, "z", slice(HEAD_WIDTH, 2 * HEAD_WIDTH)), (2, "z", slice(0, HEAD_WIDTH))],
    "L1.attn": [(1, "attn_out", slice(None))],
    "L0.mlp": [(0, "mlp_out", slice(None))],
    "L1.mlp[3-40]": [(1, "neurons", slice(3, 41))],
    "L0.mlp, L1.attn, L2H3": [
        (0, "mlp_out", slice(None)),
        (1, "attn_out", slice(None)),
        (2, "z", slice(3 * HEAD_WIDTH, 4 * HEAD_WIDTH)),
    ],
}
PLACES = {"END": ("END",), "S2 and END": ("S2", "END"), "names": ("IO", "S1", "S2"), "everywhere": None}


@cache
def untouched_values(network, prompts):
    """What runs of these tokens have, one prompt a row."""
    return Hooked(network, torch.tensor(prompts)).values


def with_values_of(network, prompt, donors, units, at, run="clean"):
    """[donor]: the prompt's logit difference with the values that the donor's own run has at these tokens."""
    theirs = untouched_values(network, tuple(donor.tokens for donor in donors))
    where = list(range(len(prompt.tokens))) if at is None else [prompt.positions[name][-1] for name in at]
    changes = {}
    for layer, place, entries in units:

        def change(value, new=theirs[layer, place], entries=entries):
            value = value.clone()
            value[:, where, entries] = new[:, where, entries]
            return value

        changes[layer, place] = change
    logits = Hooked(network, torch.tensor([prompt.run(run)] * len(donors)), changes).logits[:, prompt.end].double()
    return (logits[:, prompt.answer_id] - logits[:, prompt.distractor_id]).numpy()


@pytest.mark.parametrize("run", ["clean", "abc"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("words", UNITS)
@pytest.mark.sampled(4)
def test_exactly_one_prompt_that_fits_gives_the_value_that_was_measured(network, ioi, model, words, place, run):
    at = PLACES[place]
    view = model if run == "clean" else model.on(run)
    untouched = ioi.logit_diff(view).values(8)
    measured = ioi.logit_diff(view.ablate(words, kind="resample", at=at and list(at), n=128)).values(8)
    assert np.abs(measured - untouched).max() > OTHER
    reference = ioi.prompts(128, model=model, stream="reference")
    for prompt, value in zip(ioi.prompts(8, model=model), measured, strict=True):
        fitting = [each for each in reference if each.template == prompt.template and each.tokens != prompt.tokens]
        found = with_values_of(network, prompt, fitting, UNITS[words], at, run)
        assert (np.abs(found - value) < SAME).sum() == 1, (found, value)
        assert len(fitting) == 8


def test_a_circuit_s_complement_is_resampled_from_one_donor(network, ioi, model):
    circuit = cc.circuit({"END": "L2H0-3", "S2": "L0H0-1"})
    measured = ioi.logit_diff(model.ablate(~circuit, kind="resample", n=128)).values(16)
    reference = ioi.prompts(128, model=model, stream="reference")
    for prompt, value in zip(ioi.prompts(16, model=model), measured, strict=True):
        fitting = [each for each in reference if each.template == prompt.template]
        theirs = Hooked(network, torch.tensor([donor.tokens for donor in fitting])).values
        kept = {(2, head): prompt.end for head in range(4)} | {(0, head): prompt.positions["S2"][-1] for head in range(2)}

        def change(value, layer, kept=kept, theirs=theirs):
            new = theirs[layer, "z"].clone()
            for head in range(4):
                if (layer, head) in kept:
                    own = (slice(None), kept[layer, head], slice(head * HEAD_WIDTH, (head + 1) * HEAD_WIDTH))
                    new[own] = value[own]
            return new

        changes = {(layer, "z"): lambda value, layer=layer, change=change: change(value, layer) for layer in range(3)}
        logits = Hooked(network, torch.tensor([prompt.tokens] * len(fitting)), changes).logits[:, prompt.end].double()
        found = (logits[:, prompt.answer_id] - logits[:, prompt.distractor_id]).numpy()
        assert (np.abs(found - value) < SAME).sum() == 1, (found, value)


# Refused.


@pytest.mark.parametrize("slots", ["subject", ["IO", "subject"], "END"])
def test_a_slot_that_prompts_do_not_have_is_named(model, slots):
    with pytest.raises(BadIntervention, match=r"matching=.*(END|subject).*(IO|S1), (S1|IO), place, S2, object"):
        resampled(model, matching=slots)


@pytest.mark.slow
def test_slots_that_no_other_prompt_shares_are_named(model):
    with pytest.raises(BadTask, match="(?s)reference prompts.*S1='.*object='.*raise n"):
        resampled(model, n=256, matching=["IO", "S1", "place", "object"])


def test_a_prompt_whose_template_nobody_has_is_an_error(ioi, model, tmp_path):
    went, other = (
        [prompt for prompt in ioi.prompts(64, model=model) if prompt.template == name][:3]
        for name in ("went/IO-first", "visited/IO-first")
    )
    task = records(
        tmp_path,
        [row_of(prompt, "test", "went") for prompt in went] + [row_of(prompt, "reference", "other") for prompt in other],
    )
    with pytest.raises(BadTask, match="template 'went'"):
        task.logit_diff(model.ablate(WORDS, kind="resample", at="END", n=3)).values(3)


@pytest.fixture
def small(model):
    """A task with a reference stream of a few prompts."""
    return cc.Task.define(
        "small",
        templates={"met": "Then {A} met {B} and", "saw": "Then {A} saw {B} and"},
        pools={"name": ["Mary", "John", "Tom", "James", "Anna"]},
        draw={"A": "name", "B": "name"},
        answer="A",
        distractor="B",
    )


def test_more_prompts_than_the_reference_stream_has_are_refused_with_their_number(small, model):
    size = cc.current_session().population(PromptStream(small.definition, "reference", 0), [model.ref])
    assert 2 < size < 32
    with pytest.raises(BadTask, match=f"{size}"):
        small.logit_diff(model.ablate(WORDS, kind="resample", at="END", n=size + 1)).values(4)
    assert np.isfinite(small.logit_diff(model.ablate(WORDS, kind="resample", at="END", n=size)).values(4)).all()


@pytest.mark.parametrize("kind", ["zero", "mean", "counterfactual"])
def test_only_resampling_takes_slots_to_match(model, kind):
    with pytest.raises(BadIntervention, match="matching.*resample"):
        model.ablate(WORDS, kind=kind, matching="IO")


@pytest.mark.parametrize("n", [1, 0, -3])
def test_one_prompt_leaves_none_to_draw(model, n):
    with pytest.raises(BadIntervention, match=f"n={n}"):
        model.ablate(WORDS, kind="resample", n=n)


def test_resampling_takes_no_counterfactual(model):
    with pytest.raises(BadIntervention, match="source.*counterfactual"):
        model.ablate(WORDS, kind="resample", source="abc")


# What it is called.

OPTIONS = [{}, {"n": 64}, {"n": 128}, {"matching": "IO"}, {"matching": ["IO", "S1"]}, {"matching": "IO", "n": 4096}]


def test_views_that_draw_otherwise_are_told_apart(model):
    views = [model.ablate(WORDS, kind="resample", at="END", **options) for options in OPTIONS]
    views.append(model.ablate(WORDS, kind="mean", at="END"))
    assert len({view.digest for view in views}) == len(views)
    assert len({view.data.describe() for view in views}) == len(views)
    assert len({cc.tasks.ioi().logit_diff(view).digest for view in views}) == len(views)


@pytest.mark.parametrize(
    "options, words",
    [({}, ["resample ablation of"]), ({"n": 64}, ["n=64"]), ({"matching": ["S1", "IO"]}, ["matching IO, S1"])],
)
def test_the_description_says_what_is_drawn(model, options, words):
    shown = repr(model.ablate(WORDS, kind="resample", at="END", **options))
    assert not [word for word in words if word not in shown], shown


def test_the_order_of_slots_and_saying_a_default_make_no_difference(model):
    def digest(**options):
        return model.ablate(WORDS, kind="resample", at="END", **options).digest

    assert digest(matching=["S1", "IO"]) == digest(matching=("IO", "S1", "IO"))
    assert digest() == digest(n=256)
    assert digest(matching="IO") == digest(matching="IO", n=256)
