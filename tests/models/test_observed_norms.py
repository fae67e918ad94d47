"""Norms that work out what their hooks show only where one looks give the bits that the library's own give."""

import pytest
import torch
from tiny import save_tokenizer
from tiny_architectures import GPT, GROUPED, SETTINGS, save_architecture
from transformer_lens.model_bridge import TransformerBridge

from circuitcheck.engine.torch.loaded import observed_norms
from circuitcheck.engine.torch.loaded.model import load
from circuitcheck.engine.torch.loaded.observed_norms import ObservedNorm, observe_norms
from circuitcheck.models import parse_spec

pytestmark = pytest.mark.filterwarnings("ignore")
NAMES = {"Llama": GROUPED, "Qwen3": {**GROUPED, "head_dim": 8}, "GPT2": GPT} | {
    name: SETTINGS[name] for name in ("Gemma2", "Olmo2", "Falcon", "Phi", "OPT", "Mixtral")
}
TOKENS = torch.arange(3, 15).reshape(2, 6)


@pytest.fixture(scope="module", params=NAMES)
def both(request, tmp_path_factory):
    """A model as it is loaded, and the library's own."""
    words = tmp_path_factory.mktemp("words")
    save_tokenizer(words)
    folder = save_architecture(request.param, NAMES[request.param], words, tmp_path_factory.mktemp("model") / "model")
    own = TransformerBridge.boot_transformers(folder).eval()
    return load(parse_spec(folder), "cpu").model, own


def observed(model):
    return [module for module in model.modules() if isinstance(module, ObservedNorm)]


def logits(model, hooks=()):
    with torch.no_grad():
        return model.run_with_hooks(TOKENS, prepend_bos=False, fwd_hooks=list(hooks))


def test_logits_and_what_hooks_see_have_the_same_bits(both):
    ours, own = both
    assert bool(observed(ours)) == own.blocks[0].ln1.use_native_layernorm_autograd  # others are worked out anew
    assert torch.equal(logits(ours), logits(own))
    with torch.no_grad():
        kept, expected = (each.run_with_cache(TOKENS, prepend_bos=False)[1] for each in both)
    assert set(kept) == set(expected)
    assert all(torch.equal(kept[name], expected[name]) for name in expected)


@pytest.mark.parametrize("point", ["hook_scale", "hook_normalized"])
def test_what_a_hook_writes_acts_as_it_does_in_the_library_s_own(both, point):
    ours, own = both
    name = next(name for name in own.hook_dict if name.endswith((f"ln1.{point}", f"ln2.{point}")))
    edit = (name, lambda value, hook: value * 2)
    assert torch.equal(logits(ours, [edit]), logits(own, [edit]))
    assert not torch.equal(logits(ours, [edit]), logits(ours))


def test_no_time_is_spent_where_no_hook_looks(tiny_llama, monkeypatch):
    model = load(parse_spec(str(tiny_llama)), "cpu").model
    norm = model.blocks[0].ln1
    seen = []
    monkeypatch.setattr(type(norm.hook_scale), "forward", lambda point, value: (seen.append(point), value)[1])
    logits(model)
    assert norm.hook_scale not in seen
    assert norm.hook_in in seen
    seen.clear()
    logits(model, [("blocks.0.ln1.hook_normalized", lambda value, hook: None)])
    assert norm.hook_scale in seen


def test_a_norm_that_gives_other_bits_by_itself_stays_the_library_s_own(tiny_llama, monkeypatch):
    model = TransformerBridge.boot_transformers(str(tiny_llama)).eval()
    norm, alone = model.blocks[0].ln1, type(model.blocks[0].ln1)._hf_autograd_forward_with_hooks
    monkeypatch.setattr(norm, "_hf_autograd_forward_with_hooks", lambda value: alone(norm, value) * (1 + 1e-6))
    before = logits(model)
    observe_norms(model)
    assert torch.equal(logits(model), before)
    assert [isinstance(block.ln1, ObservedNorm) for block in model.blocks] == [False, *[True] * (len(model.blocks) - 1)]


def test_a_norm_with_weights_of_another_dtype_gives_the_model_s(tiny_llama):
    model = TransformerBridge.boot_transformers(str(tiny_llama), dtype=torch.bfloat16).eval()
    for norm in (model.ln_final, *(block.ln1 for block in model.blocks)):
        norm.original_component.float()
    before = logits(model)
    observe_norms(model)
    assert isinstance(model.ln_final, ObservedNorm)
    assert before.dtype == torch.bfloat16
    assert torch.equal(logits(model), before)


def test_the_fingerprint_is_that_of_the_library_s_own(tiny_llama, monkeypatch):
    spec = parse_spec(str(tiny_llama))
    ours = load(spec, "cpu").card.fingerprint
    monkeypatch.setattr(observed_norms, "observe_norms", lambda bridge: None)
    assert load(spec, "cpu").card.fingerprint == ours
