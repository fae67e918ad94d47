"""Rates, precision, recall, co-firing and lift of features on running text, against numpy on the means of documents.

How it could be fooled: tokens counted one by one, so that long documents decide; the lift's interval that takes firing rates
for known; a probability of both that is the product of two."""

import random

import numpy as np
import pytest
import torch
from tiny_dictionaries import random_dictionary, tiny_sae

import circuitcheck as cc
from circuitcheck.sampling import RatioOfMeans
from circuitcheck.sampling.design import Level

A, B = 0, 1  # places of two features that fire on some of the tokens
WORDS = ("Mary", "John", "store", "park", "gave", "went", "and", "then", "Tom", "flower")


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    """36 documents of 2 to 30 words."""
    chance, file = random.Random(1), tmp_path_factory.mktemp("texts") / "texts.txt"
    texts = [" ".join([str(number), *chance.choices(WORDS, k=2 + 4 * (number % 8))]) for number in range(36)]
    file.write_text("<|endoftext|>".join(texts), encoding="utf-8")
    how = {"separator": "<|endoftext|>", "context": 16, "per_document": None}
    return cc.corpus(file, marks={"name": "M|J|T"}, **how).on_stream("test")


@pytest.fixture(scope="module")
def firing(shared_session, task, model):
    """The dictionary, two of its features, and by hand: whether each fires, [feature, row]; each row's document and mark."""
    with cc.use_session(shared_session):
        q = random_dictionary("L1.resid_post", 32, seed=4)
        prompts = list(task.iterate(model))
        of_text = {
            prompt.tokens: activations(q, model, prompt) for prompt in {each.tokens: each for each in prompts}.values()
        }
        acts = np.array([of_text[prompt.tokens][prompt.positions["END"][0]] for prompt in prompts])
        rates = (acts != 0).mean(axis=0)
        two = np.flatnonzero((rates > 0.3) & (rates < 0.7))[:2]
        assert len(two) == 2
        marked = np.array([prompt.slots["name"] == "yes" for prompt in prompts])
        return q, two.tolist(), (acts[:, two] != 0).T, np.array([each.template for each in prompts]), marked


def activations(q, model, prompt):
    """[token, feature]"""
    value = torch.as_tensor(model.cache([prompt], ["L1.resid_post"])["L1.resid_post"])[0]
    with torch.no_grad():
        return q.inner.encode(value).numpy()


@pytest.fixture
def facts(task, model, firing):
    q, two, *_ = firing
    return cc.facts(task, model, q[two])


def by_document(values, documents):
    """[document]: each document's mean."""
    return np.array([values[documents == each].mean() for each in dict.fromkeys(documents)])


def test_a_rate_is_the_mean_of_documents_rates(facts, firing):
    _, two, fires, documents, _ = firing
    for number, mine in zip(two, fires, strict=True):
        means = by_document(mine, documents)
        found = facts[number].rate().estimate(len(documents))
        assert found.value == pytest.approx(means.mean(), abs=1e-9)
        assert found.value != pytest.approx(mine.mean(), abs=1e-3), "tokens would give the same: nothing is tested"


def test_precision_and_recall_of_a_mark(facts, firing):
    _, two, fires, documents, marked = firing
    mine = fires[A]
    precision = by_document(marked[mine], documents[mine]).mean()
    recall = by_document(mine[marked], documents[marked]).mean()
    one = facts[two[A]]
    assert one.precision("name").estimate(int(mine.sum())).value == pytest.approx(precision, abs=1e-9)
    assert one.recall("name").estimate(int(marked.sum())).value == pytest.approx(recall, abs=1e-9)
    assert precision != pytest.approx(recall, abs=0.01)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("where", ["M|J|T", lambda token: any(each in token.text for each in "MJT")], ids=["regex", "call"])
def test_a_predicate_is_as_good_as_a_mark(facts, firing, where):
    _, two, fires, _, marked = firing
    one, firings, marks = facts[two[A]], int(fires[A].sum()), int(marked.sum())
    assert one.precision(where).estimate(firings).value == one.precision("name").estimate(firings).value
    assert one.recall(where).estimate(marks).value == one.recall("name").estimate(marks).value


def test_precision_is_looked_up_on_so_many_tokens(facts, firing):
    _, two, fires, *_ = firing
    few = facts[two[A]].precision("name", prompts=40)
    with pytest.raises(cc.BadTask, match=f"{fires[A][:40].sum()}"):
        few.values(int(fires[A].sum()))


def test_cofiring_and_lift(facts, firing):
    _, two, fires, documents, _ = firing
    both, first, second = (by_document(each, documents) for each in (fires[A] & fires[B], fires[A], fires[B]))
    n = len(documents)
    assert facts.cofire(*two).estimate(n).value == pytest.approx(both.mean(), abs=1e-9)
    expected = both.mean() / (first.mean() * second.mean())
    assert facts.lift(*two).estimate(n).value == pytest.approx(expected, abs=1e-9)
    assert facts.lift(*reversed(two)).estimate(n).value == pytest.approx(expected, abs=1e-9)


