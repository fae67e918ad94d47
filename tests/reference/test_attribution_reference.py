"""Direct logit attribution and the logit lens, part by part, against sums written out over plain `transformers` modules.

How it could be fooled: a scale of another run, or of the part itself; a head with a share of the output's bias; a norm after
attention that is passed over; grouped heads counted wrongly; a softcap before or after which nothing adds up; a BOS more."""

import numpy as np
import pytest
import torch
from attribution_reference import Run
from plain import load_smollm2
from sites_bench import ORGANISM
from tiny_architectures import SETTINGS, save_architecture
from tiny_dictionaries import tiny_sae
from tiny_families import FAMILIES
from transformers import AutoModelForCausalLM

import circuitcheck as cc

BEYOND = ("Gemma2", "Olmo2", "Phi", "Falcon", "GPTBigCode", "Bloom", "OPT", "Granite")
N = 4


@pytest.fixture(scope="module")
def folder_of(folders, tmp_path_factory):
    def folder(name):
        if name in folders:
            return str(folders[name])
        made = tmp_path_factory.mktemp(name) / name
        return save_architecture(name, SETTINGS[name], folders["gpt2"], made)

    return folder


def expected_parts(bare, prompts, base="clean", cut=None):
    """({part: [prompt]}, the logit differences [prompt], {stream: [prompt]})"""
    parts, wholes, lenses = {}, [], {}
    for prompt in prompts:
        run = Run(bare, torch.tensor([prompt.run(base)]), prompt.end, cut)
        one, other = torch.tensor([prompt.answer_id]), torch.tensor([prompt.distractor_id])
        found, whole = run.along(one, other)
        for name, value in found.items():
            parts.setdefault(name, []).append(float(value))
        wholes.append(float(whole))
        for stream in run.streams():
            lenses.setdefault(stream, []).append(float(run.lens(stream, one, other)))
    return {name: np.array(each) for name, each in parts.items()}, np.array(wholes), lenses


def measured(quantities, n):
    """{name: [prompt]} of many quantities, in one plan."""
    names, total = list(quantities), sum(quantities.values())
    columns = total.draw(range(n))
    order = {cell.digest: row for row, cell in enumerate(total.cells)}
    return {name: columns[order[quantities[name].cells[0].digest]] for name in names}


def check(model, bare, n=N, view=None, **run):
    view, ioi = view or model, cc.tasks.ioi()
    prompts = ioi.prompts(n, model=model, stream="test")
    parts, whole, lenses = expected_parts(bare, prompts, **run)
    asked = {name: ioi.attribution(view, name) for name in parts}
    asked |= {f"lens {name}": ioi.lens(view, name) for name in lenses}
    last = model.architecture.n_layers - 1
    heads = ", ".join(name for name in parts if "H" in name)
    start = "embed, pos_embed" if "pos_embed" in parts else "embed"
    asked["all layers"] = ioi.attribution(view, f"{start}, L0-{last}.attn, L0-{last}.mlp, b_U")
    asked["all heads"] = ioi.attribution(view, f"{start}, {heads}, L0-{last}.mlp, bias")
    found = measured(asked, n)
    expected = {
        **parts,
        **{f"lens {name}": value for name, value in lenses.items()},
        "all layers": whole,
        "all heads": whole,
    }
    size = max(1, float(np.abs(whole).max()))
    wrong = [name for name, value in expected.items() if found[name] != pytest.approx(value, abs=1e-5 * size)]
    assert not wrong
    return parts


def bare_of(folder):
    return AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval().requires_grad_(False)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", [*FAMILIES, *BEYOND])
def test_each_part_is_what_it_is_by_hand(folder_of, name):
    folder = folder_of(name)
    parts = check(cc.load(folder, device="cpu"), bare_of(folder))
    assert min(np.abs(value).max() for name, value in parts.items() if "H" in name) > 1e-4  # none is 0 by accident


