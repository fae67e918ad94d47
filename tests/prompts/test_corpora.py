"""Running text, against walking through its documents token by token, and against transformers alone."""

import os
import re
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
import torch
from corpus_by_hand import DOCUMENTS, by_hand, documents, row, rows, walk, write
from transformers import AutoModelForCausalLM

import circuitcheck as cc
from circuitcheck.prompts import STREAMS


@pytest.fixture(scope="module")
def models(one_session, tiny_gpt2):
    with cc.use_session(one_session):
        return {bos: cc.load(str(tiny_gpt2), bos=bos) for bos in ("never", "always")}


@pytest.fixture(scope="module")
def model(models):
    return models["never"]


@pytest.fixture(scope="module")
def network(tiny_gpt2):
    return AutoModelForCausalLM.from_pretrained(tiny_gpt2).eval()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write(tmp_path_factory.mktemp("corpus") / "text.jsonl", DOCUMENTS)


def seen(token):
    return token.index % 3 == 1 and token.text.strip() != "and" and token.before.endswith(("m", "n"))


PICKS = {
    "everything": (None, lambda text, begin, end, i: True),
    "after": (cc.after('!"'), lambda text, begin, end, i: text[:end].endswith('!"')),
    "after-words": (cc.after("store and"), lambda text, begin, end, i: text[:end].endswith("store and")),
    "regex": (r"^ ?[A-Z]", lambda text, begin, end, i: bool(re.search(r"^ ?[A-Z]", text[begin:end]))),
    "compiled": (re.compile(r"\s"), lambda text, begin, end, i: bool(re.search(r"\s", text[begin:end]))),
    "callable": (seen, lambda text, begin, end, i: seen(cc.TokenInContext(text[begin:end], text[:begin], i))),
}


@pytest.mark.parametrize("bos, context", [("never", 33), ("always", 8)])
@pytest.mark.parametrize("name", PICKS)
def test_rows_are_the_positions_that_a_walk_through_every_document_picks(file, models, name, context, bos):
    where, picks = PICKS[name]
    expected = by_hand(models[bos], DOCUMENTS, context, picks, only_read=name.startswith("after"))
    assert expected or name == "after-words"  # which no window of 8 tokens may hold
    assert rows(cc.corpus(file, where=where, context=context, per_document=10**6), models[bos]) == expected


def test_a_callable_sees_every_token_with_what_comes_before_it(file, model):
    calls = []
    task = cc.corpus(file, where=lambda token: calls.append(token) or token.index == 2, context=16)
    task.prompts(3, model=model)
    told = {(token.text, token.before, token.index) for token in calls}
    walked = [(text, *walk(model, text)) for text in DOCUMENTS]
    expected = {(t[a:b], t[:a], i) for t, _, spans in walked for i, (a, b) in enumerate(spans)}
    lasts = {(t[spans[-1][0] :], t[: spans[-1][0]], len(spans) - 1) for t, _, spans in walked}
    assert expected - lasts <= told <= expected


@pytest.mark.parametrize("bos", ["never", "always"])
def test_loss_is_that_of_the_next_token_in_the_same_window(file, models, network, bos):
    task = cc.corpus(file, context=24)
    by_hand = []
    for prompt in task.prompts(48, model=models[bos]):
        tokens, end, answer = row(prompt)
        with torch.no_grad():
            logits = network(torch.tensor([tokens[: end + 1]])).logits[0, -1].double()
        by_hand.append(-logits.log_softmax(-1)[answer].item())
    np.testing.assert_allclose(task.loss(models[bos]).values(48), by_hand, atol=1e-4)


SHORT = [f"({number}) " + "Tom went! " * (1 + number % 5) for number in range(60)]


@pytest.fixture
def short(tmp_path):
    return write(tmp_path / "short.jsonl", SHORT)


def number(prompt):
    """Of the document, which every one of these windows begins with."""
    return int(re.match(r"\((\d+)\)", prompt.text)[1])


@pytest.mark.parametrize("most", [1, 3, 16])
def test_rows_come_one_of_each_document_then_a_second_of_each(short, model, most):
    task = cc.corpus(short, where=cc.after("!"), context=64, per_document=most)
    for stream in STREAMS:
        prompts = list(task.iterate(model, stream=stream))
        numbers = [number(prompt) for prompt in prompts]
        counts = Counter(numbers)
        assert counts == {each: min(most, 1 + each % 5) for each in counts}
        rounds = [numbers[:i].count(each) for i, each in enumerate(numbers)]
        assert rounds == sorted(rounds)
        assert len({row(prompt) for prompt in prompts}) == len(prompts)


