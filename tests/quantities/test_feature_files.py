"""sae-dashboard's batches and Neuronpedia's features: written as these tools read them, and read as they write them.

How it could be fooled: reading only what we wrote ourselves; a number lost on the way; lists of unequal lengths; a feature
that is there twice."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scanned_by_hand import random_sae, write_corpus

import circuitcheck as cc
from circuitcheck.quantities.scanned.effects import read_report

# As NeuronpediaDashboardBatch.to_dict of sae-dashboard writes it, put down by hand.
BATCH = {
    "model_id": "gpt2-small",
    "layer": 6,
    "sae_set": "res-jb",
    "sae_id_suffix": None,
    "features": [
        {
            "feature_index": 11,
            "neuron_alignment_indices": [1],
            "neuron_alignment_values": [0.1],
            "neuron_alignment_l1": [0.01],
            "correlated_neurons_indices": [],
            "correlated_neurons_l1": [],
            "correlated_neurons_pearson": [],
            "correlated_features_indices": [],
            "correlated_features_l1": [],
            "correlated_features_pearson": [],
            "neg_str": ["not"],
            "neg_values": [-0.5],
            "pos_str": [" yes", "Yes"],
            "pos_values": [1.25, 1],
            "frac_nonzero": 0.015,
            "freq_hist_data_bar_values": [0.5, 1.5],
            "freq_hist_data_bar_heights": [20, 3],
            "logits_hist_data_bar_heights": [1],
            "logits_hist_data_bar_values": [0.0],
            "n_prompts_total": 24576,
            "n_tokens_in_prompt": 128,
            "dataset": "Skylion007/openwebtext",
            "decoder_weights_dist": [],
            "activations": [
                {"bin_min": -1, "bin_max": 2.5, "bin_contains": -1, "tokens": ["Oh", " yes"], "values": [0, 2.5],
                 "qualifying_token_index": 1},
                {"bin_min": 0.0, "bin_max": 1.0, "bin_contains": 0.5, "tokens": ["a", "b"], "values": [0.75, 0.5]},
            ],
        }
    ],
}  # fmt: skip
# As Neuronpedia's /api/feature/gpt2-small/6-res-jb/11 answers, without what we do not read.
NEURONPEDIA = {
    "modelId": "gpt2-small",
    "layer": "6-res-jb",
    "index": "11",
    "sourceSetName": "res-jb",
    "maxActApprox": 2.5,
    "neg_str": ["not"],
    "neg_values": [-0.5],
    "pos_str": [" yes"],
    "pos_values": [1.25],
    "frac_nonzero": 0.015,
    "freq_hist_data_bar_heights": [20, 3],
    "freq_hist_data_bar_values": [0.5, 1.5],
    "logits_hist_data_bar_heights": [],
    "logits_hist_data_bar_values": [],
    "explanations": [{"description": "agreement"}],
    "activations": [{"tokens": ["Oh", " yes"], "maxValue": 2.5, "maxValueTokenIndex": 1, "minValue": 0, "values": [0, 2.5]}],
}
words = st.text(max_size=6)
number = st.floats(-1e6, 1e6)


@st.composite
def examples(draw):
    size = draw(st.integers(1, 5))
    tokens, values = (draw(st.lists(each, min_size=size, max_size=size).map(tuple)) for each in (words, number))
    place = draw(st.integers(0, size - 1))
    return cc.Example(values[place], tokens, values, place)


records = st.builds(
    cc.FeatureRecord,
    number=st.integers(0, 10**6),
    model=words,
    layer=st.integers(0, 99),
    dictionary=words,
    rate=st.floats(0, 1),
    bars=st.lists(st.tuples(number, number), max_size=3).map(tuple),
    promoted=st.lists(st.tuples(words, number), max_size=3).map(tuple),
    suppressed=st.lists(st.tuples(words, number), max_size=3).map(tuple),
    examples=st.lists(examples(), max_size=3).map(tuple),
)


def write(folder, name, batch):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(batch if isinstance(batch, str) else json.dumps(batch), encoding="utf-8")
    return folder


def test_what_sae_dashboard_writes_is_read(tmp_path):
    (found,) = cc.read_batches(write(tmp_path / "out", "batch-0.json", BATCH))
    assert (found.number, found.model, found.layer, found.dictionary) == (11, "gpt2-small", 6, "res-jb")
    assert (found.rate, found.dataset, found.pieces, found.context) == (0.015, "Skylion007/openwebtext", 24576, 128)
    assert found.bars == ((0.5, 20), (1.5, 3))
    assert (found.promoted, found.suppressed) == (((" yes", 1.25), ("Yes", 1)), (("not", -0.5),))
    assert [(each.value, each.token) for each in found.examples] == [(2.5, " yes"), (0.75, "a")]


def test_what_neuronpedia_answers_is_read():
    found = cc.FeatureRecord.from_neuronpedia(NEURONPEDIA)
    assert (found.number, found.model, found.layer, found.dictionary) == (11, "gpt2-small", 6, "res-jb")
    assert (found.examples[0].value, found.examples[0].token) == (2.5, " yes")


def test_what_is_written_has_the_keys_that_these_tools_read():
    record = cc.FeatureRecord.from_batch(BATCH, BATCH["features"][0])
    assert set(record.to_batch()) == set(BATCH["features"][0])
    assert set(record.to_batch()["activations"][0]) == set(BATCH["features"][0]["activations"][0])
    assert set(NEURONPEDIA) <= set(record.to_neuronpedia())
    assert set(NEURONPEDIA["activations"][0]) <= set(record.to_neuronpedia()["activations"][0])
    assert record.to_neuronpedia()["layer"] == "6-res-jb"


@given(record=records)
def test_a_round_trip_keeps_what_is_in_both(record):
    told = json.loads(json.dumps(record.to_neuronpedia()))
    assert cc.FeatureRecord.from_neuronpedia(told) == record
    batch = {"model_id": record.model, "layer": record.layer, "sae_set": record.dictionary}
    assert cc.FeatureRecord.from_batch(batch, json.loads(json.dumps(record.to_batch()))) == record


@pytest.fixture
def scan(tmp_path, model):
    corpus = cc.corpus(write_corpus(tmp_path / "texts.txt"), context=12)
    return cc.scan(corpus, model, cc.sae(random_sae(32, 24), at="L1.resid_post"), stream="test", top=4)


def test_a_scan_goes_to_files_and_back(scan, tmp_path):
    promoted = {3: [("x", 0.5), ("y", -1.0), ("z", 2.0)]}
    paths = scan.write_batches(tmp_path / "out", k=2, per_batch=9, promoted=promoted)
    assert [each.name for each in paths] == [f"batch-{number}.json" for number in range(len(paths))]
    found = cc.read_batches(tmp_path / "out")
    alive = [number for number in range(24) if scan.fires(number)]
    assert [each.number for each in found] == alive
    assert len(paths) == -(-len(alive) // 9)
    for each in found:
        assert each == scan.record(each.number, 2, promoted=promoted)
        assert each.rate == scan.rate(each.number)
        assert [example.text for example in each.examples] == [example.text for example in scan.top(each.number, 2)]
        assert (each.model, each.layer, each.dictionary) == (scan.model.spec, 1, "SAE object")
    three = next(each for each in found if each.number == 3)
    assert (three.promoted, three.suppressed) == ((("z", 2.0), ("x", 0.5)), (("y", -1.0),))
    told = json.loads(json.dumps(scan.to_neuronpedia(3, 2, promoted=promoted)))
    again = cc.FeatureRecord.from_neuronpedia(told)
    assert (again.examples, again.bars, again.promoted) == (three.examples, three.bars, three.promoted)


def broken(**changes):
    return {**BATCH, "features": [{**BATCH["features"][0], **changes}]}


BAD = {
    "no JSON": ("{", "batch-0.json is not JSON"),
    "a list": ([], "batch-0.json holds"),
    "no features": ({**BATCH, "features": 3}, "expected a list of objects"),
    "no model": ({**BATCH, "model_id": None}, "model_id is None; expected text"),
    "a number in words": (broken(feature_index="11"), "feature_index is '11'"),
    "unequal lists": (broken(pos_values=[1]), "pos_str has 2 tokens, and pos_values 1"),
    "a rate in words": (broken(frac_nonzero="much"), "frac_nonzero holds 'much'"),
    "unequal examples": (broken(activations=[{"tokens": ["a"], "values": []}]), "1 tokens and 0 values"),
    "an example beyond": (
        broken(activations=[{"tokens": ["a"], "values": [1], "qualifying_token_index": 4}]), "1 tokens is of token 4"
    ),
    "an example that is none": (broken(activations=[3]), "activations holds 3"),
    "tokens that are numbers": (broken(neg_str=[3]), "neg_str holds 3"),
    "twice": ({**BATCH, "features": BATCH["features"] * 2}, "feature 11 of res-jb is there more than once"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_files_that_are_not_of_the_format_are_refused_by_name(tmp_path, name):
    batch, said = BAD[name]
    with pytest.raises(cc.BadRecord) as caught:
        cc.read_batches(write(tmp_path / "out", "batch-0.json", batch))
    assert said in str(caught.value)


def test_a_folder_without_batches_is_refused(tmp_path):
    for given_folder, said in (
        (tmp_path, "holds no batch-N.json"),
        (tmp_path / "none", "cannot be read"),
        (3, "expected a folder"),
    ):
        with pytest.raises(cc.BadRecord, match=said):
            cc.read_batches(given_folder)


@pytest.mark.parametrize(
    "change, said", [({"layer": "res"}, "layer='res'"), ({"index": "x"}, "a number"), ({"modelId": 3}, "modelId")]
)
def test_what_is_no_feature_of_neuronpedia_is_refused(change, said):
    with pytest.raises(cc.BadRecord, match=said):
        cc.FeatureRecord.from_neuronpedia({**NEURONPEDIA, **change})


def fifo(path):
    os.mkfifo(path)


def device(path):
    path.symlink_to("/dev/zero")


def sparse(path):
    with path.open("wb") as stream:
        stream.truncate(1 << 36)


@pytest.mark.parametrize("make, said", [(fifo, "a device or a pipe"), (device, "a device or a pipe"), (sparse, "128 MB")])
def test_files_that_never_end_are_not_read(tmp_path, make, said):
    make(tmp_path / "batch-0.json")
    for read in (lambda: cc.read_batches(tmp_path), lambda: read_report(tmp_path / "batch-0.json")):
        with pytest.raises(cc.BadRecord, match=said):
            read()


@pytest.mark.parametrize("given", [[1], {**NEURONPEDIA, "index": "9" * 10_000}, {**NEURONPEDIA, "layer": "\u0663-x"}])
def test_what_is_no_answer_of_neuronpedia(given):
    with pytest.raises(cc.BadRecord, match="Neuronpedia answers with|expected such as '6-res-jb'"):
        cc.FeatureRecord.from_neuronpedia(given)


def test_a_number_that_nothing_computes_with(tmp_path):
    batch = json.dumps(BATCH).replace("0.015", "1" + "0" * 400)
    (tmp_path / "batch-0.json").write_text(batch)
    with pytest.raises(cc.BadRecord, match="which is no number that can be computed with"):
        cc.read_batches(tmp_path)
