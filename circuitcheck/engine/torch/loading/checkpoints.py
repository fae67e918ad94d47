"""From a spec to weights and a tokenizer. Nothing is fetched for local specs; code from a checkpoint is never run."""

import importlib.util
import io
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, redirect_stderr, suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import torch

from circuitcheck.engine.torch.fingerprints.fingerprint import Digests, own_weights
from circuitcheck.engine.torch.loading.completeness import check_gguf, check_vocabulary, check_whole
from circuitcheck.engine.torch.loading.converted import Entry, gives
from circuitcheck.engine.torch.loading.devices import resolve_dtype
from circuitcheck.engine.torch.loading.gguf_checks import check_gguf_file
from circuitcheck.engine.torch.loading.gguf_once import parsed_once
from circuitcheck.engine.torch.loading.hub import probe_hub
from circuitcheck.engine.torch.loading.json_files import read_object
from circuitcheck.engine.torch.loading.kind_of_model import kind_of_model
from circuitcheck.engine.torch.loading.libraries import import_libraries
from circuitcheck.engine.torch.loading.model_size import check_memory, check_model_size
from circuitcheck.engine.torch.loading.preflight import LARGEST_CONFIG, check_folder
from circuitcheck.engine.torch.loading.reading import reading
from circuitcheck.engine.torch.loading.weight_files import check_weight_files
from circuitcheck.errors import CircuitCheckError, CorruptCheckpoint, ModelUnavailable
from circuitcheck.garbage import without_looking_for_garbage
from circuitcheck.models import ALIASES, ModelSpec
from circuitcheck.network import is_in_hub_cache

_HERE = {"local_files_only": True}

T = TypeVar("T")
Arguments = Mapping[str, Any]  # of `from_pretrained`: a revision, a GGUF file's name
FilesState = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Checkpoint:
    """A model and tokenizer of `transformers`, the folder or hub id that they came from, and the digests of its weights."""

    model: Any
    tokenizer: Any
    location: str
    digests: Digests


def read_checkpoint(spec: ModelSpec, dtype: torch.dtype, cache: Path | None = None) -> Checkpoint:
    """What GGUF files give is kept in the folder `cache`. Raises ModelUnavailable (with how to get it), CorruptCheckpoint,
    and BadSpec for a folder that is no checkpoint."""
    location, arguments = locate(spec)
    if spec.kind == "folder":
        config = check_folder(spec, Path(location))
        names = check_weight_files(spec, Path(location), config)
        with reading(spec, "config.json"), _usual_defaults(), _quiet(spec):
            check_model_size(spec, Path(location), config, names)
    read = partial(_read, spec, dtype=dtype)
    if "gguf_file" in arguments:
        return _read_gguf(spec, location, arguments["gguf_file"], cache, read)
    return _here_or_from_hub(spec, location, arguments, read)


def read_tokenizer(spec: ModelSpec, cache: Path | None = None) -> Any:
    """The tokenizer that `read_checkpoint` gives, without weights, which need not be there. A GGUF file's comes from the
    folder `cache` where it is in there. Raises as `read_checkpoint` does."""
    location, arguments = locate(spec)
    if spec.kind == "folder":
        check_folder(spec, Path(location), weights=False)
    read = partial(_read_tokenizer_alone, spec)
    if "gguf_file" in arguments:
        return _read_gguf_tokenizer(spec, location, arguments["gguf_file"], cache, read)
    return _here_or_from_hub(spec, location, arguments, read)


def _here_or_from_hub(spec: ModelSpec, location: str, arguments: Arguments, read: Callable[[str, Arguments], T]) -> T:
    try:
        return read(location, {**arguments, **_HERE})
    except ModelUnavailable:  # a hub spec that is not, or not all of it, in the local cache
        if spec.kind != "hub":
            raise
        probe_hub(spec)
        return read(location, arguments)


