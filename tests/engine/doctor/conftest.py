"""Tiny random models of six families, loaded once, and what the doctor says of them while they are well."""

import shutil
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import torch
from tiny import save_tokenizer

from circuitcheck.engine.torch.doctor import examine
from circuitcheck.engine.torch.loaded import load
from circuitcheck.engine.torch.sources import forward
from circuitcheck.engine.torch.witness import Witness
from circuitcheck.models import parse_spec

REFERENCE = Path(__file__).parents[2] / "reference"


@pytest.fixture(scope="session")
def words(tmp_path_factory):
    """A folder with a tokenizer that reads any text."""
    folder = tmp_path_factory.mktemp("words")
    save_tokenizer(folder)
    return folder


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory, words):
    """Saves a model of a family as a checkpoint folder; `change` may alter it first."""
    sys.path.append(str(REFERENCE))
    from tiny_families import tiny_model
    from transformers import AutoTokenizer

    vocabulary = len(AutoTokenizer.from_pretrained(words))

    def save(family, change=lambda model: None):
        folder = tmp_path_factory.mktemp(family) / "checkpoint"
        shutil.copytree(words, folder)
        model = tiny_model(family, vocab=vocabulary)
        change(model)
        model.save_pretrained(folder)
        return folder

    return save


@pytest.fixture(scope="session")
def admit(checkpoint):
    """The loaded model of a family; each is loaded once."""
    folder_of = cache(checkpoint)

    @cache
    def admitted(family, dtype="float32", suffix="", bos="tokenizer"):
        return load(parse_spec(f"{folder_of(family)}{suffix}", dtype=dtype, bos=bos), "cpu")

    return admitted


@pytest.fixture(scope="session")
def well(admit):
    """What the doctor says of a model that nobody has broken."""
    return cache(lambda *which: examine(admit(*which)))


@pytest.fixture
def ward(admit) -> Iterator[object]:
    """Hands out shared models to be broken, and sees to it that they leave as they came."""
    tokens, before = torch.arange(24).reshape(2, 12), []

    def logits(loaded):
        with torch.no_grad():
            return forward(loaded.model, tokens)

    with pytest.MonkeyPatch.context() as patches:

        def infected(defect):
            loaded = admit(defect.family, "float32", "", defect.bos)
            before.append((loaded, logits(loaded)))
            defect.infect(loaded, patches)
            return loaded

        yield infected
    for loaded, clean in before:
        loaded.witness = Witness.of(loaded.model)  # torch's counters of edits do not go back
        torch.testing.assert_close(logits(loaded), clean, rtol=0, atol=0)