def test_the_lifts_interval_is_the_delta_methods(facts, firing):
    """Var of c / (a b) where all three are means over documents: the gradient times their covariance."""
    _, two, fires, documents, _ = firing
    columns = np.array([by_document(each, documents) for each in (fires[A] & fires[B], fires[A], fires[B])])
    (both, first, second), m = columns.mean(axis=1), columns.shape[1]
    gradient = np.array([1 / (first * second), -both / (first**2 * second), -both / (first * second**2)])
    error = np.sqrt(gradient @ np.cov(columns) @ gradient / m)
    lift = facts.lift(*two)
    above, below = lift.form.parts(lift.draw(range(len(documents))), lambda values: by_document(values, documents))
    residual = above - above.mean() / below.mean() * below
    assert residual.std(ddof=1) / np.sqrt(m) / below.mean() == pytest.approx(error, rel=1e-6)
    found = lift.estimate(len(documents))
    assert 0.9 < (found.high - found.low) / 2 / (2 * error) < 1.6  # t of few documents, and the guard against skewness
    known_rates = np.std(columns[0], ddof=1) / np.sqrt(m) / (first * second)
    assert known_rates != pytest.approx(error, rel=0.2), "rates taken for known would give the same"


@pytest.mark.slow
@pytest.mark.parametrize("dependence", [0.0, 0.6])
def test_the_lifts_interval_covers_the_truth(facts, firing, dependence):
    """On 60 documents of 3 tokens, where the one event is the other's copy as often as `dependence` says, else by chance."""
    rng, runs, shape, often = np.random.default_rng(7), 300, (60, 3), (0.4, 0.3)
    first_rate = dependence * often[1] + (1 - dependence) * often[0]
    truth = (dependence + (1 - dependence) * often[0]) / first_rate
    assert (truth == 1) == (not dependence)
    lift, missed = facts.lift(*firing[1]), 0
    for _ in range(runs):
        second = rng.random(shape) < often[1]
        first = np.where(rng.random(shape) < dependence, second, rng.random(shape) < often[0])
        columns = np.array([first & second, first, second], dtype=float).reshape(3, -1)
        found = RatioOfMeans(*lift.form.parts(columns, lambda values: values.reshape(shape).mean(axis=1)))
        interval = found.interval(Level(0.025, 0.95))
        missed += not interval.low <= truth <= interval.high
    assert 0.01 <= missed / runs <= 0.09


def test_arithmetic_on_a_lift_is_refused(facts, firing):
    one, other = firing[1]
    lift, ratio = facts.lift(one, other), facts.cofire(one, other) / facts[one].rate()
    assert ratio.denominator.digest == lift.denominator.digest
    for compute in (
        lambda: lift + 1,
        lambda: 1 - lift,
        lambda: lift - lift,
        lambda: lift + ratio,
        lambda: ratio + lift,
        lambda: ratio - lift,
    ):
        with pytest.raises(cc.NotComparable, match="a lift is compared as it is"):
            compute()
    for compute in (lambda: lift / lift, lambda: facts[one].rate() / lift, lambda: lift.above(1), lambda: lift.median()):
        with pytest.raises(cc.NotComparable):
            compute()


def test_a_lift_is_claimed_and_has_a_key_of_its_own(facts, firing):
    one, other = firing[1]
    lift = facts.lift(one, other)
    assert lift.digest != (facts.cofire(one, other) / facts[one].rate()).digest
    assert len(lift.cells) == 3
    assert (lift > 0.01).decide().decision.n > 1


# --- which features, and of what text


def test_a_feature_is_named_by_number_or_with_its_dictionary(task, model, firing):
    q, two, *_ = firing
    other = cc.sae(tiny_sae(32, seed=9), at="L1.resid_post")
    both = cc.facts(task, model, q[two], other[two[0]])
    assert both[q[two[0]]].feature == q[two[0]]
    assert both[two[1]].feature == q[two[1]]
    with pytest.raises(cc.BadIntervention, match="several features of that number"):
        both[two[0]]
    with pytest.raises(cc.BadIntervention, match="no such feature"):
        both[31 if 31 not in two else 30]
    with pytest.raises(cc.BadIntervention, match="no such feature"):
        both[other[two[1]]]


def test_precision_of_a_task_without_tokens_to_choose_is_refused(ioi, model, firing):
    q, two, *_ = firing
    with pytest.raises(cc.BadTask, match="no corpus"):
        cc.facts(ioi, model, q[two])[two[A]].precision("M")


def test_bad_predicates_are_refused(facts, firing):
    for where in ("(", 3):
        with pytest.raises(cc.BadTask, match="where="):
            facts[firing[1][A]].recall(where)


# --- metrics that are 0 or 1


def test_both_is_one_where_each_is(task, model, firing):
    q, two, fires, _, marked = firing
    every = cc.both(cc.fires(q[two[A]]), cc.fires(q[two[B]]), cc.marked("name"))
    found = task.metric(every, model).values(len(marked))
    assert found.tolist() == (fires[A] & fires[B] & marked).astype(float).tolist()
    assert every.support == "binary"
    assert every.dictionaries == (q.ref,)


def test_bad_parts_of_both_are_refused(firing):
    q = firing[0]
    for given, words in (
        ((cc.fires(q[0]),), "1 metrics"),
        ((), "0 metrics"),
        ((cc.fires(q[0]), cc.activation(q[1], at="END")), "two or more that are 0 or 1"),
        ((cc.fires(q[0]), "fires"), "'fires'"),
    ):
        with pytest.raises(cc.BadMetric, match=words):
            cc.both(*given)


@pytest.mark.parametrize("name", ["", None, 3])
def test_bad_marks_are_refused(name):
    with pytest.raises(cc.BadMetric, match="name of a mark"):
        cc.marked(name)


def test_a_mark_that_no_prompt_has_is_refused_when_it_is_measured(task, ioi, model):
    for each in (task, ioi):
        with pytest.raises(cc.BadMetric, match="no mark 'nmae'"):
            each.metric(cc.marked("nmae"), model).values(2)
