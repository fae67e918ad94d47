"""Prompts from files: what is in a file is what is measured, whatever its format, order and length."""

import csv
import json
import re
from itertools import product
from math import log

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from how_many import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from transformers import AutoModelForCausalLM, AutoTokenizer

import circuitcheck as cc
from circuitcheck.errors import CircuitCheckError
from circuitcheck.prompts import STREAMS
from circuitcheck.stats import skew_guarded

FORMATS = ("jsonl", "csv", "parquet")
NAMES = ("Mary", "John", "Tom", "James", "Sarah", "David", "Paul", "Mark", "Anna", "Emma")


@pytest.fixture(scope="module")
def model(one_session, tiny_gpt2):
    with cc.use_session(one_session):
        return cc.load(str(tiny_gpt2))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("records")


class Plain:
    """The same model, run by transformers alone."""

    def __init__(self, folder):
        self.network = AutoModelForCausalLM.from_pretrained(folder).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)

    def ids(self, text):
        return self.tokenizer(text).input_ids

    def log_prob(self, text, answer):
        ids, before = self.ids(text + answer), len(self.ids(text))
        with torch.no_grad():
            found = self.network(torch.tensor([ids])).logits[0].double().log_softmax(-1)
        return sum(found[i - 1, ids[i]].item() for i in range(before, len(ids)))


@pytest.fixture(scope="module")
def plain(tiny_gpt2):
    return Plain(tiny_gpt2)


def write(path, rows):
    """Rows as JSON would have them, in the format that the path's ending names."""
    if path.suffix == ".jsonl":
        path.write_bytes("".join(json.dumps(row, ensure_ascii=len(rows) % 2 == 0) + "\n" for row in rows).encode())
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        cells = [flat(row) for row in rows]
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, cells[0])
            writer.writeheader()
            writer.writerows(cells)
    return path


def flat(row):
    spelled = {f"counterfactual:{name}": text for name, text in row.get("counterfactuals", {}).items()}
    for name, place in row.get("positions", {}).items():
        spelled[f"position:{name}"] = place if isinstance(place, str) else f"{place[0]}:{place[1]}"
    return {key: value for key, value in row.items() if key not in ("positions", "counterfactuals")} | spelled


def records(folder, rows, suffix="jsonl", name="prompts", **options):
    return cc.Task.from_records(write(folder / f"{name}.{suffix}", rows), **options).on_stream("test")


def said(prompt):
    """What a prompt is, without its place in a stream and its template."""
    others = {name: (other.text, other.tokens) for name, other in prompt.counterfactuals.items()}
    places = dict(prompt.positions)
    answers = (prompt.answer, prompt.answer_ids, prompt.distractor, prompt.distractor_ids)
    return prompt.text, (prompt.tokens, places, answers, others)


def by_text(task, model, stream="test"):
    found = [said(prompt) for prompt in task.iterate(model, stream=stream)]
    assert len(dict(found)) == len(found)
    return dict(found)


def met(a, b, **more):
    return {"text": f"Then {a} met {b} and", "answer": f" {a}", **more}


PAIRS = [(a, b) for a, b in product(NAMES, NAMES) if a != b]
ODD = "\"',;:|\\/{}[]#=\t \n\r\x0b\x0c\x1c\x85\u2028\u2029\u00a0\ufeff\x00aeéß中😀\u0301"
odd = st.text(st.sampled_from(ODD), max_size=12)


@st.composite
def odd_rows(draw):
    """Texts of odd characters around a name and a number, which are tokens of their own."""
    suffix = draw(st.sampled_from(("", ".", "\n", '"', "\r\n", "…\u2028")))
    tail = f" {draw(st.sampled_from(NAMES))} and {draw(odd)};{suffix}"
    row = {"answer": draw(st.sampled_from((" Tom", " Tom and then", ' "Tom, "', " Tom\nand", " 中\r\n", "\n\nTom")))}
    before, number = draw(odd), draw(st.integers(0, 10**6))
    start = f"{before}({number}):"
    row["text"] = start + tail
    row["distractor"] = draw(st.sampled_from((" Mark", ' "Mark"', " Mark,\r\nand")))
    row["counterfactuals"] = {"odd, one": f"{start} {draw(st.sampled_from(('store', 'park')))}{tail[tail.index(' and') :]}"}
    end = len(start) + tail.index(" and")
    row["positions"] = {"name": [len(start) + 1, end], "NUMBER": f"({number})"}
    return row | {"stream": "test"}


