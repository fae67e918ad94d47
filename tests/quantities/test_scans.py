"""What a user gets of a scan: rates, examples with the text around them, pairs, predicates, sums; and what is refused.

How it could be fooled: an example whose text is that of another token; activations of another feature around it; a sum whose
strengths are mixed up; a scan of another dictionary, stream or corpus handed out again; a rate over the wrong tokens."""

import re

import numpy as np
import pytest
from scanned_by_hand import PREDICATES, TEXTS, encode_by_hand, random_sae, summary_by_hand, walk, write_corpus

import circuitcheck as cc
from circuitcheck.session import current_session

CONTEXT, WIDTH, POINT = 12, 24, "blocks.1.hook_resid_post"
SUM = {2: 2.0, 5: -1.0}


@pytest.fixture(scope="session")
def sae():
    return random_sae(32, WIDTH)


@pytest.fixture(scope="session")
def corpus_file(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpus") / "texts.txt")


@pytest.fixture
def corpus(corpus_file):
    return cc.corpus(corpus_file, context=CONTEXT)


@pytest.fixture
def q(sae):
    return cc.sae(sae, at="L1.resid_post")


@pytest.fixture
def scan(corpus, model, q):
    where = {"after a quote": cc.after(PREDICATES["after a quote"]), "names": re.compile(PREDICATES["names"])}
    return cc.scan(corpus, model, q, stream="test", top=6, pairs=[(5, 2)], where=where, sums={"both": SUM})


@pytest.fixture(scope="session")
def hand(shared_session, tiny_gpt2, corpus_file, sae):
    with cc.use_session(shared_session):
        model, read = cc.load(str(tiny_gpt2)), cc.corpus(corpus_file, context=CONTEXT, per_document=None)
        rows = read.prompts(read.size(model), model=model, stream="test")
        documents = sorted({int(each.template.split()[1]) - 1 for each in rows})
        return walk(model, TEXTS, documents, CONTEXT, POINT, lambda v: v, lambda v: encode_by_hand(sae, v))


def by_hand(hand, column):
    return summary_by_hand(hand, column, 6)


def test_rates_means_and_precision_are_those_of_a_loop(scan, hand):
    names = sum(picked[1] for picked in hand.chosen)
    for number in range(WIDTH):
        fires, total, largest, _, (_, on_names) = by_hand(hand, number)
        assert scan.fires(number) == fires
        assert scan.rate(number) == scan.rates[number] == fires / len(hand.rows)
        assert scan.rate(number, "names") == on_names / names
        if fires:
            assert scan.mean(number) == pytest.approx(total / fires, rel=1e-4)
            assert scan.largest(number) == pytest.approx(largest, rel=1e-4)
            assert scan.precision(number, "names") == on_names / fires
    assert scan.tokens == len(hand.rows)
    assert scan.alive == np.mean([by_hand(hand, number)[0] > 0 for number in range(WIDTH)])


@pytest.mark.parametrize("of", [3, "both", SUM], ids=str)
def test_examples_are_the_text_around_the_largest_activations(scan, hand, of):
    def column(row):
        return row[3] if of == 3 else 2 * row[2] - row[5]

    at = dict(zip(hand.places, zip(hand.rows, hand.words, strict=True), strict=True))
    top = by_hand(hand, column)[3]
    found = scan.top(of)
    assert [each.value for each in found] == pytest.approx([each[0] for each in top], rel=1e-4)
    for each in found:
        start = each.position - each.place
        assert start % CONTEXT == 0
        places = [(each.document - 1, start + index) for index in range(len(each.tokens))]
        assert each.tokens == tuple(at[place][1] for place in places)
        np.testing.assert_allclose(each.activations, [column(at[place][0]) for place in places], rtol=1e-3, atol=1e-4)
        assert each.activations[each.place] == pytest.approx(each.value, rel=1e-4)
        assert each.text in TEXTS[each.document - 1]
        assert f"[[{each.token}]]".strip() in str(each)
    assert scan.top(of, 2) == found[:2]


def test_examples_under_a_bos_are_the_documents_own_tokens(tiny_gpt2, corpus, q):
    model = cc.load(str(tiny_gpt2), bos="always")
    for each in cc.scan(corpus, model, q, stream="test", top=3).top(3):
        assert each.position - each.place in range(0, 200, CONTEXT - 1)
        assert each.text in TEXTS[each.document - 1]
        assert each.activations[each.place] == pytest.approx(each.value, rel=1e-4)


def test_pairs_are_counted_in_either_order(scan, hand):
    found = scan.cofiring(5, 2)
    fires = {number: by_hand(hand, number)[0] for number in (2, 5)}
    both, n = sum(row[2] != 0 and row[5] != 0 for row in hand.rows), len(hand.rows)
    assert (found.numbers, found.both, found.first, found.second) == ((5, 2), both, fires[5], fires[2])
    assert found.lift == pytest.approx(both * n / (fires[2] * fires[5]))
    assert scan.cofiring(2, 5).both == both
    assert "fire together on" in str(found)


def test_the_histogram_counts_every_firing(scan, hand):
    found = scan.histogram(3)
    sizes = [abs(row[3]) for row in hand.rows if row[3]]
    np.testing.assert_array_equal(found.counts, np.histogram(sizes, found.edges)[0])
    assert sum(count for _, count in found.bars) == scan.fires(3)
    first = np.flatnonzero(found.counts)[0]
    for place, (middle, _) in enumerate(found.bars, start=first):
        assert found.edges[place] < middle < found.edges[place + 1]


def test_a_feature_is_named_by_number_or_by_a_set_of_one(scan, q):
    assert scan.rate(q[3]) == scan.rate(3) == scan.rate(np.int64(3))


def test_the_same_scan_is_looked_up_and_another_is_not(corpus, corpus_file, model, q, sae):
    session = current_session()
    first = cc.scan(corpus, model, q, stream="test")
    before = session.forward_passes
    again = cc.scan(cc.corpus(corpus_file, context=CONTEXT), model, q, stream="test")
    assert session.forward_passes == before
    np.testing.assert_array_equal(first.rates, again.rates)
    for change in ({"stream": "discovery"}, {"top": 3}, {"where": {"x": "a"}}):
        before = session.forward_passes
        cc.scan(corpus, model, q, **{"stream": "test", **change})
        assert session.forward_passes > before
    other = cc.scan(corpus, model, cc.sae(random_sae(32, WIDTH, seed=1), at="L1.resid_post"), stream="test")
    assert (other.rates != first.rates).any()


def test_what_a_session_keeps_cannot_be_written_to(scan):
    for each in (scan.rates, scan.histogram(3).counts):
        with pytest.raises(ValueError, match="read-only"):
            each[0] = 7


def test_it_says_what_it_is(scan):
    assert re.fullmatch(
        r"<scan of SAE object over texts \(test stream\): \d+ tokens of \d+ documents, .*% .* alive>", repr(scan)
    )
    assert "tokens after a quote: " in scan.summary()
    assert scan._repr_html_().startswith("<table>")


def test_a_feature_that_never_fires_has_no_numbers_and_no_examples(corpus, model, sae):
    dead = random_sae(32, WIDTH)
    dead.b_enc.data[4] = -1e6
    scan = cc.scan(corpus, model, cc.sae(dead, at="L1.resid_post"), stream="test", where={"names": PREDICATES["names"]})
    assert scan.rate(4) == 0
    assert scan.top(4) == ()
    assert all(map(np.isnan, (scan.mean(4), scan.largest(4), scan.precision(4, "names"))))
    assert scan.histogram(4).bars == ()
    assert scan.alive < 1


REFUSED = {
    "a task of prompts": (cc.BadTask, "expected running text", lambda a: a.update(corpus=cc.tasks.ioi())),
    "a view": (cc.BadIntervention, "untouched model", lambda a: a.update(model=a["model"].ablate("L0H0", kind="zero"))),
    "no model": (TypeError, "no model or view", lambda a: a.update(model="organism")),
    "features": (cc.BadDictionary, "expected a dictionary", lambda a: a.update(dictionary=a["dictionary"][3])),
    "a stream": (cc.BadTask, "not a stream", lambda a: a.update(stream="train")),
    "top": (cc.BadTask, "top=0", lambda a: a.update(top=0)),
    "a pair of three": (cc.BadTask, "expected two features", lambda a: a.update(pairs=[(1, 2, 3)])),
    "a pair of one": (cc.BadIntervention, "more than once", lambda a: a.update(pairs=[(1, 1)])),
    "a pair beyond": (cc.BadIntervention, "has no feature 99", lambda a: a.update(pairs=[(1, 99)])),
    "predicates without names": (cc.BadTask, "predicates by name", lambda a: a.update(where=["a"])),
    "no predicate": (cc.BadTask, "where=3", lambda a: a.update(where={"x": 3})),
    "sums without names": (cc.BadTask, "sums by name", lambda a: a.update(sums=[3])),
    "a sum of nothing": (cc.BadTask, "features with strengths", lambda a: a.update(sums={"x": {}})),
    "a strength": (cc.BadTask, "strength of 3", lambda a: a.update(sums={"x": {3: "2"}})),
    "another width": (
        cc.BadDictionary,
        "reads 16 numbers",
        lambda a: a.update(dictionary=cc.sae(random_sae(16, 8), at="L1.resid_post")),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_scanned_is_refused_in_words(corpus, model, q, name):
    error, said, change = REFUSED[name]
    given = {"corpus": corpus, "model": model, "dictionary": q}
    change(given)
    with pytest.raises(error, match=re.escape(said)):
        cc.scan(**given)


def test_a_stream_without_texts_is_refused(tmp_path, model, q):
    one = cc.corpus(write_corpus(tmp_path / "one.txt", TEXTS[:1]), context=CONTEXT)
    empty = "discovery" if one.definition.realised(model.tokenizer).size("test") else "test"
    with pytest.raises(cc.BadTask, match=f"has no texts in its {empty} stream"):
        cc.scan(one, model, q, stream=empty)


@pytest.mark.parametrize(
    "ask, error, said",
    [
        (lambda scan, q: scan.rate(99), cc.BadIntervention, "has no feature 99"),
        (lambda scan, q: scan.rate(True), cc.BadIntervention, "no feature"),
        (lambda scan, q: scan.rate(q[1, 2]), cc.BadIntervention, "are 2 features"),
        (lambda scan, q: scan.rate(3, "quotes"), cc.BadTask, "has no predicate 'quotes'; it has after a quote, names"),
        (lambda scan, q: scan.top("bot"), cc.BadIntervention, "Did you mean 'both'?"),
        (lambda scan, q: scan.top({2: 1.0}), cc.BadIntervention, "sums="),
        (lambda scan, q: scan.top(3, 7), cc.BadTask, "top=7"),
        (lambda scan, q: scan.top(3, 0), cc.BadTask, "k=0"),
        (lambda scan, q: scan.cofiring(1, 2), cc.BadTask, "pairs=[(1, 2)]"),
        (lambda scan, q: scan.rate(cc.sae(random_sae(32, 8), at="L1.mlp_out")[1]), cc.BadIntervention, "another dictionary"),
    ],
)  # fmt: skip
def test_what_a_scan_does_not_know_is_refused_in_words(scan, q, ask, error, said):
    with pytest.raises(error, match=re.escape(said)):
        ask(scan, q)
