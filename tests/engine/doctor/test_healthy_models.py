"""Models that nobody has broken pass everything, and are none the worse for it."""

import json
from itertools import product

import pytest
import torch
from defects import EFFECT, KINDS, ONE_TOKEN, OWN_VALUE

from circuitcheck.engine.checkup import EVERYTHING, VERSION, CheckUp
from circuitcheck.engine.torch.doctor import examine
from circuitcheck.engine.torch.sources import forward

FAMILIES = ("gpt2", "llama", "neox", "gemma3", "qwen2", "qwen3")
MODELS = [
    *product(FAMILIES, ["float32"], [""]),
    *product(("gpt2", "llama"), ["float64", "bfloat16"], [""]),
    *product(FAMILIES, ["float32"], ["+folded"]),
]


@pytest.fixture(params=MODELS, ids="".join)
def which(request):
    return request.param


def refused_in(family):
    return {"resid_mid"} if family == "neox" else set()


def test_nothing_fails_on_a_model_that_is_well(which, well):
    assert [f"{each.subject}: {each.check}: {each.describe()}" for each in well(*which).failed] == []


def test_every_site_is_examined_in_three_ways_or_refused(which, well):
    found = well(*which).findings
    for kind in KINDS:
        of_kind = {each.check: each.status for each in found if each.subject == kind}
        if kind in refused_in(which[0]):
            assert of_kind == {"is there": "refused"}
        else:
            assert of_kind == dict.fromkeys([EFFECT, ONE_TOKEN, OWN_VALUE], "passed")
    assert {each.subject for each in found if each.status == "refused"} == refused_in(which[0])


def test_subjects_are_sites_the_model_text_and_what_is_only_noted(which, well):
    found = well(*which).findings
    assert {each.subject for each in found if each.status == "passed"} == {*KINDS, EVERYTHING, "text"} - refused_in(which[0])
    noted = {"text", "noise", "padding"} | (set() if which[0] == "neox" else {"the library's hooks"})
    assert {each.subject for each in found if each.status == "noted"} == noted
    assert len({(each.subject, each.check) for each in found}) == len(found)


def test_a_check_up_says_whose_it_is(which, well, admit):
    found, ref = well(*which), admit(*which).card.ref
    assert (found.model, found.fingerprint, found.dtype) == (ref.spec, ref.fingerprint, which[1])
    assert (found.device, found.version) == ("cpu", VERSION)
    assert found.seconds > 0
    assert which[2] in found.model


def test_a_check_up_comes_back_from_json(which, well):
    found = well(*which)
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
def test_what_is_no_check_up_is_refused(well, spoil):
    given = json.loads(json.dumps(well("gpt2", "float32", "").as_dict()))
    spoil(given)
    with pytest.raises((KeyError, TypeError, ValueError)):
        CheckUp.from_dict(given)


def test_the_library_s_own_hook_is_reported_where_ours_passes(which, well):
    own = [each for each in well(*which).findings if each.subject == "the library's hooks"]
    if which[0] == "neox":
        assert own == []
        return
    (finding,) = own
    assert finding.error > 0.1
    assert "DEFECT" in finding.detail
    assert {each.status for each in well(*which).findings if each.subject == "resid_mid"} == {"passed"}


def everything_in(loaded):
    """Bytes of parameters and buffers, and how many hooks each module has, torch's and the library's."""
    modules = {id(each): each for root in (loaded.model, loaded.model.original_model) for each in root.modules()}
    hooks = [
        [len(getattr(each, name, ())) for name in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "fwd_hooks")]
        for each in modules.values()
    ]
    tensors = [*loaded.model.named_parameters(), *loaded.model.named_buffers()]
    return hooks, {name: (each.data_ptr(), each._version, each.clone()) for name, each in tensors}


def test_an_examination_leaves_no_trace(which, admit):
    loaded = admit(*which)
    tokens = torch.arange(20).reshape(2, 10)
    with torch.no_grad():
        before, hooks, tensors = forward(loaded.model, tokens), *everything_in(loaded)
        examine(loaded)
        after, hooks_now, tensors_now = forward(loaded.model, tokens), *everything_in(loaded)
    assert hooks_now == hooks
    assert tensors_now.keys() == tensors.keys()
    assert all(tensors_now[name][:2] == tensors[name][:2] for name in tensors)
    assert all(torch.equal(tensors_now[name][2], tensors[name][2]) for name in tensors)
    assert torch.equal(after, before)
    assert not any(point.fwd_hooks or point.bwd_hooks for point in loaded.model.hook_dict.values())


def test_two_examinations_find_the_same(well, admit):
    assert examine(admit("llama", "float32", "")).findings == well("llama", "float32", "").findings
