"""`kind="resample"`: who the donor is."""

import numpy as np
import pytest
from donors import NEURONS, SAME, WORDS, Found, case_of, neurons_at_end, records, row_of, what_neurons_are
from scipy.stats import chisquare

import circuitcheck as cc
from circuitcheck.errors import BadTask
from circuitcheck.prompts import PromptStream


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
