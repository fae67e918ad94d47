"""From a spec to weights and a tokenizer. Nothing is fetched for local specs; code from a checkpoint is never run."""

import importlib.util
import io
import os
from contextlib import contextmanager, nullcontext, redirect_stderr
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from circuitcheck.engine.torch.completeness import check_gguf, check_vocabulary, check_whole
from circuitcheck.engine.torch.gguf_header import check_gguf_header
from circuitcheck.engine.torch.hub import first_sentence, how_to_get, probe_hub
from circuitcheck.engine.torch.preflight import check_folder
from circuitcheck.errors import CircuitCheckError, CorruptCheckpoint, ModelUnavailable
from circuitcheck.models import ALIASES, ModelSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

FilesState = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Checkpoint:
    """A model and tokenizer of `transformers`, and the folder or hub id that they came from."""

    model: Any
    tokenizer: Any
    location: str


def read_checkpoint(spec: ModelSpec, dtype: torch.dtype) -> Checkpoint:
    """Raises ModelUnavailable (with how to get it), CorruptCheckpoint, and BadSpec for a folder that is no checkpoint."""
    location, arguments = _locate(spec)
    if spec.kind == "folder":
        check_folder(spec, Path(location))
    if "gguf_file" in arguments:
        check_gguf_header(spec, Path(location) / arguments["gguf_file"])
    try:
        return _read(spec, location, {**arguments, "local_files_only": True}, dtype)
    except ModelUnavailable:  # a hub spec that is not, or not all of it, in the local cache
        if spec.kind != "hub":
            raise
        probe_hub(spec)
        return _read(spec, location, arguments, dtype)


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


def _read(spec: ModelSpec, location: str, arguments: dict[str, Any], dtype: torch.dtype) -> Checkpoint:
    from transformers import AutoTokenizer

    with reading(spec), _usual_defaults():
        model = _read_model(spec, location, arguments, dtype)
        tokenizer = AutoTokenizer.from_pretrained(location, trust_remote_code=False, **arguments)
        if not tokenizer("a", add_special_tokens=False).input_ids:  # transformers makes one up where there is none
            raise CorruptCheckpoint(f"the checkpoint {spec} has no tokenizer that reads text: its files are missing.")
        check_vocabulary(spec, tokenizer, model)
    return Checkpoint(model, tokenizer, location)


def _read_model(spec: ModelSpec, location: str, arguments: dict[str, Any], dtype: torch.dtype) -> Any:
    from transformers import AutoModelForCausalLM

    with _quiet(spec):
        model, info = AutoModelForCausalLM.from_pretrained(
            location,
            dtype=dtype,
            attn_implementation="eager",
            output_loading_info=True,
            trust_remote_code=False,
            **arguments,
        )
    check_whole(spec, location, info, model)
    if "gguf_file" in arguments:
        check_gguf(spec, Path(location) / arguments["gguf_file"], model)
    _own(model)
    if not model.config.architectures:  # GGUF files carry none, and the bridge asks for it
        model.config.architectures = [type(model).__name__]
    return model


def _own(model: torch.nn.Module) -> None:
    """Weights are read from mapped files: if one were cut short while we run, the process would die."""
    for parameter in model.parameters():
        parameter.data = parameter.data.clone()


@contextmanager
def _usual_defaults() -> "Iterator[None]":
    """Whatever the caller has made torch's defaults, a file is read the same."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with torch.device("cpu"):
            yield
    finally:
        torch.set_default_dtype(before)


def _locate(spec: ModelSpec) -> tuple[str, dict[str, Any]]:
    if spec.kind == "packaged-gguf":
        path = _packaged_gguf(spec.source)
        return str(path.parent), {"gguf_file": path.name}
    if spec.kind == "gguf":
        path = Path(spec.source).expanduser()
        if not path.is_file():
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
def reading(spec: ModelSpec) -> "Iterator[None]":
    """What libraries raise while they read a checkpoint, in words."""
    try:
        yield
    except (CircuitCheckError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise _in_words(spec, error) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # of Rust code, which no library turns into an Exception
            raise
        raise _in_words(spec, RuntimeError(str(error))) from error


def _in_words(spec: ModelSpec, error: Exception) -> CircuitCheckError:
    text = str(error)
    if isinstance(error, ImportError):
        return ModelUnavailable(f"{spec} needs a package that is not installed here: {first_sentence(error)}")
    if "weights_only" in text:
        return CorruptCheckpoint(
            f"the weights of {spec} are a pickle file that holds more than tensors: opening it could run code, so it is "
            f"never opened here. Get the checkpoint as safetensors."
        )
    if "trust_remote_code" in text:
        return CorruptCheckpoint(
            f"{spec} needs code of its own (auto_map in its config), which is never run here. Use a model that transformers "
            f"knows, or load it yourself and pass the TransformerBridge."
        )
    if spec.kind == "hub" and isinstance(error, OSError):
        return ModelUnavailable(f"{spec} cannot be had: {first_sentence(error)} {how_to_get(spec)}")
    return CorruptCheckpoint(
        f"{spec} cannot be read as a checkpoint: {type(error).__name__}: {first_sentence(error)} "
        f"The file may be truncated or of another format; get a fresh copy."
    )


@contextmanager
def _quiet(spec: ModelSpec) -> "Iterator[None]":
    """Progress bars belong to downloads, not to reading a file; transformers has no switch for those of GGUF files."""
    with nullcontext() if spec.kind == "hub" else redirect_stderr(io.StringIO()):
        yield
