"""Tiny random models of six families, loaded once, and what the doctor says of them while they are well."""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import torch
from tiny import save_tokenizer

from circuitcheck.engine.checkup import CheckUp
from circuitcheck.engine.torch import doctor
from circuitcheck.engine.torch.doctor import examine
from circuitcheck.engine.torch.fingerprints.recorded_state import RecordedState
from circuitcheck.engine.torch.loaded.model import load
from circuitcheck.engine.torch.sites.forward import forward
from circuitcheck.models import parse_spec

REFERENCE = Path(__file__).parents[2] / "reference"
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "fwd_hooks", "bwd_hooks")
LAYERS = 2  # an examination takes as long as a model has layers


@dataclass(frozen=True)
class Visit:
    """What the doctor found, and the model before and after."""

    found: CheckUp
    before: dict
    after: dict


def picture(loaded):
    """All that an examination must leave alone; hooks are counted on every module, torch's and the library's."""
    modules = {id(each): each for root in (loaded.model, loaded.model.original_model) for each in root.modules()}
    tensors = {**dict(loaded.model.named_parameters()), **dict(loaded.model.named_buffers())}
    with torch.no_grad():
        return {
            "logits": forward(loaded.model, torch.arange(24).reshape(2, 12)),
            "hooks": [[len(getattr(each, name, ())) for name in HOOKS] for each in modules.values()],
            "versions": {name: (each.data_ptr(), each._version) for name, each in tensors.items()},
            "values": {name: each.clone() for name, each in tensors.items()},
        }


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
    import tiny_families
    from transformers import AutoTokenizer

    vocabulary, usual_config = len(AutoTokenizer.from_pretrained(words)), tiny_families.tiny_config

    def save(family, layers=LAYERS, change=lambda model: None):
        def config(*arguments):
            found = usual_config(*arguments)
            found.num_hidden_layers = layers
            if getattr(found, "layer_types", None):
                found.layer_types = found.layer_types[:layers]
            return found

        folder = tmp_path_factory.mktemp(family) / "checkpoint"
        shutil.copytree(words, folder)
        with pytest.MonkeyPatch.context() as patches:
            patches.setattr(tiny_families, "tiny_config", config)
            model = tiny_families.tiny_model(family, vocab=vocabulary)
        change(model)
        model.save_pretrained(folder)
        return folder

    return save


@pytest.fixture(scope="session")
def admit(checkpoint):
    """The loaded model of a family; each is loaded once."""
    folder_of = cache(checkpoint)

    @cache
    def admitted(family, dtype="float32", suffix="", bos="tokenizer", layers=LAYERS):
        return load(parse_spec(f"{folder_of(family, layers)}{suffix}", dtype=dtype, bos=bos), "cpu")

    return admitted


@pytest.fixture(scope="session")
def visit(admit):
    """The examination of a model that nobody has broken, made once; and once more by tests that leave its sites out."""

    @cache
    def visited(check_sites, *which):
        loaded = admit(*which)
        before, found = picture(loaded), examine(loaded)
        return Visit(found, before, picture(loaded))

    return lambda *which: visited(doctor.check_sites, *which)


@pytest.fixture
def ward(admit) -> Iterator[object]:
    """Hands out shared models that are broken, as if they had come so, and sees to it that they leave as they were."""
    tokens, before = torch.arange(24).reshape(2, 12), []

    def logits(loaded):
        with torch.no_grad():
            return forward(loaded.model, tokens)

    with pytest.MonkeyPatch.context() as patches:

        def infected(defect):
            loaded = admit(*defect.which)
            before.append((loaded, logits(loaded)))
            defect.infect(loaded, patches)
            loaded.recorded = RecordedState.of(loaded.model)
            return loaded

        yield infected
    for loaded, clean in before:
        loaded.recorded = RecordedState.of(loaded.model)
        torch.testing.assert_close(logits(loaded), clean, rtol=0, atol=0)
