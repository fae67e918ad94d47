"""What was found of a dictionary is found again by a later process, which then loads neither it nor the model."""

import os

import numpy as np
import pytest
from tiny_dictionaries import tiny_sae

import circuitcheck as cc
from circuitcheck.engine.torch.dictionaries import pool
from circuitcheck.errors import BadDictionary

IOI = cc.tasks.ioi().on_stream("discovery")


@pytest.fixture
def folder(tmp_path):
    made = tiny_sae(32, hook="blocks.1.hook_resid_pre")
    made.save_model(tmp_path / "q")
    return str(tmp_path / "q")


@pytest.fixture
def loads(monkeypatch):
    """Specs of the dictionaries that are read."""
    found, usual = [], pool.load_dictionary
    monkeypatch.setattr(pool, "load_dictionary", lambda spec, **how: found.append(spec) or usual(spec, **how))
    return found


def texts(tmp_path):
    file = tmp_path / "texts.txt"
    file.write_text("\n\n".join(f"Then Tom and {name} went to the store" for name in ("Mary", "John", "Anna") * 9))
    return cc.corpus(file, context=12)


def all_that_is_looked_up(model, folder, tmp_path):
    q = cc.sae(folder)
    effect = IOI.logit_diff(model) - IOI.logit_diff(model.remove(q[3, 4]))
    drawn = effect.beats(cc.random_features(like=q[3, 4], draws=3), share=0.5, prompts=32).decide().describe()
    scan = cc.scan(texts(tmp_path), model, q, stream="test", top=2, where={"store": "store"})
    return drawn, repr(cc.fit(q, IOI, model=model, n=16)), scan._found


@pytest.mark.slow
def test_nothing_is_loaded_and_nothing_run(another, tiny_gpt2, folder, tmp_path, loads):
    said = []
    for _ in range(2):
        with another() as session:
            said.append(all_that_is_looked_up(cc.load(str(tiny_gpt2)), folder, tmp_path))
            found = (session.engine.weights, session.forward_passes > 0, len(loads))
            loads.clear()
        assert found == ((1, True, 1) if len(said) == 1 else (0, False, 0))
    assert said[0][:2] == said[1][:2]
    for name, mine in vars(said[0][2]).items():
        np.testing.assert_array_equal(vars(said[1][2])[name], mine)


def test_a_dictionary_that_was_edited_is_another(another, tiny_gpt2, folder, loads):
    found = []
    for byte in (None, None, 0x40):
        file = f"{folder}/sae_weights.safetensors"
        if byte:
            with open(file, "r+b") as stream:
                stream.seek(-2, os.SEEK_END)
                old = stream.read(1)[0]
                stream.seek(-2, os.SEEK_END)
                stream.write(bytes([old ^ byte]))
        with another() as session:
            values = IOI.logit_diff(cc.load(str(tiny_gpt2)).remove(cc.sae(folder)[3])).values(8)
            found.append((len(session.engine.runs), len(loads), values))
            loads.clear()
    assert [each[:2] for each in found] == [(1, 1), (0, 0), (1, 1)]


def test_other_sites_and_purposes_are_known_apart(another, tiny_gpt2, folder, loads):
    for _ in range(2):
        with another():
            refs = [cc.sae(folder).ref, cc.sae(folder, at="L1.resid_pre", model="another").ref]
            assert [ref.made_for.model for ref in refs] == [None, "another"]
            model = cc.load(str(tiny_gpt2))
            model.remove(cc.sae(folder)[3])
            with pytest.raises(BadDictionary, match="was made for the model 'another'"):
                model.remove(cc.sae(folder, model="another")[3])


def test_dictionary_objects_are_not_kept(another, tiny_gpt2):
    for _ in range(2):
        with another() as session:
            q = cc.sae(tiny_sae(32), at="L1.resid_pre")
            cc.fit(q, IOI, model=cc.load(str(tiny_gpt2)), n=8)
            assert session.forward_passes > 0
            about = session.store.database.ask("SELECT DISTINCT subject, kind FROM entries WHERE kind != 'model'")
    assert about == [(b"ioi", b"values")]  # the untouched model's


def test_a_scan_at_tokens_that_a_function_chose_is_not_kept(another, tiny_gpt2, folder, tmp_path):
    for _ in range(2):
        with another() as session:
            where = {"third": lambda token: token.index == 3}
            cc.scan(texts(tmp_path), cc.load(str(tiny_gpt2)), cc.sae(folder), stream="test", top=2, where=where)
            assert session.forward_passes > 0
            assert not session.store.database.ask("SELECT kind FROM entries WHERE kind = 'scan'")
