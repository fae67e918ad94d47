"""Random models of six families, as folders and as both implementations hold them."""

import pytest
from sites_bench import BENCHES, ORGANISM, Bench, N
from tiny_families import FAMILIES, tiny_model
from transformers import AutoTokenizer

import circuitcheck as cc


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """Each family's random model as a checkpoint folder, with the organism's tokenizer."""
    tokenizer, made = AutoTokenizer.from_pretrained(ORGANISM), {}
    for family in FAMILIES:
        made[family] = tmp_path_factory.mktemp(family)
        tiny_model(family, vocab=len(tokenizer)).save_pretrained(made[family])
        tokenizer.save_pretrained(made[family])
    return made


@pytest.fixture(scope="module", params=BENCHES)
def bench(request, folders):
    family, dtype = request.param
    with cc.use_session(cc.Session(cc.Settings(batch=N))):
        yield Bench(folders[family], family, dtype)
