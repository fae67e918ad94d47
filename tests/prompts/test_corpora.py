"""Running text, against walking through its documents token by token, and against transformers alone."""

import csv
import json
import os
import random
import re
import subprocess
import sys
import tracemalloc
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModelForCausalLM

import circuitcheck as cc
from circuitcheck.errors import BadRecord, BadTask, CircuitCheckError
from circuitcheck.prompts import STREAMS

WORDS = ["Mary", "John", "Tom", "went", "and", "then", "store", "park", "café", "naïve", "24", '"Yes', "no"]
FORMATS = ("txt", "jsonl", "csv", "parquet")


def documents(count, longest=16, seed=0):
    """Texts that begin with a number of their own, in sentences of a few words."""
    chance, found = random.Random(seed), []
    for number in range(count):
        words = [chance.choice(WORDS) for _ in range(chance.randint(3, longest))]
        ends = chance.choices((" ", "! ", '!" ', ". ", "\n", '"\r\n'), (6, 1, 1, 1, 1, 1), k=len(words) - 1)
        found.append(f"({number}) " + "".join(word + end for word, end in zip(words, [*ends, "."], strict=True)))
    return found


DOCUMENTS = [*documents(9), '(9) "Go!" Tom store and then, store and no!" so']


@pytest.fixture(scope="module")
def kept():
    return cc.Session()


@pytest.fixture(autouse=True)
def fresh_session(kept):
    with cc.use_session(kept):
        yield


@pytest.fixture(scope="module")
def models(kept, tiny_gpt2):
    with cc.use_session(kept):
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


def write(path, texts, separator="<|endoftext|>"):
    if path.suffix == ".txt":
        path.write_bytes(separator.join(texts).encode())
    elif path.suffix == ".jsonl":
        path.write_bytes("".join(json.dumps({"id": 1, "text": text}, ensure_ascii=False) + "\n" for text in texts).encode())
    elif path.suffix == ".parquet":
        pq.write_table(pa.table({"id": [1] * len(texts), "text": texts}), path, row_group_size=7)
    else:
        with path.open("w", encoding="utf-8", newline="") as out:
            csv.writer(out).writerows([("id", "text"), *((1, text) for text in texts)])
    return path


def walk(model, text):
    """Ids of a document and, for each, where its token begins and ends: white space belongs to what comes after it."""
    encoded = model.tokenizer.encode(text)
    pairs = [(number, end) for number, (_, end) in zip(encoded.ids, encoded.offsets, strict=True)]
    ids, ends = zip(*(pairs[1:] if model.ref.bos == "always" else pairs), strict=True)
    return ids, list(zip((0, *ends[:-1]), ends, strict=True))


def by_hand(model, texts, context, picks, *, only_read=False):
    """Each row, as window, place in it and next token: all of which `picks(text, begin, end, index)` says yes to. With
    `only_read` it sees of the text what the window holds."""
    rows = []
    for text in texts:
        ids, spans = walk(model, text)
        bos = (0,) if model.ref.bos == "always" else ()
        piece = context - len(bos)
        for i, (begin, end) in enumerate(spans[:-1]):
            start = spans[i - i % piece][0] if only_read else 0
            if picks("\0" * start + text[start:], begin, end, i):
                window = ids[i - i % piece :][:piece]
                rows.append((bos + window, len(bos) + i % piece, ids[i + 1]))
    return Counter(rows)


def row(prompt):
    (end,) = prompt.positions["END"]
    (answer,) = prompt.answer_ids
    return prompt.tokens, end, answer


def rows(task, model):
    """Of all streams."""
    return Counter(row(prompt) for stream in STREAMS for prompt in task.iterate(model, stream=stream))


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


# Which positions are rows, and what follows them


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
    task.sample(3, model=model)
    told = {(token.text, token.before, token.index) for token in calls}
    walked = [(text, *walk(model, text)) for text in DOCUMENTS]
    expected = {(t[a:b], t[:a], i) for t, _, spans in walked for i, (a, b) in enumerate(spans)}
    lasts = {(t[spans[-1][0] :], t[: spans[-1][0]], len(spans) - 1) for t, _, spans in walked}
    assert expected - lasts <= told <= expected


