"""What the doctor found decides which claims are measured: those on an unsound site are errors that name it."""

import json
from dataclasses import replace

import numpy as np
import pytest
from defects import AGAIN, EFFECT, KINDS, LAYER, own_resid_mid_hook

import circuitcheck as cc
from circuitcheck.engine.checkup import EVERYTHING, VERSION, CheckUp, Finding
from circuitcheck.engine.protocol import ModelCard
from circuitcheck.errors import UnsoundModel
from circuitcheck.places import Architecture
from circuitcheck.plan import ModelRef
from circuitcheck.session import CheckUpStore

N = 4


@pytest.fixture(scope="module")
def session():
    with cc.use_session(cc.Session(cc.Settings(batch=N, device="cpu"))) as session:
        yield session


@pytest.fixture(scope="module")
def model(session, tiny_gpt2):
    return cc.load(str(tiny_gpt2))


@pytest.fixture(autouse=True)
def fresh_session(session):
    """The model outlives a test, and so does its session, but for its check-ups."""
    yield
    session.checkups = None


@pytest.fixture
def ioi():
    return cc.tasks.ioi()


@pytest.fixture
def with_finding(session, model, tmp_path):
    """Has the session believe a check-up in which these subjects failed, by the file that keeps it."""

    def believe(*subjects):
        findings = tuple(Finding(subject, EFFECT, "failed", 0.5) for subject in subjects)
        ref = model.ref
        found = CheckUp(ref.spec, ref.fingerprint, "cpu", ref.dtype, 1.0, findings)
        (tmp_path / f"{ref.fingerprint}-cpu.json").write_text(json.dumps(found.as_dict()))
        session.checkups = CheckUpStore(tmp_path)

    return believe


def writing(model, kind):
    site = "embed" if kind == "embed" else f"L{LAYER}.{kind}"
    return model.patch(site, source="abc")


def measure(ioi, view):
    return ioi.logit_diff(view).values(N)


@pytest.mark.parametrize("kind", KINDS)
def test_a_claim_that_writes_an_unsound_site_is_an_error_that_names_it(model, ioi, with_finding, kind):
    with_finding(kind)
    with pytest.raises(UnsoundModel, match=rf"1 checks.*: {kind}: {EFFECT} \(0\.5\).*circuitcheck doctor"):
        measure(ioi, writing(model, kind))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.sampled(6)
def test_claims_on_other_sites_are_measured_as_ever(model, ioi, with_finding, kind):
    view = writing(model, kind)
    expected = measure(ioi, view)
    with_finding(*(other for other in KINDS if other != kind))
    np.testing.assert_array_equal(measure(ioi, view), expected)
    assert np.isfinite(measure(ioi, model)).all()


OTHERWISE = {
    "a zero ablation of a head": ("z", lambda model, ioi: measure(ioi, model.ablate("L1H2", kind="zero"))),
    "a mean ablation of a neuron": (
        "neurons",
        lambda model, ioi: measure(ioi, model.ablate("L1.mlp[3]", kind="mean", n=64)),
    ),
    "a mean ablation of an MLP": ("mlp_out", lambda model, ioi: measure(ioi, model.ablate("L1.mlp", kind="mean", n=64))),
    "an attention layer of a counterfactual": (
        "attn_out",
        lambda model, ioi: measure(ioi, model.ablate("L1.attn", kind="counterfactual")),
    ),
    "a knock-out": ("scores", lambda model, ioi: measure(ioi, model.knock_out_attention("L1H2", query="END", key="S2"))),
    "a direction": (
        "resid_post",
        lambda model, ioi: measure(
            ioi,
            model.add(cc.mean_difference(ioi, model, "resid_post", at="IO", minus="S1", n=16), at="END", layers="L1"),
        ),
    ),
    "a metric of attention": (
        "pattern",
        lambda model, ioi: ioi.metric(cc.attention("L1H2", query="END", key="S2"), model).values(N),
    ),
    "a metric of a norm": ("resid_mid", lambda model, ioi: ioi.metric(cc.norm("L1.resid_mid", at="END"), model).values(N)),
    "a path's sender": ("z", lambda model, ioi: measure(ioi, model.patch_path("L0H1", into="L1H2.q", source="abc"))),
    "a path's receiver": ("q", lambda model, ioi: measure(ioi, model.patch_path("L0H1", into="L1H2.q", source="abc"))),
    "what a path freezes": (
        "mlp_out",
        lambda model, ioi: measure(ioi, model.patch_path("L0H1", into="L1H2.q", source="abc")),
    ),
}


@pytest.mark.parametrize("kind, ask", OTHERWISE.values(), ids=OTHERWISE)
@pytest.mark.sampled(5)
def test_whatever_reaches_an_unsound_site_is_an_error(model, ioi, with_finding, kind, ask):
    assert np.isfinite(ask(model, ioi)).all()
    with_finding(kind)
    with pytest.raises(UnsoundModel, match=f": {kind}: "):
        ask(model, ioi)


