"""Every built-in task under every tokenizer: what holds of all prompts, whatever the words."""

import os
import subprocess
import sys
from collections import defaultdict
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers_at_hand import BUILTIN, TRAINED, hub, pool_items, read, smollm2

from circuitcheck.prompts import STREAMS

N = 64
PRINT_DIGESTS = """
import sys
sys.path[:0] = sys.argv[1:]
from test_builtin_tasks import digests
print(*digests(), sep="\\n")
"""


@pytest.fixture(scope="session")
def smollm2_tokenizer():
    return smollm2()


@pytest.fixture(params=["smollm2", *TRAINED])
def tokenizer(request):
    return request.getfixturevalue("smollm2_tokenizer") if request.param == "smollm2" else hub(request.param)


@pytest.fixture(params=BUILTIN)
def name(request):
    return request.param


@pytest.fixture
def prompts(name, tokenizer):
    return drawn(name, tokenizer)


task = cache(lambda name: BUILTIN[name]())


@cache
def drawn(name, tokenizer, stream="test", seed=0, start=0, stop=N):
    return tuple(task(name).definition.prompts(tokenizer, seed=seed, stream=stream, rows=range(start, stop)))


def digests():
    """One line for each task and tokenizer: a digest of all there is in some prompts."""
    for each in BUILTIN:
        for name in TRAINED:
            shown = [
                (
                    *(prompt.text, prompt.tokens, prompt.positions, prompt.slots, prompt.template, prompt.index),
                    *(prompt.answer, prompt.distractor, prompt.answer_ids, prompt.distractor_ids),
                    *((key, other.text, other.tokens) for key, other in prompt.counterfactuals.items()),
                )
                for prompt in drawn(each, hub(name), "discovery", 3, 20, 40)
            ]
            yield f"{each} {name} {sha256(repr(shown).encode()).hexdigest()}"


@pytest.mark.parametrize("trained", TRAINED)
def test_a_fifth_of_the_words_are_several_tokens_under_a_trained_tokenizer(trained):
    encode = hub(trained).encode
    several = [item for item in pool_items() if len(encode(f"of {item}").ids) > len(encode("of").ids) + 1]
    assert len(several) >= len(pool_items()) / 5


def test_each_task_has_prompts_enough_under_each_tokenizer(name, tokenizer):
    sizes = [task(name).definition.size(tokenizer, stream) for stream in STREAMS]
    assert min(sizes) >= N


def test_a_named_span_holds_the_text_of_its_slot(prompts, name, tokenizer):
    for prompt in prompts:
        assert tokenizer.encode(prompt.text).ids == prompt.tokens
        named = [slot for slot in prompt.slots if slot in prompt.positions]
        assert set(named) >= set(task(name).definition.positions) & set(prompt.slots)
        for slot in named:
            assert read(tokenizer, prompt.text, prompt.positions[slot]).lstrip() == prompt.slots[slot]


def test_positions_are_those_declared_and_end_is_the_last_token(prompts, name):
    for prompt in prompts:
        assert set(prompt.positions) >= set(task(name).definition.positions)
        assert prompt.positions["END"] == (len(prompt.tokens) - 1,)


def test_answers_continue_the_tokens_of_the_text(prompts, tokenizer):
    for prompt in prompts:
        assert len(prompt.answer_ids) == len(prompt.distractor_ids) == 1
        assert (prompt.answer_id,) == prompt.answer_ids
        assert (prompt.distractor_id,) == prompt.distractor_ids
        assert tokenizer.encode(prompt.text + prompt.answer).ids == prompt.tokens + prompt.answer_ids
        assert tokenizer.encode(prompt.text + prompt.distractor).ids == prompt.tokens + prompt.distractor_ids


def test_the_answer_is_not_the_distractor(prompts):
    for prompt in prompts:
        assert prompt.answer != prompt.distractor
        assert prompt.answer_id != prompt.distractor_id


def test_counterfactuals_are_other_prompts_of_the_same_length(prompts, name, tokenizer):
    declared = task(name).definition.counterfactual_names
    assert declared
    for prompt in prompts:
        assert tuple(prompt.counterfactuals) == tuple(declared)
        for other in prompt.counterfactuals.values():
            assert tokenizer.encode(other.text).ids == other.tokens != prompt.tokens
            assert len(other.tokens) == len(prompt.tokens)


def test_no_prompt_comes_twice_in_a_stream_or_in_two(name, tokenizer):
    found = [prompt for stream in STREAMS for prompt in drawn(name, tokenizer, stream)]
    assert len({prompt.text for prompt in found}) == len(found) == N * len(STREAMS)
    assert len({prompt.tokens for prompt in found}) == len(found)


def test_a_template_has_one_token_form_at_each_position(name, tokenizer):
    forms = defaultdict(set)
    for prompt in (*drawn(name, tokenizer), *drawn(name, tokenizer, "reference")):
        for position, span in prompt.positions.items():
            spaced = read(tokenizer, prompt.text, span)[:1].isspace()
            forms[prompt.template, position].add((spaced, len(span)))
    assert all(len(form) == 1 for form in forms.values()), {key: form for key, form in forms.items() if len(form) > 1}


def test_there_are_eight_frames_or_more_in_tasks_of_running_text(name):
    frames = {template.id.partition("/")[0] for template in task(name).definition.templates}
    assert len(frames) >= 8 or name == "induction"


@pytest.mark.parametrize("trained", ["bpe", "unigram"])
@given(row=st.integers(0, N - 1), seed=st.integers(0, 3))
@settings(max_examples=5, deadline=None)
def test_a_prompt_does_not_depend_on_how_many_are_drawn(name, trained, row, seed):
    alone = drawn(name, hub(trained), "test", seed, row, row + 1)
    assert alone == drawn(name, hub(trained), "test", seed)[row : row + 1]
    assert [prompt.index for prompt in alone] == [row]


def test_prompts_are_the_same_in_another_process():
    here = Path(__file__).parent
    run = [sys.executable, "-c", PRINT_DIGESTS, str(here), str(here.parent)]
    there = subprocess.run(run, env=os.environ | {"PYTHONHASHSEED": "77"}, capture_output=True, text=True, check=True)
    assert there.stdout.splitlines()[-len(BUILTIN) * len(TRAINED) :] == list(digests())