@pytest.mark.parametrize("bos", ["never", "always"])
def test_loss_is_that_of_the_next_token_in_the_same_window(file, models, network, bos):
    task = cc.corpus(file, context=24)
    by_hand = []
    for prompt in task.sample(48, model=models[bos]):
        tokens, end, answer = row(prompt)
        with torch.no_grad():
            logits = network(torch.tensor([tokens[: end + 1]])).logits[0, -1].double()
        by_hand.append(-logits.log_softmax(-1)[answer].item())
    np.testing.assert_allclose(task.loss(models[bos]).values(48), by_hand, atol=1e-4)


# In what order


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
        assert list(task.sample(n, model=model)) == list(task.iterate(model, n)) == everything[:n]
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
    task = cc.corpus(short, where=cc.after("!"), context=64)
    quantity = task.loss(model)
    n = 64
    values, numbers = quantity.values(n), [number(prompt) for prompt in task.sample(n, model=model)]
    means = [values[np.array(numbers) == each].mean() for each in dict.fromkeys(numbers)]
    assert len(means) < n
    assert quantity.estimate(n).value == pytest.approx(np.mean(means))


# What is in a file


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_gives_the_same_documents_with_their_line_endings(tmp_path, model, suffix):
    texts = [*DOCUMENTS[:4], 'He said:\r\n"No."\n\nThen, "Yes."\rAnd\u2028so, on']
    task = cc.corpus(write(tmp_path / f"mine.{suffix}", texts), context=16, per_document=10**6)
    assert rows(task, model) == by_hand(model, texts, 16, lambda *_: True)


def test_a_folder_of_the_hub_gives_them_too(tmp_path, model, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "mine").mkdir()
    write(tmp_path / "mine" / "train.parquet", DOCUMENTS[:5])
    task = cc.corpus(f"hub:{tmp_path / 'mine'}", context=16, per_document=10**6)
    assert rows(task, model) == by_hand(model, DOCUMENTS[:5], 16, lambda *_: True)
    with pytest.raises(BadRecord, match="nowhere"):
        cc.corpus(f"hub:{tmp_path / 'mine'}", split="nowhere").sample(1, model=model)


@pytest.mark.parametrize(
    "separator, said",
    [
        ("\n\n", None),
        ("\n\n\n\n", None),
        ("\r\n\r\n", None),
        ("<|endoftext|>", None),
        ("\n%%\n", "\n%%\n"),
        ("\n\n", "\n\n"),
    ],
)
def test_documents_of_a_text_file_are_divided_by_blank_lines_or_what_is_said(tmp_path, model, separator, said):
    texts = [f"({i}) Tom\r\nwent and\nthen" for i in range(5)]
    path = write(tmp_path / "mine.txt", texts, separator)
    task = cc.corpus(path, context=64, separator=said, per_document=10**6)
    assert rows(task, model) == by_hand(model, texts, 64, lambda *_: True)


def test_blank_lines_divide_nothing_where_the_file_has_marks_between_documents(tmp_path, model):
    texts = [f"({i}) Tom went\n\nand then" for i in range(5)]
    task = cc.corpus(write(tmp_path / "mine.txt", texts), context=64, per_document=10**6)
    assert rows(task, model) == by_hand(model, texts, 64, lambda *_: True)


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_document_that_is_there_again_is_left_out(tmp_path, model, suffix):
    path = write(tmp_path / f"mine.{suffix}", [*DOCUMENTS[:5], *DOCUMENTS[2:7], DOCUMENTS[3]])
    task = cc.corpus(path, context=16, per_document=10**6)
    assert rows(task, model) == by_hand(model, DOCUMENTS[:7], 16, lambda *_: True)
    assert re.search(r"\b4\b.*left out", str(task.explain(model)))


def test_another_field_may_hold_the_text(tmp_path, model):
    path = tmp_path / "mine.jsonl"
    path.write_text("".join(json.dumps({"text": "no", "story": text}) + "\n" for text in DOCUMENTS))
    task = cc.corpus(path, field="story", context=16, per_document=10**6)
    assert rows(task, model) == by_hand(model, DOCUMENTS, 16, lambda *_: True)


@pytest.mark.parametrize("suffix", ["jsonl", "txt"])
def test_a_large_file_is_not_held_in_memory(tmp_path, model, suffix):
    story = "Then Mary met John and then Tom went to the store. " * 80
    path = write(tmp_path / f"large.{suffix}", [f"({i}) {story}" for i in range(12_500)], "\n\n")
    assert path.stat().st_size > 5e7
    tracemalloc.start()
    try:
        assert cc.corpus(path, documents=20, context=32).sample(2, model=model)
        assert tracemalloc.get_traced_memory()[1] < 1.5e7
    finally:
        tracemalloc.stop()


