"""What libraries raise while they read a checkpoint, in words."""

from collections.abc import Iterator
from contextlib import contextmanager

from circuitcheck.engine.torch.loading.devices import lacks_memory
from circuitcheck.engine.torch.loading.hub import first_sentence, how_to_get
from circuitcheck.errors import CircuitCheckError, CorruptCheckpoint, ModelUnavailable
from circuitcheck.models import ModelSpec


@contextmanager
def reading(spec: ModelSpec, part: str = "") -> Iterator[None]:
    """`part` is what is read of a folder, if not all: config.json or the tokenizer. Raises CorruptCheckpoint, and
    ModelUnavailable where a package or memory is missing."""
    try:
        yield
    except CircuitCheckError:
        raise
    except Exception as error:
        raise _in_words(spec, part, error) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # of Rust code, which no library turns into an Exception
            raise
        raise _in_words(spec, part, RuntimeError(str(error))) from error


def _in_words(spec: ModelSpec, part: str, error: Exception) -> CircuitCheckError:
    text = str(error)
    if lacks_memory(error):
        return ModelUnavailable(
            f"{spec} does not fit the memory that is free here. Close other programs, use a machine with more, or load it "
            f"in a smaller dtype, such as bfloat16."
        )
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
    return CorruptCheckpoint(_cannot_be_read(spec, part, f"{type(error).__name__}: {first_sentence(error)}"))


def _cannot_be_read(spec: ModelSpec, part: str, reason: str) -> str:
    if part == "config.json":
        return (
            f"{spec}: no model can be made of its config.json: {reason} Get the config that belongs to these weights, or "
            f"correct what it says."
        )
    if spec.kind in ("gguf", "packaged-gguf"):
        return f"transformers does not read the GGUF file {spec}: {reason} Use the model as safetensors, or convert it anew."
    if part == "tokenizer":
        return (
            f"{spec}: its tokenizer cannot be read (tokenizer.json, tokenizer_config.json and what belongs to them): "
            f"{reason} Get these files anew from where the model is from."
        )
    return (
        f"{spec} cannot be read as a checkpoint: {reason} Its config.json may not be that of its weights, or one of the two "
        f"files is damaged; get a fresh copy of both."
    )