def expected(row, tokenizer):
    def tokens(text):
        return tuple(tokenizer(text).input_ids)

    text = row["text"]
    offsets = tokenizer(text, return_offsets_mapping=True).offset_mapping
    start = text.index(row["positions"]["NUMBER"])
    spans = {"name": row["positions"]["name"], "NUMBER": (start, start + len(row["positions"]["NUMBER"]))}
    places = {
        name: tuple(i for i, (a, b) in enumerate(offsets) if a < end and b > begin) for name, (begin, end) in spans.items()
    }
    answers = [(row[part], tokens(text + row[part])[len(tokens(text)) :]) for part in ("answer", "distractor")]
    others = {name: (other, tokens(other)) for name, other in row["counterfactuals"].items()}
    return tokens(text), places | {"END": (len(offsets) - 1,)}, (*answers[0], *answers[1]), others


@given(
    rows=st.lists(odd_rows(), min_size=1, max_size=5, unique_by=lambda row: row["text"]),
    first=st.sampled_from(FORMATS),
    second=st.sampled_from(FORMATS),
)
@settings(max_examples=examples(60), deadline=None)
def test_odd_texts_come_back_letter_by_letter_from_every_format_to_every_format(folder, model, plain, rows, first, second):
    task = records(folder, rows, first)
    found = by_text(task, model)
    assert found == {row["text"]: expected(row, plain.tokenizer) for row in rows}
    again = folder / f"again.{second}"
    assert task.to_records(again, len(rows), model=model) == len(rows)
    assert by_text(cc.Task.from_records(again), model) == found


def defined():
    """Slots and answers of any length, positions that move with them, two counterfactuals."""
    return cc.Task.define(
        "defined",
        templates={"met": 'Then {A}, "the {P}", met {B} and', "saw": "Now {B}\nsaw {A} in the {P} and"},
        pools={"name": [*NAMES[:5], *(f"{name}xy" for name in NAMES[:5])], "place": ["store", "park", "café, old"]},
        draw={"A": "name", "B": "name", "C": "name", "P": "place"},
        answer="A",
        distractor="B",
        counterfactuals={"swap": {"A": "B", "B": "A"}, "fresh": {"A": "C"}},
        tokens=None,
        answer_tokens=None,
    )


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("stream, seed", [("test", 0), ("reference", 3)])
def test_a_tasks_own_prompts_come_back_from_a_file(folder, model, suffix, stream, seed):
    task, path = defined(), folder / f"mine.{suffix}"
    assert task.to_records(path, 40, model=model, stream=stream, seed=seed) == 40
    original = task.prompts(40, model=model, stream=stream, seed=seed)
    found = {}
    for each in STREAMS:
        found |= by_text(cc.Task.from_records(path), model, each)
    assert found == dict(said(prompt) for prompt in original)


@pytest.mark.parametrize("suffix", FORMATS)
def test_what_is_measured_on_a_file_is_what_was_measured_on_the_task(folder, model, suffix):
    task, path = defined().on_stream("test"), folder / f"measured.{suffix}"
    task.to_records(path, 24, model=model)
    mine = cc.Task.from_records(path).on_stream("test")
    for view in (model, model.on("swap"), model.ablate("L1.mlp", kind="counterfactual", source="fresh", at="A[:]")):
        values = [dict(zip(texts(each, model, 24), each.log_prob(view).values(24), strict=True)) for each in (task, mine)]
        assert values[0] == pytest.approx(values[1], abs=1e-5)


def texts(task, model, n):
    return [prompt.text for prompt in task.prompts(n, model=model)]


# Answers of several tokens

LONG = [
    met(a, b, answer=f" {a}{more}", distractor=f" {b}", counterfactuals={"swap": f"Then {b} met {a} and"}, stream="test")
    for (a, b), more in zip(PAIRS[:12], ("", " and then", "xyz, who"), strict=False)
] + [
    met(a, b, text=f"Long ago {a} met {b} and", answer=f" {a}" + more, distractor=" Mark", stream="test")
    | {"counterfactuals": {"swap": f"Long ago {b} met {a} and"}}
    for (a, b), more in zip(PAIRS[20:32], ("", ", and then they left", " met\nagain") * 4, strict=True)
]


