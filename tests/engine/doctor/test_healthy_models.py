"""Models that nobody has broken pass everything, and are none the worse for it."""

import json
from itertools import product

import pytest
import torch
from defects import EFFECT, KINDS, ONE_TOKEN, OWN_VALUE

from circuitcheck.engine.checkup import EVERYTHING, VERSION, CheckUp
from circuitcheck.engine.torch.doctor import examine

FAMILIES = ("gpt2", "llama", "neox", "gemma3", "qwen2", "qwen3")
MODELS = [
    *product((*FAMILIES, "neox_sequential"), ["float32"], [""]),
    *product(("gpt2", "llama"), ["float64", "bfloat16"], [""]),
    *product(FAMILIES, ["float32"], ["+folded"]),
]


HEADS, POSITIONS = (
    "a write to one head reaches those that read it alone",
    "it knows no positions where nothing before it does",
)
WEIGHTS = "each is the one of its weights"
ITS_OWN = {
    "embed": [POSITIONS, "with all z and all mlp_out held, another one is only added"],
    "q": [HEADS, POSITIONS, "a query acts where its own token looks, alone"],
    "k": [HEADS, POSITIONS, "a key acts where later tokens look too"],
    "v": [HEADS],
    "neurons": ["the MLP's output is linear in it", WEIGHTS],
    "z": [WEIGHTS],
    "mlp_in": ["it is the stream that enters the MLP"],
    "scores": ["their softmax is the pattern"],
    "resid_mid": ["it is resid_pre + attn_out"],
}


@pytest.fixture(params=MODELS, ids="".join)
def which(request):
    return request.param


def refused_in(family):
    return {"resid_mid"} if family == "neox" else set()


@pytest.mark.sampled(3)
def test_nothing_fails_on_a_model_that_is_well(which, visit):
    assert [f"{each.subject}: {each.check}: {each.describe()}" for each in visit(*which).found.failed] == []


@pytest.mark.sampled(2)
def test_every_site_is_examined_in_every_way_or_refused(which, visit):
    found = visit(*which).found.findings
    for kind in KINDS:
        of_kind = {each.check: each.status for each in found if each.subject == kind}
        if kind in refused_in(which[0]):
            assert of_kind == {"is there": "refused"}
        else:
            assert of_kind == dict.fromkeys([EFFECT, ONE_TOKEN, OWN_VALUE, *ITS_OWN.get(kind, ())], "passed")
    assert {each.subject for each in found if each.status == "refused"} == refused_in(which[0])


@pytest.mark.sampled(4)
def test_subjects_are_sites_the_model_text_and_what_is_only_noted(which, visit):
    found = visit(*which).found.findings
    assert {each.subject for each in found if each.status == "passed"} == {*KINDS, EVERYTHING, "text"} - refused_in(which[0])
    noted = {"text", "noise", "padding"} | (set() if which[0] == "neox" else {"the library's hooks"})
    assert {each.subject for each in found if each.status == "noted"} == noted
    assert len({(each.subject, each.check) for each in found}) == len(found)


@pytest.mark.sampled(3)
def test_a_check_up_says_whose_it_is(which, visit, admit):
    found, ref = visit(*which).found, admit(*which).card.ref
    assert (found.model, found.fingerprint, found.dtype) == (ref.spec, ref.fingerprint, which[1])
    assert (found.device, found.version) == ("cpu", VERSION)
    assert found.seconds > 0
    assert which[2] in found.model


def test_a_check_up_comes_back_from_json(which, visit):
    found = visit(*which).found
    assert CheckUp.from_dict(json.loads(json.dumps(found.as_dict(), allow_nan=False))) == found


@pytest.mark.parametrize(
    "spoil",
    [
        lambda given: given.pop("findings"),
        lambda given: given.pop("fingerprint"),
        lambda given: given.update(stranger=1),
        lambda given: given["findings"][0].update(status="fine"),
        lambda given: given["findings"][0].update(stranger=1),
        lambda given: given["findings"][0].pop("check"),
    ],
)
def test_what_is_no_check_up_is_refused(visit, spoil):
    given = json.loads(json.dumps(visit("gpt2", "float32", "").found.as_dict()))
    spoil(given)
    with pytest.raises((KeyError, TypeError, ValueError)):
        CheckUp.from_dict(given)


def test_the_library_s_own_hook_is_reported_where_ours_passes(which, visit):
    own = [each for each in visit(*which).found.findings if each.subject == "the library's hooks"]
    if which[0] == "neox":
        assert own == []
        return
    (finding,) = own
    assert finding.error > 0.1
    assert "DEFECT" in finding.detail
    assert {each.status for each in visit(*which).found.findings if each.subject == "resid_mid"} == {"passed"}


def test_an_examination_leaves_no_trace(which, visit):
    before, after = visit(*which).before, visit(*which).after
    assert torch.equal(after["logits"], before["logits"])
    assert after["hooks"] == before["hooks"]
    assert after["versions"] == before["versions"]
    assert all(torch.equal(after["values"][name], before["values"][name]) for name in before["values"])


def test_no_hook_of_ours_is_on_a_model_that_was_examined(which, visit, admit):
    visit(*which)
    assert not any(point.fwd_hooks or point.bwd_hooks for point in admit(*which).model.hook_dict.values())


def test_two_examinations_find_the_same(visit, admit):
    assert examine(admit("gpt2", "float32", "")).findings == visit("gpt2", "float32", "").found.findings