def _read_gguf(
    spec: ModelSpec, location: str, name: str, cache: Path | None, read: Callable[[str, Arguments], Checkpoint]
) -> Checkpoint:
    """From the cache where it is in there, and put there where it is not. Of a file that no entry can be of the header
    comes first: gigabytes that are no model would be read for their digest."""
    file = Path(location, name)
    with reading(spec):
        entry = Entry.of_same_size(cache, file, spec.dtype) if cache is not None else None
    if entry is not None:
        check_memory(spec, entry.bytes // resolve_dtype(spec.dtype).itemsize)
    kept = _kept(spec, entry, read, lambda found: (found.tokenizer, found.model, found.digests))
    if kept is not None:
        kept.model.config._name_or_path = location
        return replace(kept, location=location)
    header = check_gguf_file(spec, file)
    check_memory(spec, sum(math.prod(entry.shape) for entry in header.tensors))
    with reading(spec):
        entry = entry or (Entry.of(cache, file, spec.dtype) if cache is not None else None)
    with parsed_once():
        made = read(location, {"gguf_file": name, **_HERE})
        with reading(spec):
            check_gguf(spec, file, header, made.model)
    if entry is not None:
        with suppress(CircuitCheckError), _quiet(spec), reading(spec):  # it costs only the time that it would have saved
            entry.keep(made.model, made.tokenizer)
    return made


def _read_gguf_tokenizer(
    spec: ModelSpec, location: str, name: str, cache: Path | None, read: Callable[[str, Arguments], Any]
) -> Any:
    """From the cache where the model is in there."""
    file = Path(location, name)
    with reading(spec):
        entry = Entry.any_of(cache, file) if cache is not None else None
    kept = _kept(spec, entry, read, lambda found: (found, None, None))
    if kept is not None:
        return kept
    check_gguf_file(spec, file)
    with parsed_once():
        return read(location, {"gguf_file": name, **_HERE})


def _kept(
    spec: ModelSpec, entry: Entry | None, read: Callable[[str, Arguments], T], parts: Callable[[T], tuple[Any, Any, Any]]
) -> T | None:
    """What an entry gives, if that is what the GGUF file gave; `parts` are the tokenizer, the model and its digests. One
    that gives something else, or raises, goes."""
    record = None if entry is None else entry.record()
    if entry is None or record is None:
        return None
    with suppress(CorruptCheckpoint), reading(spec):
        found = read(str(entry.folder), _HERE)
        if gives(record, *parts(found)):
            return found
    entry.drop()
    return None


def files_state(spec: ModelSpec) -> FilesState:
    """Names, sizes and times of the files that a local spec is read from: a folder saved again is another model."""
    if spec.kind not in ("folder", "gguf"):
        return ()
    path = Path(spec.source).expanduser()
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path] if path.exists() else []
    except OSError:  # loading says why it cannot be read
        return ()
    return tuple((file.name, state.st_size, state.st_mtime_ns) for file in files for state in [_state(file)])


def _state(file: Path) -> os.stat_result:
    return file.stat() if file.exists() else file.lstat()  # a link to nothing is refused later, in words


def _read(spec: ModelSpec, location: str, arguments: Arguments, dtype: torch.dtype) -> Checkpoint:
    with reading(spec), _usual_defaults():
        if spec.kind != "hub" or is_in_hub_cache(location, arguments.get("revision")):
            import_libraries()
        model, digests = _read_model(spec, location, arguments, dtype)
    with reading(spec, "tokenizer"), _usual_defaults():
        tokenizer = _read_tokenizer(spec, location, arguments)
        check_vocabulary(spec, tokenizer, model)
    return Checkpoint(model, tokenizer, location, digests)


def _read_tokenizer_alone(spec: ModelSpec, location: str, arguments: Arguments) -> Any:
    with reading(spec, "tokenizer"), _usual_defaults():
        return _read_tokenizer(spec, location, arguments)


@without_looking_for_garbage()
def _read_tokenizer(spec: ModelSpec, location: str, arguments: Arguments) -> Any:
    from transformers import AutoTokenizer

    kind = None if "gguf_file" in arguments else kind_of_model(spec, Path(location))
    known = {} if kind is None else {"config": kind}
    tokenizer = AutoTokenizer.from_pretrained(location, trust_remote_code=False, **known, **arguments)
    if not tokenizer("a", add_special_tokens=False).input_ids:  # transformers makes one up where there is none
        raise CorruptCheckpoint(f"the checkpoint {spec} has no tokenizer that reads text: its files are missing.")
    return tokenizer