def test_log_prob_is_the_sum_over_the_answers_tokens_each_after_those_before_it(folder, model, plain):
    task, answers = records(folder, LONG), {row["text"]: row["answer"] for row in LONG}
    assert len({len(plain.ids(answer)) for answer in answers.values()}) > 3
    prompts = task.prompts(len(LONG), model=model)
    for view, text in ((model, lambda p: p.text), (model.on("swap"), lambda p: p.counterfactuals["swap"].text)):
        by_hand = [plain.log_prob(text(prompt), answers[prompt.text]) for prompt in prompts]
        np.testing.assert_allclose(task.log_prob(view).values(len(LONG)), by_hand, atol=1e-4)


def test_an_answer_of_one_token_has_its_own_log_probability(folder, model):
    task = records(folder, [met(a, b, stream="test") for a, b in PAIRS[:20]])
    probability = task.metric(cc.probability(), model).values(20)
    np.testing.assert_allclose(task.log_prob(model).values(20), [log(p) for p in probability], atol=1e-5)


def test_logit_diff_compares_first_tokens(folder, model, plain):
    rows = [met(a, b, answer=f" {a} and then", distractor=f" {b}, too", stream="test") for a, b in PAIRS[:20]]
    task, by_hand = records(folder, rows), []
    for prompt in task.prompts(20, model=model):
        ids = plain.ids(prompt.text)
        with torch.no_grad():
            logits = plain.network(torch.tensor([ids])).logits[0, -1]
        first, second = (plain.ids(prompt.text + answer)[len(ids)] for answer in (prompt.answer, prompt.distractor))
        by_hand.append((logits[first] - logits[second]).item())
    np.testing.assert_allclose(task.logit_diff(model).values(20), by_hand, atol=1e-4)


def test_logit_diff_refuses_answers_that_begin_alike_and_log_prob_does_not(folder, model):
    rows = [met(a, b, distractor=f" {b}", stream="test") for a, b in PAIRS[:10]]
    task = records(folder, [*rows, met("Tom", "Anna", distractor=" Tom and Anna", stream="test")])
    assert len(task.log_prob(model).values(11)) == 11
    with pytest.raises(CircuitCheckError, match="first token|begin|same token|share"):
        task.logit_diff(model).values(11)


def test_logit_diff_refuses_records_without_distractors(folder, model):
    task = records(folder, [met(a, b, stream="test") for a, b in PAIRS[:10]])
    with pytest.raises(CircuitCheckError, match="distractor"):
        task.logit_diff(model).values(10)


# Streams

MANY = [{"text": f"Case {number}: then Tom met Mary and", "answer": " Tom"} for number in range(1500)]


def streams(task, model):
    """text -> stream, of every prompt; none is in two."""
    found = [(prompt.text, stream) for stream in STREAMS for prompt in task.iterate(model, stream=stream)]
    assert len(dict(found)) == len(found)
    return dict(found)


@pytest.fixture(scope="module")
def hashed(one_session, folder, model):
    with cc.use_session(one_session):
        return streams(records(folder, MANY, name="many"), model)


def test_rows_without_a_stream_are_in_one_each_half_a_quarter_a_quarter(hashed):
    assert set(hashed) == {row["text"] for row in MANY}
    for stream, share in zip(("test", "discovery", "reference"), (0.5, 0.25, 0.25), strict=True):
        count = sum(each == stream for each in hashed.values())
        assert binom.ppf(1e-4, len(MANY), share) <= count <= binom.isf(1e-4, len(MANY), share)


def test_a_row_stays_in_its_stream_whatever_comes_before_and_after_it_and_wherever_it_is_kept(folder, model, hashed):
    part = {text: hashed[text] for text in (row["text"] for row in MANY[:100])}
    appended = [*MANY[100:0:-7], *MANY[:100:3], {"text": "Something else: then Tom and", "answer": " Tom"}]
    for name, suffix in (("fewer", "csv"), ("other", "parquet")):
        found = streams(records(folder, MANY[:100][::-1], suffix, name), model)
        assert found == part
    rows = list({row["text"]: row for row in appended}.values())
    found = streams(records(folder, rows, name="appended"), model)
    assert {text: found[text] for text in found if text in hashed} == {
        text: hashed[text] for text in found if text in hashed
    }


