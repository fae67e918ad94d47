"""Each way of breaking a model makes the check fail that is about it: never merely some check."""

import pytest
from defects import (
    AGAIN,
    ALONE,
    EFFECT,
    KINDS,
    LEFT,
    LOOKS_BACK,
    ONE_TOKEN,
    OWN_VALUE,
    SOFTMAX,
    SUM,
    Deaf,
    Defect,
    all_become,
    bos_at_the_end,
    embeds_again_later,
    embeds_twice,
    fainter,
    forward_of,
    fused_kernel,
    leaks_between_prompts,
    leaves_hooks,
    lies_at,
    looks_ahead,
    lower_case,
    masks_softly,
    no_bos,
    noise,
    other_output_weights,
    own_resid_mid_hook,
    positions_go_on_from_call_to_call,
    positions_go_on_from_prompt_to_prompt,
    says_that_blocks_are_parallel,
    second_bos,
    shows_heads_reversed,
    takes_a_text_with_bos,
    torch_hook_on_a_hook_point,
    touches_weights,
)

from circuitcheck.engine.torch import doctor
from circuitcheck.engine.torch.doctor import examine

MODEL = "model"
HELD = "with all z and all mlp_out held, another one is only added"  # fails with any of the three
# Sites whose write another site's check needs too, so that this one is blamed with it.
TOGETHER = {
    "q": ("k",),
    "k": ("q",),
    "v": ("pattern",),
    "pattern": ("v",),
    "attn_out": ("resid_mid",),
}
# Several at a time, none of which is another's witness.
GROUPS = [
    ("resid_pre", "mlp_out", "z", "q"),
    ("resid_post", "attn_out", "k", "pattern", "neurons"),
    ("embed", "mlp_in", "v", "scores"),
]


def with_them(kinds):
    return {*kinds, *(other for kind in kinds for other in TOGETHER.get(kind, ()))}


SCALED = (MODEL, "mlp_in")
DEFECTS = [
    Defect("noise of a millionth", forward_of(lambda block: block.mlp, noise(1e-6)), (MODEL, AGAIN)),
    Defect("dropout that is left on", forward_of(lambda block: block.mlp, noise(0.1)), (MODEL, AGAIN), None),
    Defect("positions go on from call to call", positions_go_on_from_call_to_call, (MODEL, AGAIN), None),
    Defect("positions go on from prompt to prompt", positions_go_on_from_prompt_to_prompt, (MODEL, ALONE)),
    Defect("prompts leak into each other", forward_of(lambda block: block.ln1, leaks_between_prompts(0.5)), (MODEL, ALONE)),
    Defect("attention looks one token ahead", looks_ahead, (MODEL, LOOKS_BACK), KINDS),
    Defect("attention looks ahead, llama", looks_ahead, (MODEL, LOOKS_BACK), KINDS, "llama"),
    Defect("the embedding is added twice", embeds_twice, ("embed", EFFECT)),
    Defect(
        "the embedding is added again later",
        embeds_again_later,
        ("embed", EFFECT),
        ("resid_pre", "resid_mid", "resid_post", MODEL),
    ),
    Defect("a fused kernel shows its attention only", fused_kernel, ("scores", ONE_TOKEN), ("pattern", "v")),
    Defect("resid_mid by the library's own hook", own_resid_mid_hook, ("resid_mid", EFFECT)),
    Defect("output weights with heads in another order", other_output_weights, ("result", EFFECT)),
    Defect(
        "values shown in another order than written",
        shows_heads_reversed("v", both_ways=False),
        ("v", OWN_VALUE),
        ("pattern",),
        "llama",
    ),
    Defect(
        "z shown in another order",
        shows_heads_reversed("z", both_ways=True),
        ("z", "each is the one of its weights"),
        ("v", "result"),
    ),
    Defect(
        "the MLP's output is halved after its hook",
        forward_of(lambda block: block.mlp, lambda out: out / 2),
        ("mlp_out", EFFECT),
        SCALED,
    ),
    Defect(
        "attention's output is halved after its hook",
        forward_of(lambda block: block.attn, lambda out: out / 2),
        ("attn_out", EFFECT),
        (MODEL, "resid_mid"),
    ),
    Defect(
        "mlp_out before the post-norm",
        lies_at("mlp_out", "blocks.{layer}.mlp.hook_out"),
        ("mlp_out", EFFECT),
        SCALED,
        "gemma3",
    ),
    Defect(
        "attn_out before the post-norm",
        lies_at("attn_out", "blocks.{layer}.attn.hook_out"),
        ("attn_out", EFFECT),
        (MODEL, "resid_mid"),
        "gemma3",
    ),
    Defect("z of the first layer for all", lies_at("z", "blocks.0.attn.hook_z"), ("z", EFFECT), ("result", "pattern", "v")),
    Defect("keys are values", lies_at("k", "blocks.{layer}.attn.hook_v"), ("k", EFFECT), ("q",)),
    Defect("values are keys", lies_at("v", "blocks.{layer}.attn.hook_k"), ("v", EFFECT), ("pattern",)),
    Defect(
        "resid_post is resid_pre",
        lies_at("resid_post", "blocks.{layer}.hook_resid_pre"),
        (MODEL, SUM),
        ("mlp_in", "mlp_out"),
    ),
    Defect("attn_out is mlp_out", lies_at("attn_out", "blocks.{layer}.hook_mlp_out"), ("attn_out", EFFECT), None),
    Defect("embed is the positions", lies_at("embed", "pos_embed.hook_out"), ("embed", EFFECT)),
    Defect("scores are the pattern", lies_at("scores", "blocks.{layer}.attn.hook_pattern"), ("scores", SOFTMAX)),
    Defect("the pattern is the scores", lies_at("pattern", "blocks.{layer}.attn.hook_attn_scores"), ("scores", SOFTMAX)),
    Defect("blocks are parallel, by the card", says_that_blocks_are_parallel, ("attn_out", EFFECT), None),
    Defect("a run leaves a hook", leaves_hooks, (MODEL, LEFT)),
    Defect("somebody's torch hook on a hook point", torch_hook_on_a_hook_point, (MODEL, LEFT)),
    Defect("a run touches weights", touches_weights, (MODEL, LEFT)),
]
ONE_BOS = ("text", "a prompt starts with one BOS")
TEXT = [
    Defect("two BOS", second_bos, ONE_BOS, bos="always"),
    Defect("no BOS", no_bos, ONE_BOS, bos="always"),
    Defect("BOS at the end", bos_at_the_end, ONE_BOS, bos="always"),
    Defect("BOS in a text goes unnoticed", takes_a_text_with_bos, ("text", "a text that holds the BOS already is refused")),
]
SLIGHT = 1e-2
SLIGHTLY = [
    Defect("prompts leak a hundredth", forward_of(lambda block: block.ln1, leaks_between_prompts(SLIGHT)), (MODEL, ALONE)),
    Defect(
        "the MLP's output loses a hundredth after its hook",
        forward_of(lambda block: block.mlp, lambda out: out * (1 - SLIGHT)),
        ("mlp_out", EFFECT),
        SCALED,
    ),
    Defect(
        "the output projection loses a hundredth of a head's output",
        forward_of(
            lambda block: vars(block.attn)["_modules"]["o"]._modules["_original_component"], lambda out: out * (1 - SLIGHT)
        ),
        ("result", EFFECT),
        ("result", "z"),
    ),
    Defect("the mask lets a hundredth through", masks_softly(5.0), (MODEL, LOOKS_BACK), None),
]


