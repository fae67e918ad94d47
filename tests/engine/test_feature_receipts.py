"""Receipts of changed features: how often they fire, how much the dictionary's output changes, and kernels that go wrong.

How it could be fooled: the error term, computed after the edit, puts back what the edit took away; a kernel writes less, or
elsewhere, than the features call for; the counts are the kernel's own word."""

import copy

import numpy as np
import pytest
import torch
from tiny_dictionaries import random_dictionary

import circuitcheck as cc
from circuitcheck.engine.torch.dictionaries.slices import rows_of_site
from circuitcheck.engine.torch.kernels import features as kernel
from circuitcheck.errors import StrayWrite

N = 24
SITE = "L1H2.q"


@pytest.fixture(scope="module")
def kept():
    return cc.Session()


@pytest.fixture(autouse=True)
def fresh_session(kept):
    """One engine for the file, and no measured values from test to test."""
    with cc.use_session(another()(kept.engine)):
        yield


def another(**settings):
    """A session on an engine that is there already."""
    return lambda engine: cc.Session(cc.Settings(**settings), make_engine=lambda _: engine)


@pytest.fixture(scope="module")
def ioi():
    return cc.tasks.ioi().on_stream("test")


@pytest.fixture(scope="module")
def model(kept, tiny_gpt2):
    with cc.use_session(kept):
        return cc.load(str(tiny_gpt2))


@pytest.fixture(scope="module")
def q(kept):
    with cc.use_session(kept):
        return random_dictionary(SITE, 8, seed=1, silent=(5,))


@pytest.fixture(scope="module")
def values(kept, model, ioi):
    """Of the site in the untouched model: [token, 8] of each prompt, and where its positions are."""
    with cc.use_session(kept):
        prompts = ioi.prompts(N, model=model)
        return [(torch.as_tensor(model.cache([prompt], [SITE])[SITE])[0], prompt.positions) for prompt in prompts]


@pytest.fixture
def by_hand(q, values):
    """[prompt, feature]: the activation farthest from 0 at some tokens, as sae_lens encodes them."""

    def encode(at=None, dictionary=q):
        rows = []
        for value, positions in values:
            with torch.no_grad():
                acts = dictionary.inner.encode(
                    value[: positions["END"][0] + 1] if at is None else value[list(positions[at])]
                )
            rows.append(np.take_along_axis(acts.numpy(), acts.abs().argmax(0)[None].numpy(), axis=0)[0])
        return np.array(rows)

    return encode


@pytest.fixture
def two(by_hand):
    """Two features that fire at END of some of the prompts."""
    counts = (by_hand("END") != 0).sum(axis=0)
    some = np.flatnonzero((counts > 2) & (counts < N - 1))
    assert len(some) >= 2
    return some[:2].tolist()


def receipts(quantity, rows=range(N)):
    return cc.current_session().measure(quantity.prompts, quantity.cells, rows).receipts


def receipt(ioi, view):
    (found,) = receipts(ioi.logit_diff(view))
    return found


@pytest.mark.parametrize("at", [None, "END", "S2"])
def test_firing_is_what_encoding_by_hand_finds(q, two, model, ioi, by_hand, at):
    expected = by_hand(at)[:, two]
    found = receipt(ioi, model.clamp(q[two], 7.0, at=at))
    np.testing.assert_allclose(np.transpose([each.activation for each in found.features]), expected, atol=1e-5)
    assert [each.fires for each in found.features] == (expected != 0).sum(axis=0).tolist()
    assert [each.feature for each in found.features] == [str(part) for part in q[two].plan.parts]


def test_activations_are_those_before_the_change(q, two, model, ioi):
    """A second edit of the same features finds what the first has left."""
    view = model.remove(q[two]).clamp(q[two], 2.0)
    first, second = receipts(ioi.logit_diff(view))
    alone = receipt(ioi, model.remove(q[two]))
    assert first.features == alone.features
    assert second.features != alone.features


