"""GGUF files are converted once. How could a cache of them fool us? It could

- serve what another file gave: one replaced under the same name, or while it was read;
- serve what other versions made, or what was made for another dtype;
- serve damaged files, files that were added, or the record of other files;
- give something else than the GGUF file gives, though nothing is damaged;
- be read where it was turned off, or make a load fail that would have worked without it;
- be harmed by another process, or harm what is not its own.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from how_many import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_gguf import save_tiny_gguf

import circuitcheck as cc
from circuitcheck.engine.torch.fingerprints.fingerprint import config_digest, weights_digest
from circuitcheck.engine.torch.loaded.model import load
from circuitcheck.engine.torch.loading import checkpoints, converted, model_size
from circuitcheck.engine.torch.loading.checkpoints import read_checkpoint, read_tokenizer
from circuitcheck.engine.torch.loading.devices import resolve_dtype
from circuitcheck.engine.torch.loading.tokenizer import HubTokenizer
from circuitcheck.errors import CorruptCheckpoint, ModelUnavailable
from circuitcheck.models import parse_spec

RECORD = "made_from.json"


@pytest.fixture
def parsed(monkeypatch):
    """The GGUF files that were parsed for their weights, in order."""
    seen, honest = [], checkpoints._read_model

    def spy(spec, location, arguments, dtype):
        if "gguf_file" in arguments:
            seen.append(arguments["gguf_file"])
        return honest(spec, location, arguments, dtype)

    monkeypatch.setattr(checkpoints, "_read_model", spy)
    return seen


@pytest.fixture
def file(tiny_gguf, tmp_path):
    return Path(shutil.copy(tiny_gguf, tmp_path / "m.gguf"))


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def entry(file, cache):
    """The folder of the file's entry, made by a first load."""
    read(file, cache)
    return only(cache)


def read(file, cache, dtype="float32"):
    """All that tells one checkpoint from another."""
    found = read_checkpoint(parse_spec(str(file), dtype=dtype), resolve_dtype(dtype), cache)
    tokenizer = found.tokenizer
    special = (tokenizer.bos_token_id, tokenizer.unk_token_id, tokenizer.pad_token_id, tokenizer.special_tokens_map)
    fingerprint = HubTokenizer(tokenizer, "tokenizer", "m").fingerprint
    return weights_digest(found.model), config_digest(found.model), fingerprint, special, found.location


def test_a_file_is_read_only_once_its_header_is_that_of_a_model_that_fits(file, cache, monkeypatch):
    """Zeros, or a model that no memory here holds: gigabytes that would be read to look it up in the cache."""

    def read_all(_path):
        raise AssertionError("it was read")

    read(file, cache)
    large = r"has \d\d,\d{3} weights, which take 0 GB as float32"
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(model_size, "memory_of", lambda _device: 1 << 16)
        with pytest.raises(ModelUnavailable, match=large):
            read(file, cache)  # from the cache, that perhaps a larger machine wrote
    monkeypatch.setattr(converted, "_digest", read_all)
    with pytest.raises(CorruptCheckpoint, match="it was read"):
        read(file, cache)
    shutil.rmtree(cache)
    with pytest.raises(CorruptCheckpoint, match="it was read"):
        read(file, cache)  # its header is well
    monkeypatch.setattr(model_size, "memory_of", lambda _device: 1 << 16)
    with pytest.raises(ModelUnavailable, match=large):
        read(file, cache)
    assert read_tokenizer(parse_spec(str(file)), cache).vocab_size > 0
    file.write_bytes(bytes(1 << 20))
    for reader in (read, lambda file, cache: read_tokenizer(parse_spec(str(file)), cache)):
        with pytest.raises(CorruptCheckpoint, match="expected b'GGUF'"):
            reader(file, cache)


def only(cache):
    (folder,) = cache.iterdir()
    return folder


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
@pytest.mark.parametrize("processing", ["", "+folded"])
@pytest.mark.sampled(1)
def test_a_model_from_the_cache_is_the_one_in_the_file(file, cache, parsed, dtype, processing):
    spec = parse_spec(f"{file}{processing}", dtype=dtype)
    usual, first, second = (load(spec, "cpu", folder) for folder in (None, cache, cache))
    assert parsed == ["m.gguf"] * 2  # by the first two
    for found in (first, second):
        assert (found.card, found.unlike_bare) == (usual.card, usual.unlike_bare)
        assert found.card.fingerprint == usual.card.fingerprint
        tokens = torch.tensor([[0, *found.tokenizer.encode(" Mary and John").ids]])
        assert torch.equal(found.model(tokens, prepend_bos=False), usual.model(tokens, prepend_bos=False))


def test_values_are_the_same_with_and_without(file, cache):
    values = []
    for where in ("off", str(cache), str(cache)):
        with cc.use_session(cc.Session(cc.Settings(device="cpu", cache=where))):
            values.append(cc.tasks.ioi().logit_diff(cc.load(str(file))).values(8))
    assert (values[0] == values[1]).all()
    assert (values[0] == values[2]).all()