@pytest.mark.sampled(1)
@pytest.mark.parametrize("name", ["gpt2", "gemma3"])
def test_the_scale_is_that_of_the_view_s_own_run(folder_of, name):
    folder = folder_of(name)
    model, bare = cc.load(folder, device="cpu"), bare_of(folder)
    clean = check(model, bare)
    others = check(model, bare, view=model.on("abc"), base="abc")
    cut = check(model, bare, view=model.ablate("L1H1", kind="zero", at="END"), cut=(1, 1))
    assert not cut["L1H1"].any()
    assert np.abs(cut["L0H0"] - clean["L0H0"]).max() > 1e-4  # what it wrote is the same, and its share of the scale is not
    assert np.abs(others["L0H0"] - clean["L0H0"]).max() > 1e-4


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", ["Gemma2", "gpt2", "llama", "Granite", "qwen3"])
def test_what_a_head_brings_from_each_token_is_what_it_is_by_hand(folder_of, name):
    """And all tokens together are what the head writes, which each run is checked for."""
    folder, ioi = folder_of(name), cc.tasks.ioi()
    model, bare = cc.load(folder, device="cpu"), bare_of(folder)
    prompts = ioi.prompts(N, model=model, stream="test")
    keys = {
        "IO": lambda prompt: prompt.positions["IO"],
        "START, END": lambda prompt: [0, prompt.end],
        ("S2[:]", "END-1"): lambda prompt: [*prompt.positions["S2"], prompt.end - 1],
    }
    last = model.architecture.n_layers - 1
    heads = [(0, 1), (last, model.architecture.n_heads - 2)]  # of 4 heads of 2 keys, none that any mix-up leaves alone
    expected = {(head, key): [] for head in heads for key in keys}
    for prompt in prompts:
        run = Run(bare, torch.tensor([prompt.tokens]), prompt.end, attends=True)
        words = torch.tensor([prompt.answer_id]), torch.tensor([prompt.distractor_id])
        found, _ = run.along(*words)
        for head in heads:
            for key, where in keys.items():
                expected[head, key].append(float(run.head_from(*head, where(prompt), *words)))
            whole = float(run.head_from(*head, range(prompt.end + 1), *words))
            assert whole == pytest.approx(float(found["L{}H{}".format(*head)]), abs=1e-5)
    asked = {(head, key): ioi.attribution(model, "L{}H{}".format(*head), key=key) for head in heads for key in keys}
    found = measured(asked, N)
    for name, values in expected.items():
        assert found[name] == pytest.approx(np.array(values), abs=1e-5), name
        assert np.abs(values).max() > 1e-6


@pytest.mark.parametrize("name", ["gpt2", "Gemma2"])
def test_what_features_write_is_what_it_is_by_hand(folder_of, name):
    folder, ioi, numbers = folder_of(name), cc.tasks.ioi(), [3, 8, 11, 20]
    model, bare = cc.load(folder, device="cpu"), bare_of(folder)
    config = bare.config
    heads, width = config.num_attention_heads, config.hidden_size
    size = getattr(config, "head_dim", None) or width // heads
    sites = {
        "resid_post": ("L1.resid_post", tiny_sae(width, 1)),
        "mlp": ("L1.mlp_out", tiny_sae(width, 2)),
        "z": ("L1.z", tiny_sae(size * heads, 3)),
        "H2.z": ("L1H2.z", tiny_sae(size, 4)),
        "transcoder": (None, tiny_sae(width, 5, hook="blocks.1.hook_mlp_in", out="blocks.1.hook_mlp_out")),
    }
    loaded = {of: cc.sae(sae, at=at) if at else cc.transcoder(sae) for of, (at, sae) in sites.items()}
    found = measured({of: ioi.attribution(model, q[numbers]) for of, q in loaded.items()}, N)
    for row, prompt in enumerate(ioi.prompts(N, model=model, stream="test")):
        run = Run(bare, torch.tensor([prompt.tokens]), prompt.end)
        words = torch.tensor([prompt.answer_id]), torch.tensor([prompt.distractor_id])
        for of, (_, sae) in sites.items():
            expected = float(run.features(sae, numbers, of, *words).detach())
            assert found[of][row] == pytest.approx(expected, abs=1e-5), of
    assert all(np.abs(values).max() > 1e-4 for values in found.values())


def test_on_the_organism():
    check(cc.load("organism"), bare_of(ORGANISM), 8)


@pytest.mark.slow
def test_on_smollm2(smollm2):
    check(smollm2, load_smollm2().network.requires_grad_(False), 4)
