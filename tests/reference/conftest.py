"""Random models of six families, as folders and as both implementations hold them."""

import pytest
from sites_bench import BENCHES, EXACTLY, ORGANISM, Bench, N
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


# In float32 a family is seen less exactly than in float64: make slow runs it where both are there.
REPEATED = [(family, "float32") for family, _ in EXACTLY]
BOTH = [pytest.param(each, marks=pytest.mark.slow, id="-".join(each)) for each in REPEATED]


@pytest.fixture(
    scope="module", params=[*(pytest.param(each, id="-".join(each)) for each in BENCHES if each not in REPEATED), *BOTH]
)
def bench(request, folders):
    family, dtype = request.param
    with cc.use_session(cc.Session(cc.Settings(batch=N))):
        yield Bench(folders[family], family, dtype)
