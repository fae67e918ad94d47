"""Streams: disjoint, complete, without repeats, and each prompt a function of its own index alone."""

import os
import subprocess
import sys
from collections import Counter

import pytest
from how_many import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import save_tokenizer

from circuitcheck.errors import BadTask
from circuitcheck.prompts import STREAMS
from circuitcheck.prompts.builtin.ioi import ioi

PRINT_PROMPTS = """
import sys
from transformers import AutoTokenizer
from circuitcheck.engine.torch.loading.tokenizer import HubTokenizer
from circuitcheck.prompts.builtin.ioi import ioi
tokenizer = HubTokenizer(AutoTokenizer.from_pretrained(sys.argv[1]), "tokenizer", "tiny")
for prompt in ioi().prompts(tokenizer, seed=3, stream="test", rows=range(40, 60)):
    print(prompt.text, prompt.tokens, prompt.answer, {name: other.text for name, other in prompt.counterfactuals.items()})
"""


def texts(task, tokenizer, stream, seed=0, rows=None):
    rows = range(task.size(tokenizer, stream)) if rows is None else rows
    return [prompt.text for prompt in task.prompts(tokenizer, seed=seed, stream=stream, rows=rows)]


@pytest.mark.parametrize("seeds", [(0, 0, 0), (1, 2, 3)])
def test_streams_are_disjoint_and_complete_whatever_the_seed(toy_task, ioi_tokenizer, seeds):
    found = [
        text for stream, seed in zip(STREAMS, seeds, strict=True) for text in texts(toy_task, ioi_tokenizer, stream, seed)
    ]
    assert len(found) == len(set(found)) == 2 * 4 * 3


@given(seed=st.integers(0, 10**9), stream=st.sampled_from(sorted(STREAMS)))
@settings(max_examples=examples(25))
def test_a_stream_holds_the_same_prompts_under_every_seed(toy_task, ioi_tokenizer, seed, stream):
    assert set(texts(toy_task, ioi_tokenizer, stream, seed)) == set(texts(toy_task, ioi_tokenizer, stream, 0))


def test_no_prompt_comes_twice(ioi_tokenizer):
    found = texts(ioi(), ioi_tokenizer, "test", rows=range(1200))
    assert len(set(found)) == 1200


def test_big_streams_never_meet(ioi_tokenizer):
    found = {stream: set(texts(ioi(), ioi_tokenizer, stream, rows=range(400))) for stream in STREAMS}
    assert len(set.union(*found.values())) == 1200


@given(rows=st.tuples(st.integers(0, 300), st.integers(0, 40)).map(lambda ends: range(ends[0], ends[0] + ends[1])))
@settings(max_examples=20, deadline=None)
def test_prompt_i_does_not_depend_on_the_rows_asked_for(ioi_tokenizer, rows):
    task = ioi()
    alone = [task.prompts(ioi_tokenizer, seed=5, stream="test", rows=range(i, i + 1))[0] for i in rows]
    assert list(task.prompts(ioi_tokenizer, seed=5, stream="test", rows=rows)) == alone
    assert [prompt.index for prompt in alone] == list(rows)


@pytest.mark.parametrize("stream", sorted(STREAMS))
def test_every_round_has_each_template_once(ioi_tokenizer, stream):
    task = ioi()
    count = len(task.templates)
    prompts = task.prompts(ioi_tokenizer, seed=0, stream=stream, rows=range(10 * count))
    rounds = [[prompt.template for prompt in prompts[start : start + count]] for start in range(0, 10 * count, count)]
    assert all(Counter(each) == Counter(template.id for template in task.templates) for each in rounds)
    assert len(set(map(tuple, rounds))) > 1


def test_other_seeds_give_other_orders(ioi_tokenizer):
    orders = {tuple(texts(ioi(), ioi_tokenizer, "test", seed, range(32))) for seed in range(5)}
    assert len(orders) == 5


@pytest.mark.slow
def test_prompts_are_identical_in_a_fresh_process(tmp_path, capsys, monkeypatch):
    save_tokenizer(tmp_path)
    run = [sys.executable, "-c", PRINT_PROMPTS, str(tmp_path)]
    there = subprocess.run(run, env=os.environ | {"PYTHONHASHSEED": "77"}, capture_output=True, text=True, check=True).stdout
    monkeypatch.setattr(sys, "argv", ["-c", str(tmp_path)])
    exec(PRINT_PROMPTS, {})
    assert capsys.readouterr().out.splitlines()[-20:] == there.splitlines()[-20:]
    assert len(there.splitlines()) >= 20


def test_a_row_beyond_the_stream_is_refused_with_its_size(toy_task, ioi_tokenizer):
    size = toy_task.size(ioi_tokenizer, "test")
    with pytest.raises(BadTask, match=f"{size} prompts in its test stream"):
        toy_task.prompts(ioi_tokenizer, seed=0, stream="test", rows=range(size, size + 1))


def test_an_unknown_stream_is_refused_with_those_there_are(toy_task, ioi_tokenizer):
    with pytest.raises(BadTask, match=r"'train'.*test, discovery, reference"):
        toy_task.prompts(ioi_tokenizer, seed=0, stream="train", rows=range(1))