def test_the_change_of_the_output_is_relative_to_what_the_dictionary_gave_out(q, two, model, ioi, by_hand):
    acts, sae = by_hand("END"), q.inner
    rows, bias = sae.W_dec.detach().numpy(), sae.b_dec.detach().numpy()
    change = np.linalg.norm(acts[:, two] @ rows[two], axis=1)
    expected = change / np.linalg.norm(acts @ rows + bias, axis=1)
    found = receipt(ioi, model.remove(q[two], at="END"))
    np.testing.assert_allclose(found.output, expected, atol=1e-5)
    assert found.mean_output_change == pytest.approx(expected.mean(), abs=1e-5)


def test_other_interventions_have_no_such_receipt(q, model, ioi):
    for view in (model.ablate("L1H2.q", kind="zero"), model.through(q)):
        found = receipt(ioi, view)
        assert (found.features, found.output, found.mean_output_change) == ((), (), None)


def test_of_many_features_it_says_whether_any_fires(model, ioi, by_hand):
    wide = random_dictionary(SITE, 8, features=80)
    (one,) = receipt(ioi, model.remove(wide[:70], at="END")).features
    acts = by_hand("END", wide)[:, :70]
    np.testing.assert_allclose(one.activation, np.abs(acts).max(axis=1), atol=1e-5)
    assert "[0-69]" in one.feature
    assert len(receipt(ioi, model.remove(wide[:64], at="END")).features) == 64


def test_receipts_are_cut_and_put_together_row_by_row(q, two, model, ioi):
    whole = receipt(ioi, model.clamp(q[two], 7.0, at="END"))
    parts = [whole.rows(slice(start, start + 4)) for start in (0, 4, 8)]
    assert [each.prompts for each in parts] == [4, 4, 4]
    assert parts[1].features[0].activation == whole.features[0].activation[4:8]
    assert parts[1].output == whole.output[4:8]
    assert parts[0].then(parts[1]).then(parts[2]) == whole.rows(slice(12))


def test_a_stretch_measured_in_parts_has_the_receipt_of_the_whole(q, two, model, ioi):
    quantity = ioi.logit_diff(model.clamp(q[two], 7.0, at="END"))
    for rows in (range(4), range(N)):
        (found,) = receipts(quantity, rows)
    with cc.use_session(another()(cc.current_session().engine)):
        (whole,) = receipts(quantity)
    assert found.prompts == N
    for one, same in zip(found.features, whole.features, strict=True):
        np.testing.assert_allclose(one.activation, same.activation, atol=1e-5)
    np.testing.assert_allclose(found.output, whole.output, atol=1e-6)


# --- kernels that go wrong


def error_term_after_the_edit(splice, read, old):
    """What is left over is computed against the changed reconstruction, and adds up to the old value: nothing changes."""
    after = splice.edited(splice.dictionary.encode(read))
    made = splice.dictionary.decode(after, read)
    return (made + (old - made)).to(old)


def half_of_the_change(splice, read, old):
    return (HONEST(splice, read, old) + old) / 2


def another_tokens_change(splice, read, old):
    """The change of the token beside it, where that is another: what is added is the same everywhere."""
    return old + (HONEST(splice, read, old) - old).roll(1, dims=0)


def other_features(splice, read, old):
    """Those next to the ones that are named."""
    before = splice.dictionary.encode(read)
    after = splice.edited(before.roll(1, dims=1)).roll(-1, dims=1)
    return old + splice.dictionary.decode(after, read) - splice.dictionary.decode(before, read)


def whole_reconstruction(splice, read, old):
    """The error term is lost."""
    return splice.dictionary.decode(splice.edited(splice.dictionary.encode(read)), read).to(old)


HONEST = kernel._Splice.of
WRONG = [half_of_the_change, another_tokens_change, other_features, whole_reconstruction]
EDITS = {
    "remove": lambda view, features: view.remove(features),
    "clamp": lambda view, features: view.clamp(features, 3.0),
    "scale": lambda view, features: view.scale(features, -1.0),
    "add": lambda view, features: view.add(features, scale=2.0),
}


PAIRS = [(wrong, edit) for wrong in WRONG for edit in EDITS if (wrong, edit) != (another_tokens_change, "add")]