def test_dtypes_have_entries_of_their_own(file, cache, parsed):
    low, high = read(file, cache, "bfloat16"), read(file, cache, "float32")
    assert len(list(cache.iterdir())) == 2
    assert (read(file, None, "bfloat16"), read(file, None, "float32")) == (low, high)
    assert (read(file, cache, "bfloat16"), read(file, cache, "float32")) == (low, high)
    assert len(parsed) == 4


def test_another_file_under_the_same_name(file, cache, tiny_llama, parsed):
    before, state = read(file, cache), file.stat()
    save_tiny_gguf(tiny_llama, file, scale=0.5)
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert file.stat().st_size == state.st_size
    after = read(file, cache)
    assert after == read(file, None)
    assert after[0] != before[0]
    assert len(parsed) == 3


def test_the_same_file_under_another_name(file, cache, entry, parsed):
    renamed = file.rename(file.with_name("other.gguf"))
    assert read(renamed, cache) == read(renamed, None)
    assert parsed == ["other.gguf"]


def test_a_file_that_is_replaced_while_it_is_read(file, cache, tiny_llama, monkeypatch):
    honest = checkpoints._read_model

    def slowly(*arguments):
        model = honest(*arguments)
        save_tiny_gguf(tiny_llama, file, scale=0.5)
        return model

    monkeypatch.setattr(checkpoints, "_read_model", slowly)
    read(file, cache)
    assert list(cache.iterdir()) == []


def edited(**changes):
    def edit(entry):
        record = json.loads((entry / RECORD).read_text())
        (entry / RECORD).write_text(json.dumps(record | {key: record[key] | value for key, value in changes.items()}))

    return edit


def flipped(name, at):
    def flip(entry):
        data = bytearray((entry / name).read_bytes())
        data[at] ^= 1
        (entry / name).write_bytes(data)

    return flip


def linked(entry):
    shutil.move(entry / "config.json", entry.parent.parent)
    (entry / "config.json").symlink_to(entry.parent.parent / "config.json")


def a_file_instead(entry):
    shutil.rmtree(entry)
    entry.write_text("not a folder")


def consistently_other(entry):
    """Weights, and their size, but not those that the GGUF file gave."""
    from safetensors.torch import load_file, save_file

    path = entry / "model.safetensors"
    save_file({name: 2 * weight for name, weight in load_file(path).items()}, path, metadata={"format": "pt"})


def grown(entry):
    os.truncate(entry / "generation_config.json", 20 << 30)
    edited(sizes={"generation_config.json": 20 << 30})(entry)


DAMAGES = {
    "a flipped byte of the last weight": flipped("model.safetensors", -1),
    "a flipped byte of the first weights": flipped("model.safetensors", 4000),
    "a flipped byte of the header": flipped("model.safetensors", 40),
    "a flipped byte of the config": flipped("config.json", 20),
    "a flipped byte of the tokenizer": flipped("tokenizer.json", 2000),
    "a truncated file": lambda entry: os.truncate(entry / "model.safetensors", 5000),
    "a file of 20 gigabytes": lambda entry: os.truncate(entry / "generation_config.json", 20 << 30),
    "a file of 20 gigabytes, and its record": grown,
    "an empty file": lambda entry: os.truncate(entry / "model.safetensors", 0),
    "a missing file": lambda entry: (entry / "model.safetensors").unlink(),
    "a missing tokenizer": lambda entry: (entry / "tokenizer.json").unlink(),
    "a pickle beside the weights": lambda entry: (entry / "pytorch_model.bin").write_bytes(b"\x80\x04."),
    "an adapter": lambda entry: (entry / "adapter_config.json").write_text("{}"),
    "other weights": consistently_other,
    "a link": linked,
    "no record": lambda entry: (entry / RECORD).unlink(),
    "half a record": lambda entry: os.truncate(entry / RECORD, 100),
    "a foreign record": lambda entry: (entry / RECORD).write_text('{"made_from": [], "files": 3, "gives": "x"}'),
    "no word of what it gives": edited(gives={"weights": None}),
    "the record of another file": edited(made_from={"gguf": "0" * 64}),
    "the record of another dtype": edited(made_from={"dtype": "bfloat16"}),
    "another transformers": edited(made_from={"libraries": {"transformers": "5.0.0"}}),
    "another form": edited(made_from={"form": 0}),
    "no folder": a_file_instead,
    "an empty folder": lambda entry: [path.unlink() for path in entry.iterdir()],
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.sampled(2)
def test_an_entry_that_is_not_whole_is_made_anew(file, cache, entry, parsed, damage):
    damage(entry)
    assert read(file, cache) == read(file, None)
    assert len(parsed) == 2
    assert read(file, cache) == read(file, None)
    assert len(parsed) == 3  # by the one without a cache
    assert only(cache) == entry


@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.slow
def test_whatever_byte_is_flipped_the_checkpoint_is_the_same(file, cache, entry, data):
    expected = read(file, cache)
    name = data.draw(st.sampled_from(sorted(path.name for path in entry.iterdir())))
    at = data.draw(st.integers(0, (entry / name).stat().st_size - 1))
    flipped(name, at)(entry)
    assert read(file, cache) == expected


@pytest.mark.parametrize("fault", ["tokenizer", "weights", "config"])
@pytest.mark.sampled(1)
def test_an_entry_that_does_not_give_what_the_file_gives(file, cache, parsed, fault, monkeypatch):
    """As a `save_pretrained` that loses something would make it: whole, and another model."""
    monkeypatch.setattr(converted, "_digests", lost := Losing(converted._digests, fault))
    read(file, cache)
    lost.fault = None
    assert read(file, cache) == read(file, None)
    assert len(parsed) == 3


class Losing:
    """What is kept says that the file gave something else in one respect."""

    def __init__(self, honest, fault):
        self.honest, self.fault = honest, fault

    def __call__(self, model, tokenizer):
        return self.honest(model, tokenizer) | ({self.fault: "what was lost"} if self.fault else {})


def test_off_reads_nothing_and_writes_nothing(file, cache, entry, parsed, monkeypatch):
    monkeypatch.setattr(converted, "_digest", None)
    before = sorted(cache.rglob("*"))
    with cc.use_session(cc.Session(cc.Settings(device="cpu", cache="off"))):
        cc.load(str(file))
    assert parsed == ["m.gguf"]
    assert sorted(cache.rglob("*")) == before


@pytest.mark.sampled(1)
@pytest.mark.parametrize("place", ["/proc/nowhere", "file/below"])
def test_a_folder_that_cannot_be_written_costs_nothing_but_time(file, tmp_path, parsed, place):
    (tmp_path / "file").write_text("in the way")
    assert read(file, tmp_path / place) == read(file, None)
    assert len(parsed) == 2


@pytest.mark.sampled(1)
@pytest.mark.parametrize("fault", ["full before", "full meanwhile", "unsaveable"])
def test_what_cannot_be_kept_leaves_nothing_behind(file, cache, parsed, fault, monkeypatch):
    from transformers import LlamaForCausalLM

    def fails(*_arguments, **_how):
        raise OSError(28, "No space left on device") if fault == "full meanwhile" else ValueError("not serializable")

    if fault == "full before":
        monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=1000))
    else:
        monkeypatch.setattr(LlamaForCausalLM, "save_pretrained", fails)
    assert read(file, cache) == read(file, None)
    assert list(cache.iterdir()) == []


