"""Kinds of site of one's own: the doctor holds them to the rule that their record names.

How it could be fooled: a kind at another place than its record says; one that was registered after the model had been
examined, so that nobody looked; one that takes the name of another."""

from dataclasses import replace

import numpy as np
import pytest
from own_things import RAW

import circuitcheck as cc
from circuitcheck.errors import BadExtension, UnknownSite, UnsoundModel
from circuitcheck.ext import register_site_kind
from circuitcheck.session import CheckUpStore


def test_it_is_named_written_and_read(model, ioi):
    with pytest.raises(UnknownSite):
        model.patch("L1.attn_raw", source="abc")
    register_site_kind(RAW)
    mine, ours = (ioi.logit_diff(model.patch(f"L1.{kind}", source="abc")).values(8) for kind in ("attn_raw", "attn_out"))
    np.testing.assert_array_equal(mine, ours)  # a GPT-2 has no norm between the two
    assert ioi.metric(cc.norm("L1.attn_raw", at="END"), model).values(8).min() > 0


@pytest.fixture
def examined(tiny_gpt2, tmp_path):
    """A session whose doctor has seen the model without the kind, and wrote down what it found."""
    with cc.use_session(cc.Session(cc.Settings(batch=8), checkups=CheckUpStore(tmp_path))) as session:
        model = cc.load(str(tiny_gpt2))
        cc.tasks.ioi().logit_diff(model).values(8)
        yield session, model


@pytest.mark.slow
def test_the_doctor_examines_it_though_the_model_was_examined_before(examined, ioi):
    session, model = examined
    register_site_kind(RAW)
    ioi.logit_diff(model.patch("L1.attn_raw", source="abc")).values(8)
    found = session.checkups.of(model.card, session.engine)
    assert {each.status for each in found.findings if each.subject == "attn_raw"} == {"passed"}


@pytest.mark.slow
@pytest.mark.parametrize("point", ["hook_resid_pre", "hook_mlp_out"])
@pytest.mark.sampled(1)
def test_a_kind_at_another_place_than_it_says_is_unsound(examined, ioi, point):
    _, model = examined
    register_site_kind(replace(RAW, points=(f"blocks.{{layer}}.{point}",)))
    with pytest.raises(UnsoundModel, match="attn_raw: a patch has the effect that its definition demands"):
        ioi.logit_diff(model.patch("L1.attn_raw", source="abc")).values(8)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"name": "resid_post"}, "there is another of that name"),
        ({"name": "mlp"}, "no unit's"),
        ({"name": "Raw site"}, "a name is of small letters"),
        ({"rule": "is nice"}, "rule='is nice'; expected 'is all that later layers know' or"),
        ({"rule": "is read"}, "needs seen_in"),
        ({"rule": "is read", "seen_in": "elsewhere"}, "there is no kind elsewhere"),
        ({"axes": ("d_model", "pos")}, "the first of its axes"),
        ({"points": ("blocks.0.attn.hook_out",)}, r"with \{layer\}"),
        ({"traits": ("it is mine",)}, "expected some of"),
        ({"index": "expert"}, "index='expert'; expected None or 'head'"),
    ],
)
def test_a_record_that_does_not_fit_together_is_refused(change, words):
    with pytest.raises(BadExtension, match=words):
        register_site_kind(replace(RAW, **change))


def test_the_same_again_is_nothing_new_and_another_of_its_name_is_refused():
    register_site_kind(RAW)
    register_site_kind(replace(RAW))
    with pytest.raises(BadExtension, match="another of that name"):
        register_site_kind(replace(RAW, points=("blocks.{layer}.hook_mlp_out",)))
    with pytest.raises(BadExtension, match="no kind of site"):
        register_site_kind("attn_raw")
