"""Claims about models that only a hub has: on random models of the same architecture each runs from end to end. What comes
of them says nothing; that none is an error does."""

import json
from pathlib import Path

import pytest
from tiny import ioi_words, save_tokenizer
from tiny_architectures import save_random_model

from circuitcheck.prompts.builtin import BUILT_IN

pytestmark = pytest.mark.slow
HYPOTHESES = Path(__file__).parents[2] / "hypotheses"
DEMO = tuple("After Amy Dan James John Martin Mary Sid Tom When".split())


def words():
    found = dict.fromkeys((*ioi_words(), *DEMO))
    for name in ("syllogism", "capital", "fruit"):
        task = BUILT_IN[name]()
        found |= dict.fromkeys(word for pool in task.pools for word in pool.items)
        found |= dict.fromkeys(word for each in task.derived for _, word in each.becomes)
    return tuple(found)


GPT2 = {"n_layer": 12, "n_head": 12, "n_embd": 48, "n_positions": 64}
PYTHIA = {"num_hidden_layers": 21, "num_attention_heads": 5, "hidden_size": 40, "intermediate_size": 64}
GEMMA = {"num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_size": 32, "head_dim": 8}
GEMMA |= {"intermediate_size": 64, "query_pre_attn_scalar": 8}


STUDIES = {
    "gpt2": ("test_published.py", "GPT2", GPT2, 7),
    "EleutherAI/pythia-410m+folded": ("test_studies.py", "GPTNeoX", PYTHIA, 6),
    "google/gemma-2-2b-it": ("test_studies.py", "Gemma2", GEMMA, 5),
}


def save(kind, settings, folder):
    return save_random_model(kind, settings, len(save_tokenizer(folder, words())), folder)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Made before `pytester` is there, which forgets what is imported after it: torch cannot be imported twice."""
    made = tmp_path_factory.mktemp("stand-ins")
    return {kind: save(kind, settings, made / kind) for _, kind, settings, _ in STUDIES.values()}


@pytest.mark.parametrize("spec", STUDIES)
def test_every_claim_of_a_hub_s_model_runs(folders, pytester, spec):
    file, kind, _, claims = STUDIES[spec]
    instead = f"{folders[kind]}{'+folded' if spec.endswith('+folded') else ''}"
    pytester.runpytest_subprocess(
        HYPOTHESES / file,
        *("-p", "no:hypothesispytest", "-m", "slow or not slow", "--circuit-report=report.json", "--circuit-samples=32"),
        *(f"--circuit-model={spec}={instead}", "-o", "circuit_doctor=off"),
    )
    found = [claim for claim in json.loads(Path("report.json").read_text())["claims"] if claim["param"] == instead]
    assert {claim["id"]: claim["reason"] for claim in found if claim["verdict"] in ("error", "skipped")} == {}
    assert len(found) == claims
    assert all(claim["comparisons"] for claim in found)
