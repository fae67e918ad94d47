"""A tokenizer and a task small enough to list all of its prompts."""

from dataclasses import replace

import pytest
from tiny import save_tokenizer

from circuitcheck.engine.torch.loading.tokenizer import HubTokenizer
from circuitcheck.prompts import Pool, TaskDefinition, Template


@pytest.fixture(scope="session")
def ioi_tokenizer(tmp_path_factory):
    return HubTokenizer(save_tokenizer(tmp_path_factory.mktemp("tokenizer")), "tokenizer", "tiny")


@pytest.fixture(scope="session")
def toy_task():
    """12 combinations for each of two templates: two names of four."""
    return TaskDefinition(
        name="toy",
        templates=(Template("met", "Then {A} met {B} and"), Template("saw", "Then {A} saw {B} and")),
        pools=(Pool("name", ("Mary", "John", "Tom", "James")),),
        variables=(("a", "name"), ("b", "name"), ("other", "name")),
        slots=(("A", "a"), ("B", "b")),
        answer="a",
        distractor="b",
        counterfactuals=(("abc", (("A", "other"),)),),
    )


@pytest.fixture(scope="session")
def vary(toy_task):
    return lambda **changes: replace(toy_task, **changes)