def test_a_rows_own_stream_comes_before_its_hash(folder, model, hashed):
    told = {row["text"]: tuple(STREAMS)[i % 3] for i, row in enumerate(MANY[:60])}
    rows = [row | {"stream": told[row["text"]]} for row in MANY[:60]] + MANY[60:120]
    assert streams(records(folder, rows), model) == {row["text"]: hashed[row["text"]] for row in rows} | told


def test_every_seed_has_the_same_streams_in_an_order_of_its_own(folder, model, hashed):
    task = records(folder, MANY[:200])
    orders = [[prompt.text for prompt in task.iterate(model, seed=seed)] for seed in (0, 1)]
    assert orders[0] != orders[1]
    assert set(orders[0]) == set(orders[1]) == {text for text in (r["text"] for r in MANY[:200]) if hashed[text] == "test"}
    assert [prompt.text for prompt in task.prompts(9, model=model)] == orders[0][:9]


# Clusters

GROUPED = [
    {"text": f"Case {number}, told {'again ' * time}: then Tom met Mary and", "answer": " Tom", "cluster": f"c{number}"}
    for number in range(90)
    for time in range(1 + number % 4)
]
CLUSTER = {row["text"]: row["cluster"] for row in GROUPED}


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_cluster_is_in_one_stream(folder, model, suffix):
    found = streams(records(folder, GROUPED, suffix), model)
    assert set(found) == set(CLUSTER)
    held = {(CLUSTER[text], stream) for text, stream in found.items()}
    assert len(held) == 90
    assert {stream for _, stream in held} == set(STREAMS)


def test_rows_of_one_cluster_count_as_one(folder, model):
    task = records(folder, [row | {"template": "told", "stream": "test"} for row in GROUPED])
    quantity = task.log_prob(model)
    values, clusters = quantity.values(64), [CLUSTER[text] for text in texts(task, model, 64)]
    means = np.array([values[[c == cluster for c in clusters]].mean() for cluster in dict.fromkeys(clusters)])
    assert len(means) < 64
    found, by_hand = quantity.estimate(64), skew_guarded(means, 0.025)
    assert (found.value, found.low, found.high) == pytest.approx((means.mean(), by_hand.low, by_hand.high))


@pytest.mark.parametrize("labels, count", [(("one", "two", "three"), 3), ((), 40)])
def test_the_template_is_a_label_and_without_one_every_row_is_its_own(folder, model, labels, count):
    rows = [
        met(a, b, stream="test") | ({"template": labels[i % 3]} if labels else {}) for i, (a, b) in enumerate(PAIRS[:40])
    ]
    task = records(folder, rows)
    assert len({prompt.template for prompt in task.iterate(model)}) == count
    decision = (task.log_prob(model) < 1).decide()
    assert decision.templates == len({prompt.template for prompt in task.prompts(decision.decision.n, model=model)})


@given(bad=st.sets(st.integers(0, 19), min_size=1, max_size=19))
@example(bad={0})
@settings(max_examples=15, deadline=None)
def test_rows_that_only_a_tokenizer_can_tell_are_as_if_they_were_not_there(folder, model, bad):
    rows = [met(a, b, stream="test", counterfactuals={"swap": f"Then {b} met {a} and"}) for a, b in PAIRS[:20]]
    mixed = [row | {"counterfactuals": {"swap": "Then they"}} if i in bad else row for i, row in enumerate(rows)]
    task = records(folder, mixed, strict=False)
    good = records(folder, [row for i, row in enumerate(rows) if i not in bad], name="good")
    assert by_text(task, model) == by_text(good, model)
    n = 20 - len(bad)
    assert re.search(rf"\b{n} of 20 rows", str(task.explain(model)))
    values = [dict(zip(texts(each, model, n), each.log_prob(model).values(n), strict=True)) for each in (task, good)]
    assert values[0] == pytest.approx(values[1], abs=1e-5)
