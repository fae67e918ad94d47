"""Libraries parse the header of a GGUF file once for a model, and are then what they were."""

import gguf
import pytest
import torch

from circuitcheck.engine.torch.loading.checkpoints import read_checkpoint
from circuitcheck.engine.torch.loading.gguf_once import parsed_once
from circuitcheck.models import parse_spec


def test_a_header_is_parsed_once_and_the_library_is_left_as_it_was(tiny_gguf, monkeypatch):
    usual, parse, parsed = (gguf.GGUFReader, gguf.get_tensor_name_map), gguf.GGUFReader.__init__, []

    def spy(reader, *given, **how):
        parsed.append(given)
        parse(reader, *given, **how)

    monkeypatch.setattr(gguf.GGUFReader, "__init__", spy)
    read_checkpoint(parse_spec(str(tiny_gguf)), torch.float32)
    assert len(parsed) == 1
    with pytest.raises(ZeroDivisionError), parsed_once():
        _ = 1 / 0
    assert (gguf.GGUFReader, gguf.get_tensor_name_map) == usual