def statuses(found):
    return {(each.subject, each.check): each.status for each in found.findings}


@pytest.mark.parametrize("defect", [*DEFECTS, *SLIGHTLY], ids=str)
@pytest.mark.sampled(2)
def test_what_is_broken_is_found_where_it_is_broken(defect, ward, visit):
    healthy = statuses(visit(*defect.which).found)
    assert healthy[defect.found] == "passed"
    found = examine(ward(defect))
    assert statuses(found).get(defect.found) == "failed", found.failed
    if defect.blamed is not None:
        assert {each.subject for each in found.failed if each.check != HELD} - {defect.found[0]} == set(defect.blamed) - {
            defect.found[0]
        }


@pytest.fixture
def sites_left_out(monkeypatch):
    """They are examined on tokens drawn by lot, whatever becomes of text."""
    monkeypatch.setattr(doctor, "check_sites", no_sites)


def no_sites(examined):
    return ()


@pytest.mark.parametrize("defect", TEXT, ids=str)
def test_what_becomes_of_text_is_found(defect, ward, visit, sites_left_out):
    assert statuses(visit(*defect.which).found)[defect.found] == "passed"
    assert {(each.subject, each.check) for each in examine(ward(defect)).failed} == {defect.found}


def test_what_is_lost_of_a_text_is_shown(ward, visit, sites_left_out):
    def read_back(found):
        (noted,) = (each for each in found.findings if each.check == "what comes back from the tokens of a text")
        return noted.detail

    defect = Defect("", lower_case, ("", ""))
    healthy = read_back(visit(*defect.which).found)
    assert "Mary" in healthy
    assert read_back(examine(ward(defect))) == healthy.lower()


def writes_become(kinds, other_point):
    return Defect("", all_become(kinds, other_point), ("", ""))


def test_every_site_with_a_hook_point_of_its_own_is_broken_below():
    assert sorted(kind for group in GROUPS for kind in group) == sorted(set(KINDS) - {"resid_mid", "result"})


@pytest.mark.parametrize("kinds", GROUPS, ids=" ".join)
@pytest.mark.sampled(1)
def test_writes_that_are_thrown_away_are_found_at_their_sites(kinds, ward, visit):
    """No other check than a write to one site alone can tell a query's from a key's, a pattern's from a value's."""
    defect = writes_become(kinds, Deaf)
    assert {statuses(visit(*defect.which).found)[kind, ONE_TOKEN] for kind in kinds} == {"passed"}
    found = examine(ward(defect))
    silent = {subject for (subject, check), status in statuses(found).items() if (check, status) == (ONE_TOKEN, "failed")}
    assert silent == {*kinds, *(("resid_mid",) if "attn_out" in kinds else ())}  # which is written through attn_out
    assert {each.subject for each in found.failed if each.check != HELD} == with_them(kinds)


@pytest.mark.parametrize("kinds", GROUPS, ids=" ".join)
@pytest.mark.sampled(1)
def test_writes_that_lose_a_hundredth_are_found_at_their_sites(kinds, ward, visit):
    defect = writes_become(kinds, fainter(SLIGHT))
    assert {statuses(visit(*defect.which).found)[kind, EFFECT] for kind in kinds} == {"passed"}
    found = examine(ward(defect))
    assert {statuses(found)[kind, EFFECT] for kind in kinds} == {"failed"}
    assert {each.subject for each in found.failed if each.check != HELD} == with_them(kinds)


def test_writes_that_lose_a_millionth_to_rounding_are_not_found(ward):
    every = [kind for group in GROUPS for kind in group]
    assert examine(ward(writes_become(every, fainter(1e-6)))).failed == ()