def test_stories_are_bundled(model):
    task = cc.corpus("stories", where=cc.after('!"'), context=64)
    prompts = task.sample(32, model=model)
    assert all(prompt.text.endswith('!"') for prompt in prompts)
    assert len({prompt.text for prompt in prompts}) == 32


# Ablations


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
    n = sum(1 for _ in task.iterate(model, stream="reference"))
    hook, found = Mlp(network, 1), []
    handle = hook.layer.register_forward_hook(hook)
    try:
        with torch.no_grad():
            for prompt in task.iterate(model, stream="reference"):
                network(torch.tensor([prompt.tokens]))
            mean = torch.cat(hook.kept).mean(0)
            for prompt in task.sample(12, model=model):
                tokens, end, answer = row(prompt)
                hook.instead = (slice(None) if at is None else end, mean)
                found.append(-network(torch.tensor([tokens])).logits[0, end].double().log_softmax(-1)[answer].item())
    finally:
        handle.remove()
    assert n > 4
    values = task.loss(model.ablate("L1.mlp", kind="mean", at=at, n=n)).values(12)
    np.testing.assert_allclose(values, found, atol=1e-4)
    assert np.abs(values - task.loss(model).values(12)).max() > 0.01


# What is refused


@pytest.mark.parametrize(
    "name, content, words",
    [
        ("gone.txt", None, "no file"),
        ("odd.docx", b"Tom went", "docx|txt"),
        ("empty.txt", b"", "no text"),
        ("blank.txt", b"\n \n\r\n", "no text"),
        ("latin.txt", "Tom is naïve".encode("latin-1"), "UTF-8"),
        ("line.jsonl", b'{"text": "Tom went"}\n{"text": "Tom', r"line.jsonl:2\b"),
        ("lacking.jsonl", b'{"text": "Tom went"}\n{"txt": "Tom"}', r"lacking.jsonl:2\b.*text"),
        ("number.jsonl", b'{"text": "Tom went"}\n{"text": 3}', r"number.jsonl:2\b.*text"),
        ("column.csv", b"story,id\nTom,1\n", "column.csv.*text"),
        ("broken.parquet", b"Tom went", "Parquet"),
    ],
)
def test_a_source_that_cannot_be_read_is_named_with_what_is_wrong(tmp_path, model, name, content, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BadRecord, match=f"(?s){words}") as caught:
        cc.corpus(tmp_path / name).sample(1, model=model)
    assert name in str(caught.value)


@pytest.mark.parametrize("source", [3, None, b"text.txt", "no-such-corpus"])
def test_what_is_no_source_is_refused(source):
    with pytest.raises(BadRecord):
        cc.corpus(source)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"context": 0}, "context"),
        ({"context": 2.5}, "context"),
        ({"documents": 0}, "documents"),
        ({"per_document": 0}, "per_document"),
        ({"where": "("}, r"\("),
        ({"where": 3}, "where"),
        ({"where": cc.after("zebra")}, "zebra"),
        ({"where": "zebra"}, "zebra"),
        ({"where": lambda token: False}, "0 rows"),
    ],
    ids=lambda part: next(iter(part)) if isinstance(part, dict) else part,
)
def test_options_that_mean_nothing_or_leave_nothing_are_refused(tmp_path, model, options, words):
    path = write(tmp_path / "mine.jsonl", [f"({i}) " + "Tom went and " * 30 for i in range(8)])
    with pytest.raises(BadTask, match=words):
        cc.corpus(path, **options).sample(1, model=model)


def test_windows_longer_than_the_model_reads_are_refused(tmp_path, model):
    task = cc.corpus(write(tmp_path / "mine.jsonl", [f"({i}) " + "Tom went and " * 30 for i in range(8)]), context=100)
    with pytest.raises(BadTask, match="64"):
        task.loss(model).values(4)


def test_nothing_is_nothing_to_come_after():
    with pytest.raises(BadTask):
        cc.after("")


def test_text_has_no_distractors_to_compare_with(file, model):
    with pytest.raises(CircuitCheckError, match="distractor"):
        cc.corpus(file, context=16).logit_diff(model).values(2)
