"""The null that a dictionary is compared with is trained on values that go together by chance alone."""

import torch
from organism.activations import shuffled


def test_each_dimension_keeps_its_values_and_none_goes_with_another():
    one = torch.randn(4096, generator=torch.Generator().manual_seed(0))
    values = torch.stack([one, one, 2 * one], dim=1)
    found = shuffled(values, seed=1)
    assert torch.equal(found.sort(dim=0).values, values.sort(dim=0).values)
    assert torch.corrcoef(found.T).fill_diagonal_(0).abs().max() < 0.05
    assert torch.equal(found, shuffled(values, seed=1))
