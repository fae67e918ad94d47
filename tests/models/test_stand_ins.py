"""Claims about models that only a hub has: on random models of the same architecture each runs from end to end. What comes
of them says nothing; that none is an error does."""

from pathlib import Path

import pytest
from claims_folder import read_report
from tiny import ioi_words, save_tokenizer

from circuitcheck.prompts.builtin import BUILT_IN

pytestmark = pytest.mark.slow
HYPOTHESES = Path(__file__).parents[2] / "hypotheses"
DEMO = ("shops", "park", "Dan", "Sid", "Martin", "Amy")


def words():
    found = dict.fromkeys((*ioi_words(), *DEMO))
    for name in ("syllogism", "entity_binding"):
        found |= dict.fromkeys(word for pool in BUILT_IN[name]().pools for word in pool.items)
    return tuple(found)


def save(kind, folder, **settings):
    """A random model whose heads have effects far above rounding."""
    import torch
    import transformers

    vocabulary = len(save_tokenizer(folder, words()))
    config = getattr(transformers, f"{kind}Config")(vocab_size=vocabulary, bos_token_id=0, eos_token_id=0, **settings)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = transformers.AutoModelForCausalLM.from_config(config)
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.data = torch.randn_like(parameter) * 1.3 / parameter.shape[-1] ** 0.5
    model.save_pretrained(folder)
    return folder


GPT2 = {"n_layer": 12, "n_head": 12, "n_embd": 48, "n_positions": 64}
PYTHIA = {"num_hidden_layers": 24, "num_attention_heads": 16, "hidden_size": 128, "intermediate_size": 64}
GEMMA = {"num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_size": 32, "head_dim": 8}


@pytest.mark.parametrize(
    "file, kind, settings, spec, folded, claims",
    [
        ("test_published.py", "GPT2", GPT2, "gpt2", "", 7),
        ("test_studies.py", "GPTNeoX", PYTHIA, "EleutherAI/pythia-410m+folded", "+folded", 6),
        ("test_studies.py", "Gemma2", {**GEMMA, "intermediate_size": 64}, "google/gemma-2-2b-it", "", 5),
    ],
)
def test_every_claim_of_a_hub_s_model_runs(pytester, tmp_path, file, kind, settings, spec, folded, claims):
    folder = save(kind, tmp_path / kind, **settings)
    pytester.runpytest_inprocess(
        HYPOTHESES / file,
        *("-p", "no:hypothesispytest", "-m", "slow or not slow", "--circuit-report=report.json", "--circuit-samples=32"),
        *(f"--circuit-model={spec}={folder}{folded}", "-o", "circuit_doctor=off"),
    )
    found = [claim for claim in read_report(Path("report.json"))["claims"] if str(folder) in (claim["param"] or "")]
    assert {claim["id"]: claim["reason"] for claim in found if claim["verdict"] in ("error", "skipped")} == {}
    assert len(found) == claims
    assert all(claim["comparisons"] for claim in found)
