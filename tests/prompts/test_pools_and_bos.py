"""What a tokenizer makes of a task: pools that shrink, and the BOS."""

import pytest
from tiny import ioi_words, save_tokenizer
from tokenizers.processors import TemplateProcessing

from circuitcheck.engine.torch.loading.tokenizer import HubTokenizer
from circuitcheck.errors import BadSpec, BadTask, EmptyPool
from circuitcheck.prompts import Template
from circuitcheck.prompts.builtin.ioi import ioi

BOS = "<|endoftext|>"


def make(folder, policy, *, prepends=False, words=None):
    inner = save_tokenizer(folder, words)
    if prepends:
        inner.backend_tokenizer.post_processor = TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, 0)])
    return HubTokenizer(inner, policy, "tiny")


def first(task, tokenizer):
    return task.prompts(tokenizer, seed=0, stream="test", rows=range(1))[0]


def test_a_pool_that_the_tokenizer_empties_is_named_with_the_tokenizer(tmp_path):
    tokenizer = make(tmp_path, "never", words=("Mary", "John", "store", "park"))
    with pytest.raises(EmptyPool, match=r"'name'.*keeps 2 of.*tiny"):
        ioi().size(tokenizer, "test")


def test_items_that_are_not_one_token_are_left_out(tmp_path, toy_task):
    tokenizer = make(tmp_path, "never", words=("Mary", "John", "Tom"))
    prompts = toy_task.prompts(tokenizer, seed=0, stream="test", rows=range(toy_task.size(tokenizer, "test")))
    assert {prompt.slots["A"] for prompt in prompts} <= {"Mary", "John", "Tom"}
    assert sum(toy_task.size(tokenizer, stream) for stream in ("test", "discovery", "reference")) == 2 * 3 * 2


@pytest.mark.parametrize(
    "policy, prepends, expected",
    [
        ("always", False, True),
        ("always", True, True),
        ("never", False, False),
        ("never", True, False),
        ("tokenizer", False, False),
        ("tokenizer", True, True),
    ],
)
def test_the_policy_decides_about_the_bos_and_positions_follow(tmp_path, policy, prepends, expected):
    plain = first(ioi(), make(tmp_path / "plain", "never"))
    prompt = first(ioi(), make(tmp_path / "other", policy, prepends=prepends))
    assert prompt.text == plain.text
    assert prompt.tokens == (0,) * expected + plain.tokens
    assert prompt.positions == {name: tuple(i + expected for i in span) for name, span in plain.positions.items()}
    assert all(other.tokens[:1] == (0,) for other in prompt.counterfactuals.values()) == expected
    assert (prompt.answer_id, prompt.distractor_id) == (plain.answer_id, plain.distractor_id)


def test_the_policy_is_part_of_the_tokenizers_fingerprint(tmp_path):
    prints = [make(tmp_path / policy, policy).fingerprint for policy in ("always", "never", "tokenizer")]
    assert prints[1] == prints[2] != prints[0]


def test_another_vocabulary_is_another_fingerprint(tmp_path):
    one, other = make(tmp_path / "one", "never"), make(tmp_path / "other", "never", words=ioi_words()[:-1])
    assert one.fingerprint != other.fingerprint


def test_using_a_tokenizer_does_not_change_its_fingerprint(tmp_path):
    inner = save_tokenizer(tmp_path)
    inner.pad_token = inner.eos_token
    before = HubTokenizer(inner, "never", "tiny").fingerprint
    inner(["one", "longer text"], padding=True, truncation=True, max_length=3)
    assert HubTokenizer(inner, "never", "tiny").fingerprint == before


def test_what_a_tokenizer_was_asked_its_equals_are_not_asked_again(tmp_path, monkeypatch):
    words = (*ioi_words(), "nobodyelse")  # a tokenizer that no other test has asked
    inner, asked, encode = save_tokenizer(tmp_path, words), [], HubTokenizer.encode_many
    monkeypatch.setattr(HubTokenizer, "encode_many", lambda *args, **how: asked.append(args) or encode(*args, **how))
    first_one, again, smaller = (HubTokenizer(inner, "never", "tiny", n) for n in (5000, 5000, len(inner)))
    found, counts = [], []
    for each in (first_one, again, smaller):
        asked.clear()
        found.append(first(ioi(), each))
        counts.append(sum(len(texts) for _, texts in asked))
    assert found[0] == found[1] == found[2]
    assert counts[1] < counts[0] / 4
    assert counts[2] == counts[0], "another number of embeddings refuses other texts"


@pytest.mark.parametrize("policy", ["always", "tokenizer"])
def test_a_text_that_already_holds_the_bos_is_an_error(tmp_path, vary, policy):
    task = vary(templates=(Template("bos", BOS + "Then {A} met {B} and"),))
    with pytest.raises(BadTask, match="already holds the BOS"):
        first(task, make(tmp_path, policy, prepends=True))


def test_always_without_a_bos_token_is_refused(tmp_path):
    inner = save_tokenizer(tmp_path)
    inner.bos_token = None
    with pytest.raises(BadSpec, match="no BOS token"):
        HubTokenizer(inner, "always", "tiny")
