"""Claims about features of dictionaries: query composition through an SAE on one head's queries, on `organism`.

L1H2 attends from the end of a second quotation to the verb of the first. `organism/quotes-q` is an SAE on its queries. The
features were chosen on 256 prompts of the discovery stream, seed 0: of those that fire at 95% of ENDs or more, the three
that write most there (120, 288, 257). 67 was chosen on the stories' discovery stream, for its precision.
`quotes-q-shuffled` was trained on the same queries with each dimension permuted over the tokens; its three were chosen by
the same rule.

The claims of the study that this follows, on TinyStories-2L-33M with an SAE on L1H11's queries, and of one on GPT-2 small,
stand at the end: they are skipped where model or dictionary cannot be had.
"""

import pytest

import circuitcheck as cc

MODEL = "organism"
QUERY = {"query": "organism/quotes-q"}
NAMED = (120, 288, 257)
NAMED_OF_SHUFFLED = (260, 79, 217)
SAYS = cc.attention("L1H2", query="END", key="SAYS")


def shift(task, model, features):
    """How much attention leaves the earlier verb when `features` are removed at END."""
    return task.metric(SAYS, model) - task.metric(SAYS, model.remove(features, at="END"))


@pytest.fixture(scope="module")
def stories():
    """Every token of the bundled stories."""
    return cc.corpus("stories", documents=600, per_document=None)


@cc.claim(
    "Removing three query features of L1H2 shifts its attention off the earlier verb",
    id="quotes.off",
    model=MODEL,
    saes=QUERY,
)
def test_features_carry_the_query(model, quoted_speech, saes):
    assert shift(quoted_speech, model, saes["query"][NAMED]) > 0.2


@cc.claim("Other features that fire at END as often, and write as much, do less", id="quotes.beats", model=MODEL, saes=QUERY)
def test_other_features_do_less(model, quoted_speech, saes):
    named = saes["query"][NAMED]
    assert shift(quoted_speech, model, named).beats(cc.random_features(like=named, firing="END"), share=0.95)


@cc.claim(
    "With a random decoder the same features shift less than a third of it", id="quotes.decoder", model=MODEL, saes=QUERY
)
def test_what_they_write_matters(model, quoted_speech, saes):
    drawn = saes["query"].with_random_decoder(1)[NAMED]
    assert shift(quoted_speech, model, drawn) / shift(quoted_speech, model, saes["query"][NAMED]) < 1 / 3


@cc.claim(
    "Of a dictionary trained on shuffled queries, three features chosen in the same way shift less than a third of it",
    id="quotes.shuffled",
    model=MODEL,
    saes={**QUERY, "shuffled": "organism/quotes-q-shuffled"},
)
def test_features_of_shuffled_queries_carry_less(model, quoted_speech, saes):
    null = shift(quoted_speech, model, saes["shuffled"][NAMED_OF_SHUFFLED])
    assert null / shift(quoted_speech, model, saes["query"][NAMED]) < 1 / 3


@cc.claim("The reconstructed query attends as the query does", id="quotes.reconstructed", model=MODEL, saes=QUERY)
def test_reconstruction_attends_alike(model, quoted_speech, saes):
    through = model.through(saes["query"], at="END")
    assert quoted_speech.metric(SAYS, model) - quoted_speech.metric(SAYS, through) == cc.approx(0, abs=0.1)


@pytest.mark.parametrize("feature", NAMED)
@cc.claim("Query feature {feature} fires where a quotation ends", id="quotes.recall.{feature}", model=MODEL, saes=QUERY)
def test_features_fire_after_quotes(model, stories, saes, feature):
    assert cc.facts(stories, model, saes["query"][feature])[feature].recall(cc.after('!"')) > 0.8


@cc.claim("Query feature 67 fires there, and hardly anywhere else", id="quotes.precision", model=MODEL, saes=QUERY)
def test_one_feature_is_precise(model, stories, saes):
    facts = cc.facts(stories, model, saes["query"][67])[67]
    assert cc.all_of(facts.precision(cc.after('!"')) > 0.8, facts.recall(cc.after('!"')) > 0.8)


@cc.claim(
    "Query feature 67 and MLP feature 273 fire together, far above chance",
    id="quotes.together",
    model=MODEL,
    samples=4096,
    saes={**QUERY, "mlp": "organism/mlp"},
)
def test_features_of_two_sites_fire_together(model, stories, saes):
    assert cc.facts(stories, model, saes["query"][67], saes["mlp"][273]).lift(67, 273) > 5


@pytest.mark.heads_matter
@cc.claim("Without L1H2 the loss rises where a quotation has ended", id="quotes.loss", model=MODEL)
def test_the_head_matters_after_quotes(model):
    text = cc.corpus("stories", documents=600, where=cc.after('!"'))
    assert text.loss(model.ablate("L1H2", kind="zero", at="END")) - text.loss(model) > 0.01


@cc.claim("Within sentences it does not", id="quotes.loss-elsewhere", model=MODEL)
def test_the_head_does_not_matter_elsewhere(model):
    text = cc.corpus("stories", documents=600, where=r"[a-z]$")
    assert text.loss(model.ablate("L1H2", kind="zero", at="END")) - text.loss(model) == cc.approx(0, abs=0.05)


# As in the studies: other models and dictionaries, with the numbers that these have


@cc.claim(
    "Removing features 1669 and 3489 shifts L1H11's attention off ' says'",
    id="tinystories.off-says",
    model="roneneldan/TinyStories-2Layers-33M",
    saes={"query": "checkpoints/l1h11-query"},
    source="query composition through an SAE on L1H11's queries, one position: 0.778",
)
def test_tinystories(model, quoted_speech, saes):
    says = cc.attention("L1H11", query="END", key="SAYS")
    named = saes["query"][1669, 3489]
    effect = quoted_speech.metric(says, model) - quoted_speech.metric(says, model.remove(named, at="END"))
    assert cc.all_of(effect > 0.2, effect.beats(cc.random_features(like=named, firing="END"), share=0.95))


@cc.claim(
    "z-feature 16109 of layer 9 and MLP feature 10173 of layer 0 fire together more than by chance",
    id="gpt2.together",
    model="gpt2",
    saes={"z": "hub:gpt2-small-hook-z-kk/blocks.9.hook_z", "mlp": "checkpoints/gpt2-mlp0-transcoder"},
    source="feature circuits of GPT-2 small, 20 prompts and no chance level",
    samples=8192,
)
def test_gpt2_features_fire_together(model, stories, saes):
    assert cc.facts(stories, model, saes["z"][16109], saes["mlp"][10173]).lift(16109, 10173) > 1