@pytest.mark.parametrize("wrong, edit", PAIRS, ids=lambda each: getattr(each, "__name__", each))
@pytest.mark.sampled(5)
def test_a_kernel_that_writes_something_else_is_an_error(monkeypatch, q, two, model, ioi, wrong, edit):
    monkeypatch.setattr(kernel._Splice, "of", wrong)
    with pytest.raises(StrayWrite, match=r"tokens the value changes by .* where the features' change calls for"):
        receipt(ioi, EDITS[edit](model, q[two]))


@pytest.mark.parametrize("edit", EDITS)
def test_an_error_term_computed_after_the_edit_is_no_silent_success(monkeypatch, q, two, model, ioi, edit):
    """Nothing is written although the features fire: rounding aside, the value is the old one."""
    monkeypatch.setattr(kernel._Splice, "of", error_term_after_the_edit)
    with pytest.raises(StrayWrite, match="error term"):
        receipt(ioi, EDITS[edit](model, q[two]))


@pytest.mark.parametrize("edit", ["patch", "mean", "resample"])
def test_where_the_change_depends_on_other_runs_writing_nothing_is_vacuous(monkeypatch, q, two, model, ioi, edit):
    kind = {"patch": "counterfactual"}.get(edit, edit)
    monkeypatch.setattr(kernel._Splice, "of", lambda splice, read, old: old.clone())
    with pytest.raises(cc.VacuousIntervention, match=r"its features fire: .* \d+"):
        receipt(ioi, model.ablate(q[two], kind=kind, **({} if kind == "counterfactual" else {"n": 64})))


def test_another_slice_is_an_error(monkeypatch, q, two, model, ioi):
    """The head beside it gets the change."""

    def put(site, value, rows, columns, new):
        written = value.clone()
        written[rows, columns, 3] += new - rows_of_site(site, value, rows, columns)
        return written

    monkeypatch.setattr(kernel, "put_rows", put)
    with pytest.raises(StrayWrite, match="does not declare"):
        receipt(ioi, model.remove(q[two]))


def test_another_token_is_an_error(monkeypatch, q, two, model, ioi):
    """One further to the left than END."""
    put = kernel.put_rows
    monkeypatch.setattr(kernel, "put_rows", lambda site, value, rows, columns, new: put(site, value, rows, columns - 1, new))
    with pytest.raises(StrayWrite, match="does not declare"):
        receipt(ioi, model.clamp(q[two], 3.0, at="END"))


# --- features that seldom fire


def test_a_feature_that_never_fires_is_vacuous_with_its_count(q, model, ioi):
    with pytest.raises(cc.VacuousIntervention, match=r"its features fire: .*5. 0\."):
        receipt(ioi, model.remove(q[5]))
    allowed = receipt(ioi, model.remove(q[5], allow_vacuous=True))
    assert ([each.fires for each in allowed.features], allowed.changed) == ([0], 0)


def timid(q, acts):
    """The same features, each with a bias that leaves the strongest of its activations alone."""
    sae, highest = copy.deepcopy(q.inner), np.sort(acts, axis=0)[-2:].mean(axis=0)
    sae.b_enc.data -= torch.as_tensor(highest).float()
    return cc.sae(sae, at=SITE)


@pytest.mark.parametrize("fires, warned", [(1, True), (6, False)])
def test_a_feature_that_fires_on_few_prompts_is_said_in_the_result(q, model, ioi, by_hand, fires, warned):
    q = q if not warned else timid(q, by_hand("END"))
    counts = (by_hand("END", q) != 0).sum(axis=0)
    number = int(np.abs(np.where(counts, counts, 10**6) - fires).argmin())
    assert (0 < counts[number] < N / 10) == warned
    with cc.use_session(another(samples=N, first_look=N)(cc.current_session().engine)):
        result = (ioi.logit_diff(model.remove(q[number], at="END")) < 1e9).decide()
    said = [each for each in result.warnings if "where it is changed" in each]
    assert [f"fires on {counts[number]} of {N} prompts" in each for each in said] == [True] * warned