def forbidden(*_arguments, **_how):
    raise PermissionError(13, "Permission denied")


@pytest.mark.slow
def test_an_entry_that_cannot_be_deleted_is_not_believed(file, cache, entry, parsed, monkeypatch):
    consistently_other(entry)
    monkeypatch.setattr(converted.tempfile, "mkdtemp", forbidden)
    assert read(file, cache) == read(file, None)
    assert len(parsed) == 2


def test_an_entry_that_goes_while_it_is_read(file, cache, entry, parsed, monkeypatch):
    honest = checkpoints._read_tokenizer

    def late(spec, location, arguments):
        if location == str(entry):
            shutil.rmtree(entry)
        return honest(spec, location, arguments)

    monkeypatch.setattr(checkpoints, "_read_tokenizer", late)
    assert read(file, cache) == read(file, None)


def test_another_process_that_was_first_is_left_alone(file, cache, monkeypatch):
    honest = os.rename

    def late(source, target):
        monkeypatch.setattr(os, "rename", honest)
        shutil.copytree(source, target)
        (Path(target) / "theirs").touch()
        honest(source, target)

    monkeypatch.setattr(os, "rename", late)
    read(file, cache)
    assert (only(cache) / "theirs").exists()


PROCESS = """
import sys, time
from pathlib import Path
import circuitcheck.engine.torch.loaded.model, transformers.models.llama.modeling_llama
from test_converted import read
here, file, cache = map(Path, sys.argv[1:])
here.touch()
while len(list(here.parent.glob("ready-*"))) < 2:
    time.sleep(0.01)
for _ in range(5):
    print(read(file, cache))
"""


@pytest.mark.slow
def test_two_processes_at_once(file, cache, tmp_path):
    search = os.pathsep.join([*map(str, (Path(__file__).parent, Path(__file__).parent.parent)), *sys.path])
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", PROCESS, tmp_path / f"ready-{number}", file, cache],
            env={**os.environ, "PYTHONPATH": search},
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    said = [process.communicate(timeout=120)[0].splitlines() for process in processes]
    assert said == [[str(read(file, None))] * 5] * 2
    assert only(cache).is_dir()


def test_what_killed_processes_left_goes_and_nothing_else(file, cache):
    cache.mkdir()
    for name in ("circuitcheck-old.part", "circuitcheck-new.part", "theirs.part"):
        (cache / name).mkdir()
        if "new" not in name:
            os.utime(cache / name, (0, 0))
    read(file, cache)
    assert {"circuitcheck-new.part", "theirs.part"} < {path.name for path in cache.iterdir()}
    assert len(list(cache.iterdir())) == 3
