"""Files that corpora are read from, and sources that are refused."""

import json
import re
import tracemalloc

import pytest
from corpus_by_hand import DOCUMENTS, FORMATS, by_hand, rows, write

import circuitcheck as cc
from circuitcheck.errors import BadRecord, BadTask, CircuitCheckError


@pytest.fixture
def model(tiny_gpt2):
    return cc.load(str(tiny_gpt2), bos="never")


@pytest.fixture
def file(tmp_path):
    return write(tmp_path / "text.jsonl", DOCUMENTS)


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
        cc.corpus(f"hub:{tmp_path / 'mine'}", split="nowhere").prompts(1, model=model)


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
@pytest.mark.sampled(2)
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


@pytest.mark.sampled(1)
@pytest.mark.parametrize("suffix", ["jsonl", "txt"])
def test_a_large_file_is_not_held_in_memory(tmp_path, model, suffix):
    story = "Then Mary met John and then Tom went to the store. " * 80
    path = write(tmp_path / f"large.{suffix}", [f"({i}) {story}" for i in range(12_500)], "\n\n")
    assert path.stat().st_size > 5e7
    tracemalloc.start()
    try:
        assert cc.corpus(path, documents=20, context=32).prompts(2, model=model)
        assert tracemalloc.get_traced_memory()[1] < 1.5e7
    finally:
        tracemalloc.stop()


def test_stories_are_bundled(model):
    task = cc.corpus("stories", where=cc.after('!"'), context=64)
    prompts = task.prompts(32, model=model)
    assert all(prompt.text.endswith('!"') for prompt in prompts)
    assert len({prompt.text for prompt in prompts}) == 32


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
@pytest.mark.sampled(4)
def test_a_source_that_cannot_be_read_is_named_with_what_is_wrong(tmp_path, model, name, content, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BadRecord, match=f"(?s){words}") as caught:
        cc.corpus(tmp_path / name).prompts(1, model=model)
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
@pytest.mark.sampled(4)
def test_options_that_mean_nothing_or_leave_nothing_are_refused(tmp_path, model, options, words):
    path = write(tmp_path / "mine.jsonl", [f"({i}) " + "Tom went and " * 30 for i in range(8)])
    with pytest.raises(BadTask, match=words):
        cc.corpus(path, **options).prompts(1, model=model)


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
