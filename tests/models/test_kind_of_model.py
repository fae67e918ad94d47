"""A tokenizer is read without a whole config where its class serves any model. How could that fool us? By another class, or
other tokens, than `transformers` would have chosen with the config; by taking it for granted where it does not hold.
"""

import json
import shutil
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from circuitcheck.engine.torch.loading.checkpoints import read_tokenizer
from circuitcheck.engine.torch.loading.kind_of_model import kind_of_model
from circuitcheck.engine.torch.loading.tokenizer import HubTokenizer
from circuitcheck.models import parse_spec

TYPES = (
    "gpt2",
    "llama",
    "gpt_neox",
    "qwen2",
    "qwen3",
    "gemma2",
    "mistral",
    "phi",
    "phi3",
    "olmo2",
    "gpt-sw3",
    "deepseek_v3",
)
ANY_MODEL = ("PreTrainedTokenizerFast", "TokenizersBackend")


@pytest.fixture
def checkpoint(tiny_gpt2, tmp_path):
    """A folder of that type whose tokenizer has that class; `of_model` and `of_tokenizer` go into its two files, too."""

    def make(model_type, tokenizer_class, of_model=None, of_tokenizer=None):
        folder = shutil.copytree(tiny_gpt2, tmp_path / "model", dirs_exist_ok=True)
        said = {"model_type": model_type, **(of_model or {})}
        (folder / "config.json").write_text(json.dumps(said))
        path = folder / "tokenizer_config.json"
        changed = {"tokenizer_class": tokenizer_class, **(of_tokenizer or {})}
        path.write_text(json.dumps(json.loads(path.read_text()) | changed))
        return folder

    return make


def spec_of(folder):
    return parse_spec(str(folder), dtype="float32", bos="tokenizer")


@pytest.mark.sampled(4)
@pytest.mark.parametrize("tokenizer_class", ANY_MODEL)
@pytest.mark.parametrize("model_type", TYPES)
def test_the_tokenizer_is_the_one_that_a_whole_config_gives(checkpoint, model_type, tokenizer_class):
    folder = checkpoint(model_type, tokenizer_class)
    assert kind_of_model(spec_of(folder), folder).model_type == model_type
    found, expected = read_tokenizer(spec_of(folder)), AutoTokenizer.from_pretrained(folder)
    assert type(found) is type(expected)
    ours, theirs = (HubTokenizer(each, "tokenizer", "it") for each in (found, expected))
    assert ours.fingerprint == theirs.fingerprint
    assert ours.encode(" Mary gave 12 drinks\n to John.") == theirs.encode(" Mary gave 12 drinks\n to John.")


@pytest.mark.parametrize(
    "given",
    [
        ("gpt2", "GPT2Tokenizer"),
        ("gpt2", None),
        (7, "TokenizersBackend"),
        ("gpt2", "TokenizersBackend", {"auto_map": {}}),
        ("gpt2", "TokenizersBackend", None, {"auto_map": {}}),
    ],
)
def test_where_it_may_not_do_the_whole_config_is_read(checkpoint, given):
    folder = checkpoint(*given)
    assert kind_of_model(spec_of(folder), folder) is None


def test_a_hub_id_has_no_folder():
    assert kind_of_model(parse_spec("gpt2", dtype="float32", bos="tokenizer"), Path("gpt2")) is None
