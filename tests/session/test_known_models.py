"""A model is known without its weights while its files are what they were, and never longer."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from told import Told

import circuitcheck as cc
from circuitcheck.engine.torch.loading import witness
from circuitcheck.errors import BadSpec, ModelChanged

IOI = cc.tasks.ioi().on_stream("test")


@pytest.fixture
def folder(tiny_gpt2, tmp_path):
    return shutil.copytree(tiny_gpt2, tmp_path / "model")


@pytest.fixture
def seen(another, folder):
    """What a session sees of the model: its fingerprint, values of 8 prompts, and how often it was loaded and run."""

    def look(**how):
        with another() as session:
            model = cc.load(str(folder), **how)
            values = IOI.logit_diff(model).values(8)
            return model.ref.fingerprint, values, (len(session.engine.loads), len(session.engine.runs))

    return look


def edit(file: Path) -> None:
    """One byte of the weights, in place: neither size nor inode change."""
    with file.open("r+b") as stream:
        stream.seek(-2, os.SEEK_END)
        byte = stream.read(1)
        stream.seek(-2, os.SEEK_END)
        stream.write(bytes([byte[0] ^ 0x40]))


def test_files_that_are_the_same_are_not_read(seen):
    first, again = seen(), seen()
    assert (first[2], again[2]) == ((1, 1), (0, 0))
    assert first[0] == again[0]
    np.testing.assert_array_equal(first[1], again[1])


def test_weights_that_were_edited_in_place_are_another_model(seen, folder):
    first, size = seen(), (folder / "model.safetensors").stat().st_size
    edit(folder / "model.safetensors")
    assert (folder / "model.safetensors").stat().st_size == size
    now = seen()
    assert now[0] != first[0]
    assert now[2] == (1, 1)


@pytest.mark.slow
def test_also_where_their_time_was_put_back(seen, folder):
    file = folder / "model.safetensors"
    before = file.stat()
    first = seen()
    edit(file)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    now = file.stat()
    assert (now.st_size, now.st_mtime_ns, now.st_ino) == (before.st_size, before.st_mtime_ns, before.st_ino)
    now = seen()
    assert now[0] != first[0]
    assert now[2] == (1, 1)


def test_also_where_another_file_took_their_place(seen, folder, tmp_path):
    file = folder / "model.safetensors"
    before = file.stat()
    first = seen()
    shutil.copy2(file, tmp_path / "other")
    edit(tmp_path / "other")
    os.utime(tmp_path / "other", ns=(before.st_atime_ns, before.st_mtime_ns))
    os.replace(tmp_path / "other", file)
    assert seen()[0] != first[0]


@pytest.mark.sampled(1)
@pytest.mark.parametrize("name", ["tokenizer.json", "config.json", "model.safetensors"])
def test_a_file_that_was_only_touched_costs_a_load_and_no_run(seen, folder, name):
    first = seen()
    os.utime(folder / name)
    now = seen()
    assert now[2] == (1, 0)
    assert now[0] == first[0]


def test_a_file_that_came_or_went_counts(seen, folder):
    seen()
    (folder / "extra").mkdir()
    (folder / "extra" / "chat_template.jinja").write_text("{{ 1 }}")
    assert seen()[2] == (1, 0)
    (folder / "extra" / "chat_template.jinja").unlink()
    (folder / "more.json").write_text("{}")
    assert seen()[2] == (1, 0)


def test_a_link_to_other_files_is_another_model(another, tiny_gpt2, tiny_llama, tmp_path):
    link, found = tmp_path / "link", []
    for target in (tiny_gpt2, tiny_llama):
        link.unlink(missing_ok=True)
        link.symlink_to(target, target_is_directory=True)
        with another():
            found.append(cc.load(str(link)).ref.fingerprint)
    assert found[0] != found[1]


@pytest.mark.slow
def test_dtypes_and_bos_policies_are_known_apart(seen):
    fingerprints = {seen(dtype=dtype, bos=bos)[0] for dtype in ("float32", "float64") for bos in ("always", "never")}
    assert len(fingerprints) == 4
    assert seen(dtype="float64", bos="never")[2] == (0, 0)


def test_files_that_were_changed_just_now_are_not_trusted(seen, folder, monkeypatch):
    """They may be changed again within one tick of the clock, and no time would show it."""
    monkeypatch.setattr(witness, "SETTLED", 3600.0)
    assert [seen()[2], seen()[2]] == [(1, 1), (1, 0)]


def test_files_that_change_while_they_are_read_are_not_remembered(another, folder):
    class Meanwhile(Told):
        numerics, witness, dictionary_witness = Told.numerics, Told.witness, Told.dictionary_witness

        def load(self, spec, **how):
            card = super().load(spec, **how)
            edit(folder / "model.safetensors")
            return card

    with another(engine=Meanwhile):
        first = cc.load(str(folder)).ref.fingerprint
    with another() as session:
        assert cc.load(str(folder)).ref.fingerprint != first
        assert len(session.engine.loads) == 1


def test_a_witness_that_is_fooled_is_found_out_when_the_weights_are_loaded(another, folder, monkeypatch):
    class Fooled(Told):
        numerics, dictionary_witness = Told.numerics, Told.dictionary_witness

        def witness(self, spec, **how):
            return "always the same"

    with another(engine=Fooled):
        IOI.logit_diff(cc.load(str(folder))).values(8)
    edit(folder / "model.safetensors")
    with another(engine=Fooled) as session:
        model = cc.load(str(folder))
        assert session.engine.loads == []
        with pytest.raises(ModelChanged, match="its files show no change.*run again"):
            IOI.logit_diff(model).values(16)
    with another(engine=Fooled):
        IOI.logit_diff(cc.load(str(folder))).values(16)


NEEDS = {
    "composition": lambda model: cc.composition(model, "Q"),
    "inner": lambda model: model.inner,
    "a look": lambda model: model.logits("Then Tom went"),
    "values": lambda model: IOI.logit_diff(model.ablate("L0H0", kind="zero")).values(8),
}


def test_the_dtype_counts_whatever_an_engine_sees_of_files(another, folder):
    class Careless(Told):
        numerics, dictionary_witness = Told.numerics, Told.dictionary_witness

        def witness(self, spec, **how):
            return "the same for all dtypes"

    for dtype in ("float32", "float64"):
        with another(engine=Careless, dtype=dtype):
            assert cc.load(str(folder)).ref.dtype == dtype


def test_what_is_only_known_is_loaded_for_what_needs_its_weights(another, folder):
    with another():
        cc.load(str(folder))
    for need in NEEDS.values():
        with another() as session:
            model = cc.load(str(folder))
            assert (model.card.architecture.n_layers, session.engine.weights) == (3, 0)
            need(model)
            assert session.engine.weights == 1


def test_the_final_check_loads_nothing(another, folder):
    with another():
        cc.load(str(folder))
    with another() as session:
        session.engine.verify(cc.load(str(folder)).ref)
        assert session.engine.weights == 0


def test_a_device_that_is_named_is_loaded_on_at_once(another, folder):
    for _ in range(2):
        with another() as session:
            cc.load(str(folder), device="cpu")
            assert len(session.engine.loads) == 1
    with another():
        cc.load(str(folder))
    with another() as session:
        cc.load(str(folder))
        cc.load(str(folder), device="cpu")
        assert len(session.engine.loads) == 2  # the one that was only known comes first, so that it cannot be elsewhere


def test_what_is_no_model_is_said_as_ever(another, tmp_path):
    with another(), pytest.raises(BadSpec, match="no model spec"):
        cc.load(str(tmp_path / "nothing here"))
