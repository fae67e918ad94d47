"""A scan finds what a loop over every token finds, one pass a piece, in memory that does not grow.

How it could be fooled: a BOS among the rows; a token that is read twice at a batch's edge, or not at all; the largest values
of one block that push out those of another; equal values kept in the order of batches; tokens of one document with the
position of another; pieces that wait for company forever, or without bound."""

import itertools

import numpy as np
import pytest
from how_many import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from scanned_by_hand import (
    PREDICATES,
    TEXTS,
    encode_by_hand,
    random_sae,
    summary_by_hand,
    walk,
    write_corpus,
)

import circuitcheck as cc
from circuitcheck.engine.torch.running import scanning
from circuitcheck.engine.torch.running.scanning import of_one_length
from circuitcheck.engine.torch.running.tally import Firings, Tally
from circuitcheck.engine.torch.sites.forward import activations
from circuitcheck.plan import Scanning
from circuitcheck.plan.scanning import bin_edges
from circuitcheck.prompts.corpora import Piece, pieces_of, predicate_of
from circuitcheck.session import current_session

WHERE = (("after a quote", cc.after(PREDICATES["after a quote"])), ("names", predicate_of(PREDICATES["names"])))
CONTEXT, TOP, WIDTH = 12, 4, 24
DICTIONARIES = {
    "relu at the residual": ("L1.resid_post", "blocks.1.hook_resid_post", 32, None, lambda values: values),
    "topk at the residual": ("L1.resid_post", "blocks.1.hook_resid_post", 32, 3, lambda values: values),
    "relu at a head's queries": ("L1H2.q", "blocks.1.attn.hook_q", 8, None, lambda values: values[:, 2]),
    "topk at all heads' z": ("L2.z", "blocks.2.attn.hook_z", 32, 3, lambda values: values.reshape(len(values), -1)),
}


@pytest.fixture
def corpus(tmp_path):
    return cc.corpus(write_corpus(tmp_path / "texts.txt"), context=CONTEXT, per_document=None, where=r"never\d")


@pytest.fixture
def run(corpus):
    """Scan with an engine, `batch` pieces at a time."""

    def scan(model, dictionary, batch=32, **changes):
        asked = Scanning(corpus.definition, "test", TOP, ((2, 5), (0, 7)), WHERE, (("sum", ((2, 2.0), (5, -1.0))),))
        asked = Scanning(**{**vars(asked), **changes})
        return current_session().engine.scan(asked, model.ref, dictionary.ref, batch)

    return scan


def documents_of(corpus, model, stream="test"):
    read = cc.corpus(corpus_path(corpus), context=CONTEXT, per_document=None)
    count = read.size(model, stream=stream)
    return sorted({int(each.template.split()[1]) - 1 for each in read.prompts(count, model=model, stream=stream)})


def corpus_path(corpus):
    return corpus.definition.documents._path


def expected_of(found, column):
    return summary_by_hand(found, column, TOP)


