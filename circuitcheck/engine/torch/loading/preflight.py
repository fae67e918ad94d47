"""What can be told of a checkpoint's folder before a library reads it: small files, plain questions."""

import os
from itertools import islice
from pathlib import Path
from typing import Any

from circuitcheck.engine.torch.loading.json_files import read_object
from circuitcheck.engine.torch.loading.tokenizer_files import check_tokenizer_files
from circuitcheck.errors import BadSpec, CorruptCheckpoint, ModelUnavailable
from circuitcheck.files import is_plain
from circuitcheck.models import ModelSpec
from circuitcheck.text import suggestion

LARGEST_CONFIG = 1 << 23  # bytes of a config.json
_MOST = {
    "num_hidden_layers": 10_000,
    "n_layer": 10_000,
    "num_attention_heads": 100_000,
    "n_head": 100_000,
    "num_labels": 100_000,
}
_MOST_FILES = 10_000
_LONGEST = 10_000  # entries of a list or an object: libraries read them one by one, in Python
_SPARE = 16  # a weight takes half a byte at least, and a layer has many more than hidden_size^2 / 8 weights
_SIZES = (("hidden_size", "n_embd", "d_model"), ("num_hidden_layers", "n_layer", "n_layers"))
# What libraries take for granted of a config.json; each may be null.
_SHAPES: dict[str, tuple[type, ...]] = {
    "architectures": (list,),
    "auto_map": (dict,),
    "dtype": (str, dict),
    "torch_dtype": (str, dict),
    "id2label": (dict,),
    "quantization_config": (dict,),
    "rope_parameters": (dict,),
    "rope_scaling": (dict,),
    "text_config": (dict,),
    "transformers_weights": (str,),
}
_KINDS: dict[type, str] = {list: "a list of texts", dict: "an object", str: "a text"}
_WEIGHTS = ("*.safetensors", "*.bin")


def check_folder(spec: ModelSpec, folder: Path, *, weights: bool = True) -> dict[str, Any]:
    """What its config.json says. Raises BadSpec for a folder that is no checkpoint (naming the one inside it that is),
    CorruptCheckpoint for a config that no model can be made of, ModelUnavailable for a folder that may not be read. Without
    `weights` it needs none."""
    try:
        files = sorted(islice(folder.iterdir(), _MOST_FILES + 1))
    except OSError as error:
        raise ModelUnavailable(f"the folder {spec} cannot be read: {error.strerror}. Correct its permissions.") from error
    if len(files) > _MOST_FILES:
        raise BadSpec(f"the folder {spec} holds more than {_MOST_FILES:,} files: name one of the checkpoint alone.")
    if not os.path.lexists(folder / "config.json"):
        _say_where_it_is(spec, folder, files)
    _check_files(spec, files)
    config = read_object(spec, folder / "config.json", LARGEST_CONFIG)
    _check_lengths(spec, config)
    _check_type(spec, config)
    _check_shapes(spec, config)
    _check_numbers(spec, config)
    _check_attention(spec, config)
    if weights:
        _check_size(spec, config, files)
    check_tokenizer_files(spec, folder)
    if not weights:
        return config
    dangling = [each.name for each in files if each.is_symlink() and not each.exists()]
    if dangling:
        raise CorruptCheckpoint(f"{spec}: {dangling[0]} is a link to a file that is not there. Get that file.")
    if not any(True for pattern in _WEIGHTS for _ in folder.glob(pattern)):
        raise CorruptCheckpoint(f"the checkpoint {spec} has no weights: no .safetensors file is in it. Get a complete copy.")
    return config


def _say_where_it_is(spec: ModelSpec, folder: Path, files: list[Path]) -> None:
    inside = [each for each in files if (each / "config.json").is_file()]
    if inside:
        raise BadSpec(f"{spec} is no checkpoint, and a folder in it is: name {inside[-1]}.")
    if (folder / "adapter_config.json").is_file():
        raise BadSpec(
            f"{spec} is an adapter without its base. Merge it (peft: model.merge_and_unload()) and name the result."
        )
    found = [each.name for each in files if each.suffix == ".gguf"]
    if found:
        raise BadSpec(f"{spec} is a folder with a GGUF file: name the file, {folder / found[0]}.")
    raise CorruptCheckpoint(
        f"the folder {spec} is no checkpoint: it has no config.json. Name one saved by model.save_pretrained()."
    )