def _read_model(spec: ModelSpec, location: str, arguments: Arguments, dtype: torch.dtype) -> tuple[Any, Digests]:
    from transformers import AutoModelForCausalLM

    with _quiet(spec):
        model, info = AutoModelForCausalLM.from_pretrained(
            location,
            dtype=dtype,
            attn_implementation="eager",
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # what does not fit is refused below, by name
            trust_remote_code=False,
            **arguments,
        )
    if "gguf_file" in arguments:
        check_whole(spec, Path(location), info, model)
    else:
        folder = folder_of(spec, location, arguments)
        names = check_weight_files(spec, folder, read_object(spec, folder / "config.json", LARGEST_CONFIG))
        check_whole(spec, folder, info, model, names)
    if "gguf_file" in arguments:
        _forget_blocks(model)
    digests = own_weights(model)
    if not model.config.architectures:  # GGUF files carry none, and the bridge asks for it
        model.config.architectures = [type(model).__name__]
    return model, digests


def folder_of(spec: ModelSpec, location: str, arguments: Arguments) -> Path:
    """Where the files of a model lie that was read just now: for one of a hub, in the local hub cache."""
    if spec.kind != "hub":
        return Path(location)
    from transformers.utils import cached_file

    return Path(cached_file(location, "config.json", **{**arguments, **_HERE})).parent


def _forget_blocks(model: torch.nn.Module) -> None:
    """The loader of GGUF files marks a model as quantized, also where its weights are plain numbers by now: `transformers`
    would not save it, and the marks would tell it from the same model read from a folder."""
    if all(parameter.is_floating_point() for parameter in model.parameters()):
        for name in ("hf_quantizer", "quantization_method", "is_quantized"):
            vars(model).pop(name, None)
        for name in ("quantization_config", "_is_quantized"):
            vars(model.config).pop(name, None)


@contextmanager
def _usual_defaults() -> Iterator[None]:
    """Whatever the caller has made torch's defaults, a file is read the same."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        # The context costs each of thousands of calls some time, so it is only where another device is the default.
        with nullcontext() if torch.get_default_device().type == "cpu" else torch.device("cpu"):
            yield
    finally:
        torch.set_default_dtype(before)


def locate(spec: ModelSpec) -> tuple[str, Arguments]:
    if spec.kind == "packaged-gguf":
        path = _packaged_gguf(spec.source)
        return str(path.parent), {"gguf_file": path.name}
    if spec.kind == "gguf":
        path = Path(spec.source).expanduser()
        if not path.exists():
            raise ModelUnavailable(f"there is no file {spec.source}: put the GGUF file there, or correct the path.")
        return str(path.parent), {"gguf_file": path.name}
    if spec.kind == "bundled":
        return str(resources.files("circuitcheck.models") / "bundled" / spec.source), {}
    if spec.kind == "folder":
        return str(Path(spec.source).expanduser()), {}
    return spec.source, {} if spec.revision is None else {"revision": spec.revision}


def _packaged_gguf(alias: str) -> Path:
    package, how = ALIASES[alias]
    found = importlib.util.find_spec(package)  # finds without importing: the package itself needs `llm`
    files = sorted(Path(found.origin).parent.glob("*.gguf")) if found and found.origin else []
    if len(files) != 1:
        what = "is not installed" if not found else f"holds {len(files)} GGUF files, not one"
        raise ModelUnavailable(f"{alias} lies in the package {package}, which {what}. Get it: {how}")
    return files[0]


@contextmanager
def _quiet(spec: ModelSpec) -> Iterator[None]:
    """Progress bars belong to downloads, not to reading a file; transformers has no switch for those of GGUF files."""
    with nullcontext() if spec.kind == "hub" else redirect_stderr(io.StringIO()):
        yield
