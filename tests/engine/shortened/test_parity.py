"""Whatever is measured, shortened passes give the values, receipts and errors of whole ones.

How it could be fooled: plans that no strategy shortens, or that fail both ways; so these are counted."""

import pytest
from drawn_plans import plans
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from spies import short_passes_counted

import circuitcheck as cc

DRAWN = ("gpt2", "llama", "neox", "gemma3", "qwen2", "qwen3", "hooked", "Mixtral", "organism")
# Parallel blocks, positions that are learned or added to scores, capped logits, latent keys, keys that heads share,
# windows that prompts are longer than, attention sinks.
OTHERS = ("GPTJ", "Falcon", "Phi", "OPT", "Bloom", "Gemma2", "DeepseekV2", "GPTBigCode", "Mistral", "GptOss")
QUICK = settings(
    deadline=None,
    max_examples=4,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # to shrink a plan takes minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.sampled(2)
def test_a_plan_gives_the_same_both_ways(words_of, monkeypatch, name):
    words, errors, shortened = words_of(name), [], []

    @QUICK
    @given(st.data())
    def compared(data):
        plan, rows = data.draw(plans(words))
        note(f"{rows} rows, batch {plan.batch}: " + "; ".join(cell.describe() for cell in plan.cells))
        with short_passes_counted(monkeypatch) as short:
            found = words.two_ways.compare(plan, rows)
        errors.extend([found] if isinstance(found, Exception) else [])
        shortened.append(bool(short))

    compared()
    assert len(errors) < len(shortened) / 2, errors
    assert any(shortened)


def views_of(words):
    """Interventions of each kind, in the last layers and late in the prompts."""
    model, last = words.model, words.model.architecture.n_layers - 1
    features, transcoded = (words.dictionary(site)[1, 4, 7] for site in (f"L{last}.resid_pre", f"L{last - 1}.resid_post"))
    views = {
        "zero": model.ablate(f"L{last}H1, L{last}H2", kind="zero", at="END"),
        "zero elsewhere": model.ablate(f"L{last}H0, L{last}.mlp", kind="zero", at="B, END"),
        "mean": model.ablate(f"L{last}.mlp", kind="mean", at="END", n=32),
        "resample": model.ablate(f"L{last}.attn", kind="resample", at="B", n=32),
        "counterfactual": model.ablate(f"L{last}.mlp", kind="counterfactual", source="abc"),
        "patch": model.patch(f"L{last}.resid_pre", source="swap", at="END"),
        "path": model.patch_path(f"L{last - 1}.mlp", into="logits", source="abc", at="END", sender_at="END"),
        "steer": model.add(words.direction("resid_post", last), at="END-1"),
        "features": model.remove(features, at="END", allow_vacuous=True),
        "mean of features": model.ablate(features, kind="mean", at="B, END", n=32, allow_vacuous=True),
        "transcoder": model.remove(transcoded, at="END", allow_vacuous=True),
        "two at one site": model.ablate(f"L{last}H0", kind="zero", at="END").patch(f"L{last}H1", source="abc", at="END"),
        "two": model.ablate(f"L{last}.mlp", kind="zero", at="END").patch(f"L{last - 1}H1", source="abc", at="END"),
        "on abc": model.on("abc").patch(f"L{last}.attn", source="clean", at="B, END"),
        "on abc, too": model.on("abc").ablate(f"L{last}.mlp", kind="zero", at="END"),
    }
    if words.has("scores"):
        views["knock-out"] = model.knock_out_attention(f"L{last}H1", query="END", key="A")
    if words.has("q"):
        views["path into q"] = model.patch_path(f"L{last - 1}H1", into=f"L{last}H1.q", source="abc", at="END")
        views["k, v"] = model.patch(f"L{last}.k, L{last}.v", source="abc", at="A")
    return views


@pytest.mark.parametrize("name", [*DRAWN, *OTHERS])
@pytest.mark.sampled(2)
def test_each_kind_of_intervention_gives_the_same_both_ways(words_of, monkeypatch, name):
    """All in one plan, so that they stand side by side, with prompts of two lengths and answers of one token and more."""
    words = words_of(name)
    last, views = words.model.architecture.n_layers - 1, views_of(words)
    measured = [(view, cc.logit_diff()) for view in (words.model, *views.values())]
    measured += [(view, cc.log_prob()) for view in (words.model, views["zero"], views["patch"], views["zero elsewhere"])]
    measured += [(views["zero elsewhere"], cc.kl_from_clean()), (views["resample"], cc.norm(f"L{last}.mlp", at="END"))]
    if words.has("pattern"):
        measured += [(views["zero"], cc.attention(f"L{last}H1", query="END", key="A"))]
    plan = words.two_ways.plan(words.task, *measured)
    with short_passes_counted(monkeypatch) as short:
        found = words.two_ways.compare(plan, 6)
    assert not isinstance(found, Exception), found
    assert max(copies for copies, _ in short) > 2
    assert last in {shortcut.layer for _, shortcut in short}
    assert any(shortcut.start for _, shortcut in short)