def test_what_is_unsound_about_the_model_stops_every_claim(model, ioi, with_finding):
    with_finding(EVERYTHING)
    for view in (model, model.patch("L1.resid_pre", source="abc")):
        with pytest.raises(UnsoundModel, match=f": {EVERYTHING}: "):
            measure(ioi, view)


def test_a_tokenizer_that_is_unsound_stops_every_claim(model, ioi, with_finding):
    with_finding("text")
    with pytest.raises(UnsoundModel, match=": text: "):
        measure(ioi, model)


def test_several_failures_are_counted_and_three_are_told(model, ioi, with_finding):
    with_finding(*[EVERYTHING] * 4, "z", "q")
    with pytest.raises(UnsoundModel, match="failed 5 checks") as error:
        measure(ioi, model.ablate("L1H2", kind="zero"))
    assert str(error.value).count(EFFECT) == 3


def test_a_site_that_is_broken_is_found_and_stops_its_claims_only(session, tiny_gpt2, ioi, tmp_path, monkeypatch):
    """From end to end: nothing is believed here but what the doctor finds."""
    with cc.use_session(cc.Session(cc.Settings(batch=N, device="cpu"), checkups=CheckUpStore(tmp_path))):
        model = cc.load(str(tiny_gpt2))
        own_resid_mid_hook(None, monkeypatch)
        assert np.isfinite(measure(ioi, model.ablate("L1H2", kind="zero"))).all()
        with pytest.raises(UnsoundModel, match=f"failed 1 checks.*: resid_mid: {EFFECT}"):
            measure(ioi, model.patch("L1.resid_mid", source="abc"))
        assert len(list(tmp_path.iterdir())) == 1


# The store -------------------------------------------------------------------------------------------------------------

CARD = ModelCard(ModelRef("m", "f00d", "float32", "tokenizer"), Architecture(2, 2, 2, 64, 8, False, False), {}, "cpu")


class Practice:
    """An engine that only examines, and counts."""

    def __init__(self, *findings):
        self.examined, self.findings = [], findings

    def examine(self, ref):
        self.examined.append(ref)
        return CheckUp(ref.spec, ref.fingerprint, "cpu", ref.dtype, 1.0, self.findings)


def with_fingerprint(fingerprint, device="cpu"):
    return replace(CARD, ref=replace(CARD.ref, fingerprint=fingerprint), device=device)


@pytest.mark.parametrize("kept", [True, False])
def test_a_model_is_examined_once_by_a_store(tmp_path, kept):
    store, practice = CheckUpStore(tmp_path if kept else None), Practice()
    assert store.of(CARD, practice) is store.of(CARD, practice)
    assert practice.examined == [CARD.ref]
    assert len(list(tmp_path.iterdir())) == kept


def test_another_store_of_the_folder_reads_what_was_kept(tmp_path):
    finding = Finding("z", AGAIN, "failed", 0.25, "of 3")
    found = CheckUpStore(tmp_path).of(CARD, Practice(finding))
    practice = Practice()
    assert CheckUpStore(tmp_path).of(CARD, practice) == found
    assert practice.examined == []


@pytest.mark.parametrize("other", [with_fingerprint("beef"), with_fingerprint("f00d", "cuda:0")])
def test_another_fingerprint_or_kind_of_device_is_examined_by_itself(tmp_path, other):
    store, practice = CheckUpStore(tmp_path), Practice()
    store.of(CARD, practice)
    store.of(other, practice)
    assert practice.examined == [CARD.ref, other.ref]
    assert len(list(tmp_path.iterdir())) == 2


def test_cards_of_one_device_kind_share_a_check_up(tmp_path):
    store, practice = CheckUpStore(tmp_path), Practice()
    store.of(with_fingerprint("f00d", "cuda:0"), practice)
    store.of(with_fingerprint("f00d", "cuda:1"), practice)
    assert len(practice.examined) == 1


@pytest.mark.parametrize(
    "change",
    [{"version": VERSION + 1}, {"version": VERSION - 1}, {"fingerprint": "beef"}, {"findings": 3}, {"stranger": 1}],
    ids=str,
)
def test_a_file_of_another_version_or_model_or_of_none_is_made_anew(tmp_path, change):
    CheckUpStore(tmp_path).of(CARD, Practice(Finding("z", AGAIN, "failed")))
    (file,) = tmp_path.iterdir()
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    practice = Practice(Finding("z", AGAIN, "passed"))
    found = CheckUpStore(tmp_path).of(CARD, practice)
    assert practice.examined == [CARD.ref]
    assert found.failed == ()
    assert CheckUp.from_dict(json.loads(file.read_text())) == found
    assert list(tmp_path.iterdir()) == [file]


def test_a_failure_elsewhere_is_no_reason_to_refuse():
    store, practice = CheckUpStore(), Practice(Finding("z", AGAIN, "failed"), Finding("q", AGAIN, "refused"))
    store.require_sound(CARD, practice, frozenset({"q", "resid_pre"}))
    store.require_sound(CARD, practice, frozenset())
    with pytest.raises(UnsoundModel, match="m failed 1 checks.*: z: "):
        store.require_sound(CARD, practice, frozenset({"q", "z"}))
