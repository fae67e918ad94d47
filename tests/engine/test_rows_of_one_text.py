"""Rows that are tokens of one text take one pass together, where that gives every row the value that it has by itself.

How it could be fooled: a write at one row's END reaches another row; a value of another prompt is taken for all of them; a
metric reads the END of the wrong row."""

import random
from collections import Counter
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
from registries import put_back
from tiny_dictionaries import random_dictionary

import circuitcheck as cc
from circuitcheck.engine.torch.running import sharing
from circuitcheck.ext import InterventionBase, Site, Write, register_kernel

ROWS = 4  # of each text
WORDS = ("Mary", "John", "store", "park", "gave", "went", "and", "then", "Tom", "flower")


def in_the_first_window(token):
    return 2 < token.index < 23


@pytest.fixture(scope="module")
def model(one_session, tiny_gpt2):
    with cc.use_session(one_session):
        return cc.load(str(tiny_gpt2))


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    """40 texts, of which a window of 24 tokens is read."""
    chance, file = random.Random(0), tmp_path_factory.mktemp("texts") / "texts.txt"
    texts = [" ".join([str(number), *chance.choices(WORDS, k=24)]) for number in range(40)]
    file.write_text("<|endoftext|>".join(texts), encoding="utf-8")
    return cc.corpus(file, separator="<|endoftext|>", context=24, per_document=ROWS, where=in_the_first_window).on_stream(
        "test"
    )


@pytest.fixture(scope="module")
def texts(task, model):
    """The text of each row, as tokens."""
    return [prompt.tokens for prompt in task.iterate(model)]


@pytest.fixture
def measure(one_session, texts, monkeypatch):
    """(values, receipts, passes of the model) of all rows, in a session of its own; `together` lets rows share a pass."""

    def run(make, *, together=True):
        with monkeypatch.context() as patch, cc.use_session(cc.Session(make_engine=lambda _: one_session.engine)) as session:
            if not together:
                patch.setattr(sharing, "_shares", lambda node: False)
            quantity = make()
            found = session.measure(quantity.prompts, quantity.cells, range(len(texts)))
            return found.values, found.receipts, session.forward_passes

    return run


@pytest.fixture(scope="module")
def q(one_session):
    with cc.use_session(one_session):
        return random_dictionary("L1.resid_post", 32)


def direction(model):
    return cc.direction(np.random.default_rng(0).normal(size=32), model)


SHARED = {
    "clean": (1, lambda task, model, q: task.loss(model)),
    "kl of an ablation": (2, lambda task, model, q: task.metric(cc.kl_from_clean(), model.ablate("L0H1", kind="zero"))),
    "zero": (1, lambda task, model, q: task.loss(model.ablate("L1.mlp, L0H2", kind="zero"))),
    "mean": (1, lambda task, model, q: task.loss(model.ablate("L1H1", kind="mean", n=8))),
    "pattern": (1, lambda task, model, q: task.loss(model.ablate("L1H1.pattern", kind="zero"))),
    "removal": (1, lambda task, model, q: task.loss(model.remove(q[3, 7]))),
    "mean of features": (1, lambda task, model, q: task.loss(model.ablate(q[3, 7], kind="mean", n=8))),
    "reconstruction": (2, lambda task, model, q: task.metric(cc.kl_from_clean(), model.through(q))),
    "steering": (1, lambda task, model, q: task.loss(model.add(direction(model), layers=1))),
    "firing": (1, lambda task, model, q: task.metric(cc.fires(q[3]), model)),
    "two edits": (1, lambda task, model, q: task.loss(model.ablate("L0H1", kind="zero").clamp(q[3], 2.0))),
}


@pytest.mark.parametrize("runs, make", SHARED.values(), ids=SHARED)
@pytest.mark.sampled(4)
def test_a_text_is_run_once_for_all_of_its_rows(task, model, q, texts, measure, runs, make):
    quantity = make(task, model, q)
    measure(lambda: quantity)  # means are kept from now on
    values, receipts, passes = measure(lambda: quantity)
    alone, own_receipts, of_each = measure(lambda: quantity, together=False)
    np.testing.assert_allclose(values, alone, atol=1e-5)
    assert (passes, of_each) == (runs * len(set(texts)), runs * len(texts))
    assert receipts_alike(receipts, own_receipts)


