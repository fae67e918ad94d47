"""`TaskDefinition(pairs=...)`: prompts that differ only in who comes first are one unit, whatever the scope."""

import numpy as np
import pytest
import torch

import circuitcheck as cc
from circuitcheck.prompts import Pool, TaskDefinition, Template
from circuitcheck.sampling import Above, Design, RatioOfMeans, decide
from circuitcheck.stats import betting_interval, skew_guarded

NAMES = ("Mary", "John", "Tom", "James", "Sarah", "David", "Paul", "Mark", "Anna", "Emma")
TWO = ("met", "told")
SIX = (*TWO, "gave", "saw", "had", "let")


def task_of(frames=TWO, count=10, **options):
    """Two names in each frame; `other` is drawn for the counterfactual only."""
    return cc.Task(
        TaskDefinition(
            name="names",
            templates=tuple(Template(word, "Then {A} " + word + " {B} and") for word in frames),
            pools=(Pool("name", NAMES[:count]),),
            variables=(("a", "name"), ("b", "name"), ("other", "name")),
            slots=(("A", "a"), ("B", "b")),
            answer="a",
            distractor="b",
            counterfactuals=(("abc", (("A", "other"),)),),
            **options,
        ),
        chosen="test",
    )


PAIRED, PLAIN = task_of(pairs=("a", "b")), task_of()


@pytest.fixture
def one_look(with_settings):
    with with_settings(samples=32):
        yield


def units(task, model, n):
    """[prompt]: template and names, whichever comes first."""
    prompts = task.prompts(n, model=model)
    return np.array([" ".join((prompt.template, *sorted(prompt.slots.values()))) for prompt in prompts])


def means_of_sampling_units(values, names):
    return np.array([values[names == name].mean() for name in dict.fromkeys(names)])


def ends(found):
    return found.low, found.high


def offset(logits, prompts):
    return 5 + logits[:, 0].double().abs()


def same_either_way(_logits, prompts):
    """A number of the template and the two names, not of their order."""
    words = ("".join(sorted((*prompt.slots.values(), prompt.template))) for prompt in prompts)
    return torch.tensor([float(np.random.default_rng(list(word.encode())).normal()) for word in words]).double()


# What pairs change and what they do not


def test_they_change_neither_prompts_nor_digest(model):
    assert PAIRED.definition.digest == PLAIN.definition.digest
    assert PAIRED.prompts(40, model=model) == PLAIN.prompts(40, model=model)
    np.testing.assert_array_equal(PAIRED.logit_diff(model).values(32), PLAIN.logit_diff(model).values(32))


def test_labels_are_equal_exactly_where_the_same_names_stand_in_the_same_template(model):
    labels = PAIRED.definition.labels(model.tokenizer, seed=0, stream="test", rows=range(90))
    expected = units(PAIRED, model, 90)
    assert 45 < len(set(expected)) == len({label.sampling_unit for label in labels}) < 90
    assert len({(label.sampling_unit, name) for label, name in zip(labels, expected, strict=True)}) == len(set(expected))
    assert {
        label.sampling_unit for label in PLAIN.definition.labels(model.tokenizer, seed=0, stream="test", rows=range(9))
    } == {None}


def test_prompts_that_differ_in_anything_else_stay_apart(model):
    swapped = TaskDefinition(
        name="both",
        templates=(Template("met", "Then {A} and {B} met in {C} and"),),
        pools=(Pool("name", NAMES[:4]), Pool("place", ("school", "house", "park"))),
        variables=(("a", "name"), ("b", "name"), ("c", "place")),
        slots=(("A", "a"), ("B", "b"), ("C", "c")),
        answer="a",
        distractor="b",
        pairs=("a", "b"),
    )
    task = cc.Task(swapped, chosen="test")
    size = swapped.size(model.tokenizer, "test")
    labels = swapped.labels(model.tokenizer, seed=0, stream="test", rows=range(size))
    keys = [(*sorted((p.slots["A"], p.slots["B"])), p.slots["C"]) for p in task.prompts(size, model=model)]
    assert len(set(keys)) == len({label.sampling_unit for label in labels}) == len(set(zip(keys, labels, strict=True)))
    assert len(set(keys)) < size


# Intervals, by hand on the means of pairs