def test_a_document_is_in_one_stream_whatever_the_seed(short, model):
    task = cc.corpus(short, where=cc.after("!"), context=64)
    held = {
        (number(prompt), stream)
        for stream in STREAMS
        for seed in (0, 5)
        for prompt in task.iterate(model, stream=stream, seed=seed)
    }
    assert len(held) == len(SHORT)
    assert min(Counter(stream for _, stream in held).values()) >= 5


def test_a_row_does_not_depend_on_how_many_are_asked_for_but_on_the_seed(short, model):
    task = cc.corpus(short, where=cc.after("!"), context=64)
    everything = list(task.iterate(model))
    for n in (1, 7, 30):
        assert list(task.prompts(n, model=model)) == list(task.iterate(model, n)) == everything[:n]
    other = list(task.iterate(model, seed=1))
    assert other != everything
    assert Counter(map(row, other)) == Counter(map(row, everything))


PRINT_ROWS = """
import re, sys
import circuitcheck as cc
from circuitcheck.prompts import Encoding

class Letters:
    name, fingerprint, unknown = "letters", "letters", None
    def encode(self, text):
        return Encoding(tuple(map(ord, text)), tuple((i, i + 1) for i in range(len(text))))
    def encode_many(self, texts, *, chat=False):
        return [self.encode(text) for text in texts]
    def decode(self, ids):
        return "".join(map(chr, ids))

task = cc.corpus(sys.argv[1], where="o", documents=20, context=64).definition
for prompt in task.prompts(Letters(), seed=3, stream="test", rows=range(25)):
    print(prompt.text, prompt.positions["END"], prompt.answer)
"""


@pytest.mark.slow
def test_another_process_has_the_same_rows(short):
    runs = [
        subprocess.run(
            [sys.executable, "-c", PRINT_ROWS, str(short)],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONHASHSEED": number},
        ).stdout.splitlines()
        for number in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert len(set(runs[0])) == 25


def test_so_many_documents_are_drawn_from_all_of_the_file(short, model):
    task = cc.corpus(short, where=cc.after("!"), context=64, documents=12)
    numbers = {number(prompt) for stream in STREAMS for prompt in task.iterate(model, stream=stream)}
    assert len(numbers) == 12
    assert max(numbers) >= 20
    assert "12 of 60" in str(task.explain(model))


def test_positions_of_one_document_count_as_one(short, model):
    task = cc.corpus(short, where=cc.after("!"), context=64).on_stream("test")
    quantity = task.loss(model)
    n = 64
    values, numbers = quantity.values(n), [number(prompt) for prompt in task.prompts(n, model=model)]
    means = [values[np.array(numbers) == each].mean() for each in dict.fromkeys(numbers)]
    assert len(means) < n
    assert quantity.estimate(n).value == pytest.approx(np.mean(means))


class Mlp:
    """Of one layer: what it gives is kept, or replaced at one place."""

    def __init__(self, network, layer):
        self.layer, self.kept, self.instead = network.transformer.h[layer].mlp, [], None

    def __call__(self, _module, _inputs, output):
        self.kept.append(output[0].double())
        if self.instead is None:
            return output
        changed = output.clone()
        changed[0, self.instead[0]] = self.instead[1].float()
        return changed


@pytest.mark.parametrize("at", ["END", None])
def test_a_mean_is_over_all_tokens_of_the_reference_windows(tmp_path, model, network, at):
    task = cc.corpus(write(tmp_path / "mine.csv", documents(40)), context=20, per_document=1, documents=10**6)
    task = task.on_stream("test")
    n = sum(1 for _ in task.iterate(model, stream="reference"))
    hook, found = Mlp(network, 1), []
    handle = hook.layer.register_forward_hook(hook)
    try:
        with torch.no_grad():
            for prompt in task.iterate(model, stream="reference"):
                network(torch.tensor([prompt.tokens]))
            mean = torch.cat(hook.kept).mean(0)
            for prompt in task.prompts(12, model=model):
                tokens, end, answer = row(prompt)
                hook.instead = (slice(None) if at is None else end, mean)
                found.append(-network(torch.tensor([tokens])).logits[0, end].double().log_softmax(-1)[answer].item())
    finally:
        handle.remove()
    assert n > 4
    values = task.loss(model.ablate("L1.mlp", kind="mean", at=at, n=n)).values(12)
    np.testing.assert_allclose(values, found, atol=1e-4)
    assert np.abs(values - task.loss(model).values(12)).max() > 0.01