def receipts_alike(some, others):
    for one, other in zip(some, others, strict=True):
        np.testing.assert_allclose(one.relative, other.relative, atol=1e-5)
        np.testing.assert_allclose(one.output, other.output, atol=1e-5)
        for feature, same in zip(one.features, other.features, strict=True):
            np.testing.assert_allclose(feature.activation, same.activation, atol=1e-5)
    return True


@dataclass(frozen=True)
class Own(InterventionBase):
    """Somebody's zeros in the place of L1H2: at every token, but nobody knows whether it always does the same there."""

    @property
    def writes(self):
        return ((Site("z", 1, 2), None),)

    def describe(self):
        return "own zeros"


@pytest.fixture(autouse=True)
def own_kernel():
    with put_back():
        register_kernel(Own)(lambda intervention, batch, sources: [Write("z", 1, partial(zeroed, where=batch.where(None)))])
        yield


def zeroed(value, *, where):
    new = value.clone()
    new[(*where, 2)] = 0
    return new


APART = {
    "only END": lambda task, model, q: task.loss(model.ablate("L0H1", kind="zero", at="END")),
    "END of a mean": lambda task, model, q: task.loss(model.ablate("L0H1", kind="mean", at="END", n=8)),
    "END of features": lambda task, model, q: task.loss(model.clamp(q[3], 4.0, at="END")),
    "END of a reconstruction": lambda task, model, q: task.loss(model.through(q, at="END")),
    "END of steering": lambda task, model, q: task.loss(model.add(direction(model), layers=1, at="END")),
    "resample": lambda task, model, q: task.loss(model.ablate("L0H1", kind="resample", n=32)),
    "resample of features": lambda task, model, q: task.loss(model.ablate(q[3], kind="resample", n=32)),
    "run that goes on with the answer": lambda task, model, q: task.log_prob(model.ablate("L0H1", kind="zero")),
    "one's own": lambda task, model, q: task.loss(model.intervene(Own())),
    "knock-out": lambda task, model, q: task.loss(model.knock_out_attention("L1H1", query="END", key="END-1")),
    "an edit and one at END": lambda task, model, q: task.loss(model.remove(q[3]).ablate("L2H1", kind="zero", at="END")),
}


@pytest.mark.parametrize("make", APART.values(), ids=APART)
@pytest.mark.sampled(4)
def test_what_differs_from_row_to_row_is_run_row_by_row(task, model, q, texts, measure, make):
    quantity = make(task, model, q)
    measure(lambda: quantity)
    values, receipts, passes = measure(lambda: quantity)
    alone, own_receipts, of_each = measure(lambda: quantity, together=False)
    assert (values == alone).all()
    assert passes == of_each >= len(texts)
    assert receipts == own_receipts


def test_texts_are_shared_and_rows_differ(task, model, texts):
    """Else nothing here would be tested."""
    assert Counter(Counter(texts).values()).keys() & {ROWS}
    assert len(set(texts)) * 2 < len(texts)
    assert len(set(task.loss(model).values(len(texts)))) > len(texts) / 2


def test_a_metric_of_ones_own_gets_one_row_a_prompt(task, model, texts, measure):
    seen = []

    def metric(logits, prompts):
        seen.append((len(logits), len(prompts)))
        return logits.double().log_softmax(-1)[range(len(prompts)), [prompt.answer_ids[0] for prompt in prompts]]

    view = model.ablate("L0H1", kind="zero")
    values, _, passes = measure(lambda: task.metric(metric, view))
    assert all(rows == prompts for rows, prompts in seen)
    assert max(rows for rows, _ in seen) > len(set(texts))
    assert passes == len(set(texts))
    np.testing.assert_allclose(values, measure(lambda: task.log_prob(view))[0], atol=1e-5)