def test_a_real_mean_is_over_units(one_look, model):
    quantity = PAIRED.logit_diff(model)
    means = means_of_sampling_units(quantity.values(32), units(PAIRED, model, 32))
    decision = (quantity > 5).decide().decision
    assert 16 < len(means) < 32
    assert ends(decision) == pytest.approx(ends(skew_guarded(means, 0.025)))
    assert (decision.estimate, decision.n) == (pytest.approx(means.mean()), 32)
    assert ends(decision) != pytest.approx(ends((PLAIN.logit_diff(model) > 5).decide().decision))


@pytest.mark.parametrize("name", ["accuracy", "share", "probability"])
def test_a_bounded_mean_is_a_bet_on_units(one_look, model, name):
    def measured(task):
        share = task.logit_diff(model).above(0)
        return {"accuracy": task.accuracy(model), "share": share, "probability": task.metric(cc.probability(), model)}[name]

    means = means_of_sampling_units(measured(PAIRED).values(32), units(PAIRED, model, 32))
    decision = (measured(PAIRED) > 0.99).decide().decision
    assert ends(decision) == pytest.approx(ends(betting_interval(means, 0, 1, 0.05)), abs=1e-6)
    assert "betting" in decision.method


def test_a_ratio_is_one_of_unit_means(one_look, model):
    ratio = PAIRED.logit_diff(model) / PAIRED.metric(offset, model)
    pairs, names = ratio.values(32), units(PAIRED, model, 32)
    columns = np.array([means_of_sampling_units(pairs[part], names) for part in ("numerator", "denominator")])
    n = columns.shape[1]
    expected = decide(lambda rows: columns, lambda c: RatioOfMeans(c[0], c[1]), Above(5), Design(first=n, maximum=n))
    assert ends((ratio > 5).decide().decision) == pytest.approx(ends(expected), abs=1e-6)


def test_every_look_counts_the_units_so_far(model, with_settings):
    with with_settings(samples=64):
        quantity = PAIRED.logit_diff(model)
        values, names = quantity.values(64), units(PAIRED, model, 64)
        threshold = means_of_sampling_units(values, names).mean()
        decision = (quantity > threshold).decide().decision
        tails = [Design(maximum=64).level(look).tail for look in (0, 1, 2)]
    for (n, *found), tail in zip(decision.looks, tails, strict=True):
        assert found == pytest.approx(ends(skew_guarded(means_of_sampling_units(values[:n], names[:n]), tail)))


def test_a_number_that_knows_no_order_is_not_counted_twice(one_look, model):
    """32 of 36 prompts, most with their partner: wider than what takes them for 32 numbers."""
    paired, plain = task_of(SIX, 4, pairs=("a", "b")), task_of(SIX, 4)
    values, names = paired.metric(same_either_way, model).values(32), units(paired, model, 32)
    means = means_of_sampling_units(values, names)
    assert len(set(values)) == len(means) < 26
    both = [(task.metric(same_either_way, model) > 50).decide().decision for task in (paired, plain)]
    assert ends(both[0]) == pytest.approx(ends(skew_guarded(np.unique(values), 0.025)))
    assert both[0].high - both[0].low > 1.1 * (both[1].high - both[1].low)


def test_new_templates_are_judged_by_their_units(model, with_settings):
    task = task_of(SIX, pairs=("a", "b"))
    with with_settings(samples=64, scope="new_templates"):
        quantity = task.logit_diff(model)
        decision = (quantity > 50).decide().decision
        values, names = quantity.values(decision.n), units(task, model, decision.n)
    means = means_of_sampling_units(values, names)
    templates = np.array([name.split()[0] for name in dict.fromkeys(names)])
    of_templates = np.array([means[templates == frame].mean() for frame in SIX])
    tail = Design(maximum=64).level(len(decision.looks) - 1).tail
    assert len(means) < decision.n
    assert ends(decision) == pytest.approx(ends(skew_guarded(of_templates, tail)))


@pytest.mark.parametrize(
    "options", [{"pairs": ("a",)}, {"pairs": ("a", "a")}, {"pairs": ("a", "zzz")}, {"second_cluster": "zzz"}]
)
def test_pairs_and_clusters_that_cannot_be_are_refused(options):
    with pytest.raises(cc.errors.BadTask):
        task_of(**options)
