"""Removing each of 100 features at END: the loop that a user of sae_lens writes against one plan, side by side.

    python benchmarks/feature_removal.py [--model smollm2-135m-q4] [--features 100] [--loop 5] [--width 24576]

The dictionary is a random topk one (k = 32) at the middle layer's residual stream; the features are those that fire at END
most often. The loop adds what sae_lens's error term adds, in one `run_with_hooks` for each feature and batch of one length,
and does `--loop` of the features: its time a feature does not change. Ours does all of them, with the proof of intervention.
Logit differences agree to 1e-3. Processor seconds, one thread.
"""

import argparse
import time
import warnings
from typing import Any

import numpy as np
import torch

import circuitcheck as cc
from circuitcheck.engine.torch.sites.batch import by_size
from circuitcheck.places import Position
from circuitcheck.prompts import PromptStream
from circuitcheck.session import current_session

_PROMPTS, _BATCH, _K = 64, 32, 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m-q4")
    parser.add_argument("--features", type=int, default=100)
    parser.add_argument("--loop", type=int, default=5)
    parser.add_argument("--width", type=int, default=24_576)
    given = parser.parse_args()
    torch.set_num_threads(1)
    model, ioi = cc.load(given.model, device="cpu"), cc.tasks.ioi().on_stream("discovery")
    layer = model.architecture.n_layers // 2
    hook = f"blocks.{layer}.hook_resid_pre"
    sae = _random_dictionary(model.inner.cfg.d_model, given.width)
    dictionary = cc.sae(sae, at=f"L{layer}.resid_pre")
    prompts = ioi.prompts(_PROMPTS, model=model)
    numbers = _firing_most(model, ioi, dictionary, given.features)
    theirs, loop = _timed(lambda: _by_loop(model, sae, hook, prompts, numbers[: given.loop]))
    ours, plan = _timed(lambda: _by_plan(model, ioi, dictionary, numbers))
    np.testing.assert_allclose(ours[: given.loop], theirs, rtol=0, atol=1e-3)
    a_feature = loop / given.loop
    print(
        f"{given.model}: {len(numbers)} of {given.width} features at L{layer}.resid_pre, {_PROMPTS} prompts: loop "
        f"{a_feature:.2f} s a feature, ours {plan / len(numbers):.2f} s, loop / ours {a_feature * len(numbers) / plan:.1f}"
    )


def _timed(what: Any) -> tuple[Any, float]:
    began = time.process_time()
    return what(), time.process_time() - began


def _by_plan(model: cc.Model, ioi: cc.Task, dictionary: cc.Dictionary, numbers: list[int]) -> Any:
    cells = [cell for number in numbers for cell in ioi.logit_diff(model.remove(dictionary[number], at="END")).cells]
    where = PromptStream(ioi.definition, "discovery", 0)
    return current_session().measure(where, cells, range(_PROMPTS)).values


def _by_loop(model: cc.Model, sae: Any, hook: str, prompts: Any, numbers: list[int]) -> Any:
    bridge = model.inner
    found = np.zeros((len(numbers), len(prompts)))
    for row, number in enumerate(numbers):
        for group in by_size(prompts, "logits"):
            for start in range(0, len(group), _BATCH):
                part = group[start : start + _BATCH]
                found[row, part] = _one_batch(bridge, sae, hook, [prompts[i] for i in part], number)
    return found


def _one_batch(bridge: Any, sae: Any, hook: str, prompts: list[Any], number: int) -> Any:
    tokens = torch.tensor([prompt.tokens for prompt in prompts])

    def remove(stream: torch.Tensor, hook: object) -> torch.Tensor:  # noqa: ARG001 - the library's signature
        activations = sae.encode(stream)
        error = stream - sae.decode(activations)
        activations[:, -1, number] = 0
        return sae.decode(activations) + error

    with torch.no_grad():
        logits = bridge.run_with_hooks(tokens, prepend_bos=False, fwd_hooks=[(hook, remove)])[:, -1].double()
    rows = range(len(prompts))
    return (logits[rows, [p.answer_id for p in prompts]] - logits[rows, [p.distractor_id for p in prompts]]).numpy()


def _firing_most(model: cc.Model, ioi: cc.Task, dictionary: cc.Dictionary, count: int) -> list[int]:
    where = PromptStream(ioi.definition, "discovery", 0)
    fires = current_session().encode(where, model.ref, dictionary.ref, Position("END"), range(_PROMPTS)) != 0
    return [int(number) for number in np.argsort(-fires.sum(axis=0), kind="stable")[:count]]


def _random_dictionary(d_in: int, width: int) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from sae_lens import TopKSAE, TopKSAEConfig
    torch.manual_seed(0)
    sae = TopKSAE(TopKSAEConfig(d_in, width, k=_K))
    sae.W_dec.data = torch.nn.functional.normalize(torch.randn(width, d_in), dim=1)
    sae.W_enc.data = sae.W_dec.data.T.clone()
    return sae


if __name__ == "__main__":
    main()
