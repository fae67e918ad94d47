"""The digest of weights: what it tells apart, and that digests from before are believed only of what nobody wrote to."""

import pytest
import torch
from torch import nn

from circuitcheck.engine.torch.fingerprints.fingerprint import own_weights, weights_digest


@pytest.fixture
def model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Embedding(3, 4)).requires_grad_(False)


def exchange(model: nn.Sequential) -> None:
    model[0], model[1] = model[1], model[0]


def tie(model: nn.Sequential) -> None:
    model[1].weight = model[0].weight


def write(model: nn.Sequential) -> None:
    model[1].bias[2] += 1e-6


def replace(model: nn.Sequential) -> None:
    model[2].weight = nn.Parameter(model[2].weight + 1, requires_grad=False)


def halve(model: nn.Sequential) -> None:
    model.half()


@pytest.mark.parametrize("change", [exchange, tie, write, replace, halve])
def test_a_change_is_told_with_and_without_digests_from_before(model, change):
    before, places = weights_digest(model), {each.data_ptr() for each in model.parameters()}
    known = own_weights(model)
    assert weights_digest(model) == weights_digest(model, known) == before
    assert not places & {each.data_ptr() for each in model.parameters()}
    change(model)
    assert weights_digest(model) != before
    assert weights_digest(model, known) == weights_digest(model)


def test_bytes_that_are_known_are_not_read_again(model):
    before, known = weights_digest(model), own_weights(model)
    model[0].weight.data.numpy()[0, 0] += 1  # which torch does not count
    assert weights_digest(model) != before
    assert weights_digest(model, known) == before