def _check_type(spec: ModelSpec, config: dict[str, Any]) -> None:
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    given = config.get("model_type")
    if isinstance(given, str) and given in CONFIG_MAPPING:
        return
    if given is None:
        raise CorruptCheckpoint(f"{spec}: config.json has no model_type, which says what model it is. Get a fresh copy.")
    own_code = " It brings code of its own (auto_map), which is never run here." if "auto_map" in config else ""
    raise CorruptCheckpoint(
        f"{spec} is of model type {given!r}, which this version of transformers does not know."
        f"{suggestion(str(given), CONFIG_MAPPING)}{own_code or ' A newer transformers may.'}"
    )


def _check_lengths(spec: ModelSpec, config: dict[str, Any]) -> None:
    nested = [config, *(each for each in config.values() if isinstance(each, dict))]
    for name, given in ((name, each[name]) for each in nested for name in each):
        if isinstance(given, list | dict) and len(given) > _LONGEST:
            raise CorruptCheckpoint(
                f"{spec}: config.json has {len(given):,} entries in {name!r}; {_LONGEST:,} at most are read. Get the config "
                f"that belongs to these weights."
            )


def _check_shapes(spec: ModelSpec, config: dict[str, Any]) -> None:
    for name, kinds in _SHAPES.items():
        given = config.get(name)
        texts = all(isinstance(each, str) for each in given) if isinstance(given, list) else True
        if given is not None and not (isinstance(given, kinds) and texts):
            expected = " or ".join(_KINDS[kind] for kind in kinds)
            raise CorruptCheckpoint(
                f"{spec}: config.json says {name}={str(given)[:100]!r}; expected {expected}. Get a fresh copy."
            )


def _check_numbers(spec: ModelSpec, config: dict[str, Any]) -> None:
    for name, most in _MOST.items():
        given = config.get(name)
        if given is not None and not (isinstance(given, int) and 0 < given <= most):
            raise CorruptCheckpoint(f"{spec}: config.json says {name}={given!r}; expected a number from 1 to {most}.")


def _check_files(spec: ModelSpec, files: list[Path]) -> None:
    """A pipe, a device or a file of the system in the place of one would be read for ever."""
    for file in files:
        if file.exists() and not file.is_dir() and not is_plain(file, file.stat()):
            raise CorruptCheckpoint(f"{spec}: {file.name} is a pipe or a device, not a file. Get a fresh copy.")


def _check_size(spec: ModelSpec, config: dict[str, Any], files: list[Path]) -> None:
    """A config that asks for far more weights than there are would fill the memory before anything is read."""
    width, layers = (next((config[name] for name in names if isinstance(config.get(name), int)), 0) for names in _SIZES)
    held = sum(file.stat().st_size for file in files if file.is_file())
    check_size(f"{spec}: config.json", layers, width, held)


def check_size(what: str, layers: int, width: int, held: int) -> None:
    """Raises CorruptCheckpoint where `what` asks for far more weights than there can be in `held` bytes."""
    if width * width * layers > _SPARE * held:
        raise CorruptCheckpoint(
            f"{what} asks for {layers} layers of width {width}, and its files hold {held >> 20} MB: they do not belong "
            f"together. Get a complete copy."
        )


def _check_attention(spec: ModelSpec, config: dict[str, Any]) -> None:
    """A config may name attention code on a hub, which would be fetched and run."""
    nested = [config, *(each for each in config.values() if isinstance(each, dict))]
    for name, given in ((name, each[name]) for each in nested for name in each if name.endswith("attn_implementation")):
        if isinstance(given, str) and "/" in given:
            raise CorruptCheckpoint(
                f"{spec}: config.json names attention code on a hub ({name}={given!r}), which is never run here. Take it "
                f"out."
            )
