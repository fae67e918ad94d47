"""Published numbers of direct logit attribution, for the models they are of: skipped where these cannot be had.

The eight prompts are those of TransformerLens' Exploratory Analysis Demo, which reads GPT-2 small with a BOS and gives the
logit difference as 3.55. That L9H9, L9H6 and L10H0 write for the answer, and L10H7 and L11H10 against it, is of Wang et al.
2022 (arXiv:2211.00593). `pytest --circuit-model gpt2=FOLDER` runs them on another model.
"""

from pathlib import Path

import pytest

import circuitcheck as cc

SOURCE = "TransformerLens, Exploratory Analysis Demo; Wang et al. 2022"
WHOLE = "embed, pos_embed, L0-11.attn, L0-11.mlp, b_U"


@pytest.fixture(scope="module")
def demo():
    return cc.Task.from_records(Path(__file__).with_name("ioi_demo.jsonl"), population=True)


@pytest.fixture
def gpt2(model, load_model):
    """As TransformerLens reads it: the claim's model with a BOS before each prompt."""
    return load_model(model.ref.spec, bos="always")


@cc.claim("On the demo's eight prompts the logit difference is 3.55", id="gpt2.ioi.demo", model="gpt2", source=SOURCE)
def test_logit_difference(gpt2, demo):
    assert demo.logit_diff(gpt2) == cc.approx(3.55, abs=0.01)  # printed to two places


@cc.claim("What is written to the stream there is all of it", id="gpt2.ioi.whole", model="gpt2", source=SOURCE)
def test_whole(gpt2, demo):
    assert demo.attribution(gpt2, WHOLE) - demo.logit_diff(gpt2) == cc.approx(0, abs=1e-3)  # float32


@pytest.mark.parametrize("head", ["L9H9", "L9H6", "L10H0"])
@cc.claim("Name mover {head} writes for the answer", id="gpt2.ioi.mover.{head}", model="gpt2", source=SOURCE)
def test_name_mover(gpt2, demo, head):
    assert demo.attribution(gpt2, head) > 0


@pytest.mark.parametrize("head", ["L10H7", "L11H10"])
@cc.claim("Negative name mover {head} writes against it", id="gpt2.ioi.negative.{head}", model="gpt2", source=SOURCE)
def test_negative_name_mover(gpt2, demo, head):
    assert demo.attribution(gpt2, head) < 0
