"""A tokenizer's files are there, of a size and a shape that a library can read; and no text gives a number that the model
has no embedding for."""

import json
import os
import shutil
from pathlib import Path

import pytest

import circuitcheck as cc
from circuitcheck.errors import BadTask, CorruptCheckpoint

ADDED = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}


@pytest.fixture
def copy(tiny_gpt2, tmp_path):
    return Path(shutil.copytree(tiny_gpt2, tmp_path / "copy"))


def refused(folder, *messages):
    with pytest.raises(CorruptCheckpoint) as error:
        cc.load(str(folder))
    for message in (str(folder), *messages):
        assert message in str(error.value)


def change(path, **words):
    path.write_text(json.dumps({**json.loads(path.read_text()), **words}))


def add(folder, *contents, first=2000, special=True):
    tokens = json.loads((folder / "tokenizer.json").read_text())["added_tokens"]
    more = [{"id": first + n, "content": content, "special": special, **ADDED} for n, content in enumerate(contents)]
    change(folder / "tokenizer.json", added_tokens=[*tokens, *more])


def in_config(folder, token):
    change(folder / "tokenizer_config.json", additional_special_tokens=[token])


@pytest.mark.parametrize("special", [True, False])
def test_added_words_beyond_the_embedding(copy, special):
    add(copy, " Mary", special=special)
    model = cc.load(str(copy))
    with pytest.raises(BadTask, match=r"holds the token ' Mary', which has the number \d+, and .* embeddings"):
        cc.tasks.ioi().logit_diff(model).values(4)


def test_words_added_by_the_config_beyond_the_embedding(copy):
    in_config(copy, " gave")
    model = cc.load(str(copy))
    with pytest.raises(BadTask, match="holds the token ' gave'"):
        cc.tasks.ioi().logit_diff(model).values(4)


def test_tokens_beyond_the_embedding_that_no_text_holds_are_no_harm(copy, tiny_gpt2):
    add(copy, "<image>")
    values = [cc.tasks.ioi().logit_diff(cc.load(str(folder))).values(4) for folder in (copy, tiny_gpt2)]
    assert (values[0] == values[1]).all()


def test_an_added_token_hides_no_ordinary_one_beyond_the_embedding(copy):
    rules = json.loads((copy / "tokenizer.json").read_text())
    rules["model"]["vocab"] |= {"Mary": 5000, "<image>": 6000}
    (copy / "tokenizer.json").write_text(json.dumps(rules))
    add(copy, "<image>", first=6000)
    refused(copy, "gives numbers up to 5000 (the token 'Mary')")


def test_numbers_beyond_the_embedding_around_every_text(copy):
    end = {"id": "E", "ids": [5000], "tokens": ["E"]}
    change(
        copy / "tokenizer.json",
        post_processor={
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "E", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [],
            "special_tokens": {"E": end},
        },
    )
    refused(copy, "gives numbers up to 5000")


SMALL = ["tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "generation_config.json"]


@pytest.mark.parametrize("name", ["tokenizer.json", *SMALL, "chat_template.jinja", "vocab.json", "merges.txt"])
def test_files_of_many_gigabytes(copy, name):
    with (copy / name).open("ab") as stream:
        stream.truncate(20 << 30)
    refused(copy, name)


@pytest.mark.parametrize("name", ["tokenizer.json", *SMALL])
@pytest.mark.parametrize("content", ["", "null", "[1]", "{", "\ufeff{}", '{"a":' * 100_000])
def test_files_that_hold_no_object(copy, name, content):
    (copy / name).write_text(content)
    refused(copy, name)


@pytest.mark.parametrize("words", [{"model": None}, {"added_tokens": 5}, {"added_tokens": {"a": 1}}])
def test_a_tokenizer_of_another_shape(copy, words):
    change(copy / "tokenizer.json", **words)
    refused(copy, "tokenizer.json has no object model and list added_tokens")


def test_a_tokenizer_that_is_missing(copy):
    (copy / "tokenizer.json").unlink()
    refused(copy, "has no tokenizer: neither tokenizer.json nor another vocabulary")


def many(of):
    return {str(3000 + n): of for n in range(20_001)}


@pytest.mark.parametrize(
    "name, words",
    [
        ("tokenizer.json", {"added_tokens": [{}] * 20_001}),
        ("tokenizer_config.json", {"added_tokens_decoder": many({"content": "a"})}),
        ("tokenizer_config.json", {"additional_special_tokens": ["a"] * 20_001}),
        ("added_tokens.json", many(1)),
    ],
)
def test_so_many_added_tokens_that_it_takes_minutes(copy, name, words):
    if not (copy / name).exists():
        (copy / name).write_text("{}")
    change(copy / name, **words)
    refused(copy, f"{name} adds 20,001 tokens")


@pytest.mark.slow
def test_a_vocabulary_of_millions(copy):
    model = json.loads((copy / "tokenizer.json").read_text())["model"]
    change(copy / "tokenizer.json", model={**model, "vocab": {str(n): n for n in range((1 << 20) + 1)}})
    refused(copy, "tokenizer.json has 1,048,577 tokens")


def test_a_tokenizer_that_a_library_does_not_read(copy):
    change(copy / "tokenizer.json", pre_tokenizer={"type": "Evil"})
    refused(copy, "its tokenizer cannot be read (tokenizer.json,")


def test_rules_that_put_thousands_of_tokens_around_every_text(copy):
    part = {"SpecialToken": {"id": "E", "type_id": 0}}
    change(
        copy / "tokenizer.json",
        post_processor={
            "type": "TemplateProcessing",
            "single": [*[part] * 400, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [],
            "special_tokens": {"E": {"id": "E", "ids": [0] * 400, "tokens": ["E"] * 400}},
        },
    )
    refused(copy, "the post_processor in tokenizer.json has 1,604 parts; 1,000 at most are read")


def test_more_merges_than_any_tokenizer_has(copy):
    rules = json.loads((copy / "tokenizer.json").read_text())
    rules["model"]["merges"] = ["a b"] * ((1 << 20) + 1)
    (copy / "tokenizer.json").write_text(json.dumps(rules))
    refused(copy, "tokenizer.json has 1,048,577 merges; at most 1,048,576 are read")


def test_a_chat_template_that_never_ends(copy):
    (copy / "additional_chat_templates").mkdir()
    os.mkfifo(copy / "additional_chat_templates" / "tools.jinja")
    refused(copy, "tools.jinja is a pipe or a device")