@pytest.mark.parametrize("bos", ["tokenizer", "always"])
@pytest.mark.parametrize("name", DICTIONARIES)
@pytest.mark.sampled(1)
def test_it_is_what_a_loop_over_every_token_finds(tiny_gpt2, corpus, run, name, bos):
    site, point, d_in, k, pick = DICTIONARIES[name]
    model = cc.load(str(tiny_gpt2), bos=bos)
    sae = random_sae(d_in, WIDTH, k=k)
    dictionary = cc.sae(sae, at=site)
    documents = documents_of(corpus, model)
    hand = walk(model, TEXTS, documents, CONTEXT, point, pick, lambda values: encode_by_hand(sae, values, k))
    found = run(model, dictionary)
    assert (found.tokens, found.documents, found.forward_passes) == (len(hand.rows), len(documents), hand.pieces)
    assert len(documents) > 3
    assert hand.pieces > len(documents)
    columns = [*range(WIDTH), lambda row: np.float32(2) * row[2] - row[5]]
    for column, expected in enumerate(columns):
        fires, total, largest, top, chosen = expected_of(hand, expected)
        assert found.fires[column] == fires
        np.testing.assert_allclose(found.total[column], total, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(found.largest[column], largest, rtol=1e-4)
        kept = min(fires, TOP)
        places = list(zip(found.top_documents[column].tolist(), found.top_positions[column].tolist(), strict=True))
        assert places[kept:] == [(-1, -1)] * (TOP - kept)
        assert len(set(places[:kept])) == kept
        by_place = dict(zip(hand.places, hand.rows, strict=True))  # equal up to rounding: any of them may come first
        there = [expected(by_place[each]) if callable(expected) else by_place[each][expected] for each in places[:kept]]
        np.testing.assert_allclose(found.top_values[column, :kept], there, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found.top_values[column, :kept], [each[0] for each in top], rtol=1e-4, atol=1e-5)
        assert np.isneginf(found.top_values[column, kept:]).all()
        assert found.where_fires[:, column].tolist() == chosen
        assert found.histogram[column].sum() == fires
    assert found.where_tokens.tolist() == np.array(hand.chosen).sum(axis=0).tolist()
    assert found.where_tokens.min() > 0
    both = [sum(row[a] != 0 and row[b] != 0 for row in hand.rows) for a, b in ((2, 5), (0, 7))]
    assert found.both.tolist() == both


@pytest.mark.parametrize("batch", [1, 3])
def test_how_many_run_together_changes_nothing_but_rounding(tiny_gpt2, run, batch):
    model, dictionary = cc.load(str(tiny_gpt2)), cc.sae(random_sae(32, WIDTH), at="L1.resid_post")
    one, other = run(model, dictionary), run(model, dictionary, batch)
    for name in ("tokens", "documents", "forward_passes"):
        assert getattr(one, name) == getattr(other, name)
    for name in ("fires", "both", "where_fires", "histogram"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    np.testing.assert_allclose(one.top_values, other.top_values, rtol=1e-4)


def test_activations_that_are_encoded_in_parts_are_the_same(tiny_gpt2, run, monkeypatch):
    model, dictionary = cc.load(str(tiny_gpt2)), cc.sae(random_sae(32, WIDTH), at="L1.resid_post")
    whole = run(model, dictionary)
    monkeypatch.setattr(scanning, "_AT_ONCE", 5 * WIDTH)
    parts = run(model, dictionary)
    for name, value in vars(whole).items():
        np.testing.assert_allclose(getattr(parts, name), value, rtol=1e-5, err_msg=name)


def test_each_piece_is_run_once_and_nothing_is_left_on_the_model(tiny_gpt2, run, monkeypatch):
    model, dictionary = cc.load(str(tiny_gpt2)), cc.sae(random_sae(32, WIDTH), at="L1.resid_post")
    seen = []

    def counted(inner, tokens, wanted):
        seen.extend(map(tuple, tokens.tolist()))
        return activations(inner, tokens, wanted)

    monkeypatch.setattr(scanning, "activations", counted)
    found = run(model, dictionary)
    assert len(seen) == found.forward_passes
    assert sum(map(len, seen)) == found.tokens
    assert not [each for each in model.inner.hook_dict.values() if each.fwd_hooks]


def test_values_that_are_no_numbers_are_refused(tiny_gpt2, run):
    model, sae = cc.load(str(tiny_gpt2)), random_sae(32, WIDTH)
    sae.W_enc.data[:, 3] = 3e38  # finite, and what is encoded with it is not
    dictionary = cc.sae(sae, at="L1.resid_post")
    with pytest.raises(cc.BadDictionary, match="no finite number at token [0-9]+ of document [0-9]+"):
        run(model, dictionary)


def test_traces_are_the_activations_of_each_token(tiny_gpt2):
    model, sae = cc.load(str(tiny_gpt2)), random_sae(32, WIDTH)
    dictionary = cc.sae(sae, at="L1.resid_post")
    texts = [model.tokenizer.encode(each).ids for each in TEXTS[1:5]]
    found = current_session().engine.trace(model.ref, dictionary.ref, texts, [5, 2], 2)
    for text, each in zip(TEXTS[1:5], found, strict=True):
        hand = walk(model, [text], [0], 99, "blocks.1.hook_resid_post", lambda v: v, lambda v: encode_by_hand(sae, v))
        np.testing.assert_allclose(each, np.array(hand.rows)[:, [5, 2]], rtol=1e-4, atol=1e-4)


@given(lengths=st.lists(st.integers(1, 9), max_size=60), batch=st.integers(1, 4))
def test_pieces_of_one_length_go_together_and_none_is_lost(lengths, batch):
    pieces = [Piece(i, 0, (0,) * length, 0, np.zeros((0, length), dtype=bool)) for i, length in enumerate(lengths)]
    groups = list(of_one_length(pieces, batch))
    assert sorted(each.document for group in groups for each in group) == list(range(len(pieces)))
    assert all(len({len(each.tokens) for each in group}) == 1 and len(group) <= batch for group in groups)


def test_pieces_wait_for_others_of_their_length_within_bounds():
    taken = []

    def endless():
        for number in range(10**6):
            taken.append(number)
            yield Piece(number, 0, (0,) * (number + 1 if number < 3000 else 1), 0, np.zeros((0, 1), dtype=bool))

    next(of_one_length(endless(), 2))
    assert len(taken) <= 100


@settings(max_examples=examples(60), deadline=None)
@given(data=st.data(), top=st.integers(1, 4), tokens=st.integers(1, 40))
def test_any_division_into_blocks_gives_the_same_and_it_is_that_of_a_loop(data, top, tokens):
    """Whole numbers, so that there are equal values, of both signs."""
    columns = 5
    table = np.array(
        data.draw(
            st.lists(st.lists(st.integers(-2, 3), min_size=columns, max_size=columns), min_size=tokens, max_size=tokens)
        ),
        dtype=np.float32,
    )
    cuts = sorted(data.draw(st.sets(st.integers(0, tokens), max_size=4)) | {0, tokens})
    order = np.array(data.draw(st.permutations(range(tokens))))
    tally = Tally(columns, top=top, pairs=0, predicates=1)
    for start, stop in itertools.pairwise(cuts):
        block = order[start:stop]
        rows, found = np.nonzero(table[block])
        tally.add(
            Firings(
                rows, found, table[block][rows, found], block // 7, block % 7, (block % 2 == 0)[None], np.zeros(0, dtype=int)
            )
        )
    seen = tally.scanned(1, 1)
    assert seen.tokens == tokens
    for column in range(columns):
        mine = [(float(table[i, column]), i // 7, i % 7) for i in range(tokens) if table[i, column]]
        best = sorted(mine, key=lambda each: (-each[0], *each[1:]))[:top]
        assert seen.fires[column] == len(mine)
        assert seen.total[column] == sum(each[0] for each in mine)
        assert seen.largest[column] == max((each[0] for each in mine), default=float("-inf"))
        assert seen.where_fires[0, column] == sum((7 * document + position) % 2 == 0 for _, document, position in mine)
        kept = [seen.top_values[column], seen.top_documents[column], seen.top_positions[column]]
        assert list(zip(*kept, strict=True))[: len(best)] == best
        counts = np.histogram([abs(each[0]) for each in mine], bin_edges())[0]
        np.testing.assert_array_equal(seen.histogram[column], counts)


def test_sizes_beyond_the_bins_are_in_the_first_and_the_last():
    tally = Tally(1, top=1, pairs=0, predicates=0)
    values = np.array([1e-9, -2e-5, 1e-4, 0.5, 1e4, 3e7], dtype=np.float32)
    rows = np.arange(6)
    tally.add(Firings(rows, rows * 0, values, rows * 0, rows, np.zeros((0, 6), dtype=bool), np.zeros(0, dtype=int)))
    counts = tally.scanned(1, 1).histogram[0]
    assert (counts[0], counts[-1], counts.sum()) == (3, 2, 6)


def test_documents_that_are_repeated_or_of_another_stream_are_left_out(tmp_path, tiny_gpt2):
    model = cc.load(str(tiny_gpt2))
    source = cc.corpus(write_corpus(tmp_path / "twice.txt", (*TEXTS, *TEXTS)), context=CONTEXT).definition
    tokenizer = model.tokenizer
    read = {
        stream: {each.document for each in pieces_of(source, tokenizer, stream)}
        for stream in ("test", "discovery", "reference")
    }
    assert sorted(number for numbers in read.values() for number in numbers) == list(range(len(TEXTS)))


def test_a_predicate_chooses_only_what_the_piece_has_read(tmp_path, tiny_gpt2):
    tokenizer, path = cc.load(str(tiny_gpt2)).tokenizer, write_corpus(tmp_path / "texts.txt")
    ending, found, cut = "to the", 0, 0
    for context in (2, 3, 5):
        for piece in pieces_of(cc.corpus(path, context=context).definition, tokenizer, "test", (cc.after(ending),)):
            offsets = tokenizer.encode(TEXTS[piece.document]).offsets
            for place, chosen in enumerate(piece.chosen[0], start=piece.start):
                text = TEXTS[piece.document][: offsets[place][1]]
                read = text[offsets[piece.start][0] :]
                assert chosen == read.endswith(ending)
                found, cut = found + bool(chosen), cut + (text.endswith(ending) and not read.endswith(ending))
    assert found
    assert cut
