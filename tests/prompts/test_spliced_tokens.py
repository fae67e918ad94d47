"""Tokens put together from known pieces are those of the tokenizer, or are not used."""

import re
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitcheck import tasks
from circuitcheck.prompts import Encoding
from circuitcheck.prompts.realised import realise
from circuitcheck.prompts.realised.tokens import Encoder, Splicer


@pytest.fixture(autouse=True, scope="module")
def soon():
    """Otherwise only the prompts after many are put together."""
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr("circuitcheck.prompts.realised.task._FEW", 0)
        yield


@dataclass(frozen=True)
class Words:
    """A token for each word and each punctuation mark. A `whimsical` one looks far: how long a text is shows in its first
    id, but only of texts longer than the pieces that are looked at one by one."""

    whimsical: bool
    name: str = "words"
    unknown: None = None

    @property
    def fingerprint(self):
        return f"words {self.whimsical}"

    alike = fingerprint

    def encode(self, text):
        spans = [match.span() for match in re.finditer(r" ?\w+|[^\w\s]|\s+", text)]
        ids = [sum(ord(letter) * 31**place for place, letter in enumerate(text[low:high])) for low, high in spans]
        if self.whimsical and len(text) > 18:
            ids[0] += len(text)
        return Encoding(tuple(ids), tuple(spans))

    def encode_many(self, texts, *, chat=False):
        return [self.encode(text) for text in texts]


@pytest.mark.parametrize("whimsical, expected", [(False, Splicer), (True, Encoder)])
def test_pieces_are_used_only_where_they_give_what_the_tokenizer_gives(toy_task, whimsical, expected):
    assert type(realise(toy_task, Words(whimsical)).renderer._runs) is expected


@pytest.mark.parametrize("whimsical", [False, True])
@settings(max_examples=10, deadline=None)
@given(rows=st.integers(0, 400).map(lambda start: range(start, start + 3)), stream=st.sampled_from(["test", "reference"]))
def test_tokens_are_always_the_tokenizers(whimsical, rows, stream):
    tokenizer = Words(whimsical)
    for prompt in tasks.ioi().definition.prompts(tokenizer, seed=3, stream=stream, rows=rows):
        assert prompt.tokens == tokenizer.encode(prompt.text).ids
        for other in prompt.counterfactuals.values():
            assert other.tokens == tokenizer.encode(other.text).ids


def test_a_prompt_does_not_depend_on_how_many_are_rendered_with_it(toy_task):
    together = toy_task.prompts(Words(False), seed=0, stream="test", rows=range(6))
    alone = [toy_task.prompts(Words(False), seed=0, stream="test", rows=range(row, row + 1))[0] for row in range(6)]
    assert list(together) == alone
