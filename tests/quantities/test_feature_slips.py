"""Slips of who meets dictionaries for the first time: each is told in words, and none leaves a trace."""

import pytest
from tiny_dictionaries import tiny_sae

import circuitcheck as cc


@pytest.fixture
def q(model):
    return cc.sae(tiny_sae(32), at="L1.resid_post")


@pytest.fixture
def folder(tmp_path):
    """Made for another model, and on prompts without a BOS."""
    made = tiny_sae(32)
    made.cfg.metadata.model_name, made.cfg.metadata.hook_name = "pythia-70m", "blocks.1.hook_resid_post"
    made.save_model(tmp_path / "other")
    return tmp_path / "other"


def test_what_one_loading_says_of_a_dictionary_is_not_said_of_the_next(model, folder):
    with pytest.raises(cc.BadDictionary, match="pythia-70m"):
        model.remove(cc.sae(folder)[3])
    mine = cc.sae(folder, model=model)
    model.remove(mine[3])
    with pytest.raises(cc.BadDictionary, match="pythia-70m"):
        model.remove(cc.sae(folder)[3])
    model.remove(mine[3])
    assert cc.sae(folder).fingerprint == mine.fingerprint


@pytest.mark.parametrize(
    "use",
    [
        lambda model, q: model.ablate([q[1]], kind="zero"),
        lambda model, q: model.ablate(["L1H2", q[1]], kind="zero"),
        lambda model, q: model.patch([q[1]], source="abc"),
        lambda model, q: model.patch_path(q[1], into="logits"),
        lambda model, q: model.knock_out_attention(q[1], query="END", key="S1"),
        lambda model, q: cc.norm(q[1], at="END"),
        lambda model, q: cc.activation([q[1]], at="END"),
    ],
)
def test_features_where_units_are_meant(model, q, use):
    with pytest.raises(cc.UnknownUnit, match="features of a dictionary, where heads, layers or sites are meant"):
        use(model, q)


@pytest.mark.parametrize(
    "use", [lambda model, q: model.ablate(q, kind="zero"), lambda _, q: cc.activation(q, at="END")], ids=["ablate", "metric"]
)
def test_a_dictionary_where_features_are_meant(model, q, use):
    with pytest.raises(cc.UnknownUnit, match=r"dictionary\[1669, 3489\]"):
        use(model, q)


@pytest.mark.parametrize("verb", ["subtract", "project_out"])
def test_what_takes_directions_says_what_takes_features(model, q, verb):
    with pytest.raises(cc.BadIntervention, match="negative scale it lowers them"):
        getattr(model, verb)(q[1])


def test_facts_are_of_features_on_a_corpus_in_a_model(model, q, ioi):
    for given, error, words in (
        ((model, ioi, q[1]), cc.BadTask, "expected a corpus"),
        ((ioi, model), cc.BadIntervention, "no features"),
        ((ioi, model, [67]), cc.BadIntervention, "expected features of a dictionary"),
        ((ioi, model, q), cc.BadIntervention, "Name some of them"),
        ((ioi, ioi, q[1]), TypeError, "no model or view"),
    ):
        with pytest.raises(error, match=words):
            cc.facts(*given)


def test_a_fit_is_of_the_untouched_model(model, q, ioi):
    with pytest.raises(cc.BadIntervention, match="reads the untouched model"):
        cc.fit(q, ioi, model.remove(q[1]))


def test_a_dictionary_holds_vectors(model):
    with pytest.raises(cc.BadDictionary, match="holds attention"):
        cc.sae(tiny_sae(32), at="L1H2.pattern")


def test_a_set_has_its_numbers(q):
    assert 3 in q[3, 7]
    assert 5 not in q[3, 7]


def test_firing_is_looked_up_at_a_position_of_the_task(model, q, ioi):
    effect = ioi.logit_diff(model) - ioi.logit_diff(model.remove(q[3], at="END"))
    with pytest.raises(cc.UnknownPosition, match="firing='NOPE'"):
        effect.beats(cc.random_features(like=q[3], firing="NOPE"), share=0.5)


@pytest.mark.parametrize(
    "use",
    [lambda model, q: model.remove(q[3], "END"), lambda model, _: model.ablate("L1H2", "zero"), lambda *_: cc.sae("a", "b")],
)
def test_what_has_to_be_named_is_told_by_name(model, q, use):
    with pytest.raises(TypeError, match=r"without a name; give it by name, one of .*(at|kind)="):
        use(model, q)
