"""A small model in float64, and the same in plain `transformers`."""

import pytest
import torch
from donors import IN_FLOAT64
from transformers import GPT2LMHeadModel

import circuitcheck as cc


@pytest.fixture(scope="module")
def network(tiny_gpt2):
    found = GPT2LMHeadModel.from_pretrained(tiny_gpt2, attn_implementation="eager", dtype=torch.float64)
    return found.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def model(tiny_gpt2):
    with cc.use_session(cc.Session(IN_FLOAT64)):
        yield cc.load(str(tiny_gpt2))


@pytest.fixture(autouse=True)
def fresh_session(model):
    """The model outlives a test, and so does its session."""
