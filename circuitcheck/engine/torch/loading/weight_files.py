"""The files of weights in a checkpoint's folder: each tensor once, in the file that the index names, of a number's type."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from circuitcheck.engine.torch.loading.json_files import check_no_pointer, read_object
from circuitcheck.engine.torch.loading.pickles import check_unpacked_size
from circuitcheck.engine.torch.loading.safetensors_header import read_types
from circuitcheck.errors import CorruptCheckpoint
from circuitcheck.models import ModelSpec
from circuitcheck.text import first_line, repeated

# Buffers that older versions of transformers saved; models work them out anew.
BUFFERS = re.compile(r".*(\.masked_bias|\.attn\.bias|\.attention\.bias|inv_freq|position_ids|relative_position_index)$")
_WHOLE = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
_INDEX = ".index.json"
_LARGEST = 1 << 26  # bytes of an index


def check_weight_files(spec: ModelSpec, folder: Path, config: Mapping[str, Any]) -> list[str]:
    """The names of the tensors in safetensors files. Raises CorruptCheckpoint for an index or a header that cannot be read,
    for tensors elsewhere than the index says or in two files, and for those of whole numbers, which would be taken for
    weights."""
    chosen = _chosen(folder, config)
    if chosen is None:
        return []
    index = _read_index(spec, folder / chosen) if chosen.endswith(_INDEX) else None
    files = sorted({chosen} if index is None else set(index.values()))
    types = {name: _read_types(spec, folder / name) for name in files}
    if index is not None and chosen.endswith(f".safetensors{_INDEX}"):
        _check_places(spec, index, types)
    if not _is_quantized(config):
        for file, held in types.items():
            _check_types(spec, file, held)
    return [name for held in types.values() for name in held]


def _chosen(folder: Path, config: Mapping[str, Any]) -> str | None:
    """The file that `transformers` would begin with."""
    named = config.get("transformers_weights")
    names = [named] if isinstance(named, str) else _WHOLE
    return next((name for name in names if (folder / name).is_file()), None)


def _read_index(spec: ModelSpec, path: Path) -> dict[str, str]:
    found = read_object(spec, path, _LARGEST)
    places = found.get("weight_map")
    if not isinstance(places, dict) or not places or not isinstance(found.get("metadata"), dict):
        raise CorruptCheckpoint(
            f"{spec}: {path.name} has no object weight_map with tensors, or no object metadata. Get a fresh copy."
        )
    for tensor, file in places.items():
        if not isinstance(file, str) or not file or file != PurePosixPath(file).name or "\0" in file or "\\" in file:
            raise CorruptCheckpoint(
                f"{spec}: {path.name} places {tensor!r} in {file!r}; expected the name of a file in the same folder. "
                f"Get a fresh copy."
            )
        if not (path.parent / file).is_file():
            raise CorruptCheckpoint(f"{spec}: {path.name} names {file!r}, which is not there. Get a complete copy.")
    return places


def _read_types(spec: ModelSpec, path: Path) -> dict[str, str]:
    """Empty for other files than safetensors, which are not to be opened here."""
    try:
        check_no_pointer(spec, path)
        if path.suffix == ".safetensors":
            return read_types(path)
        check_unpacked_size(spec, path)
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise CorruptCheckpoint(
            f"{spec}: {path.name} cannot be read as a safetensors file ({first_line(error)[:200]}). It may be truncated or "
            f"of another format; get a fresh copy."
        ) from error


def _check_places(spec: ModelSpec, index: Mapping[str, str], types: Mapping[str, Mapping[str, str]]) -> None:
    twice = repeated(name for held in types.values() for name in held)
    if twice:
        files = " and ".join(file for file, held in types.items() if twice[0] in held)
        raise CorruptCheckpoint(
            f"{spec} holds the tensor {twice[0]!r} more than once, in {files}: which one is the model's cannot be told. "
            f"Get a fresh copy."
        )
    for name, file in index.items():
        if name not in types[file]:
            raise CorruptCheckpoint(
                f"{spec}: the index says that the tensor {name!r} is in {file}, and it is not. Get a fresh copy of both."
            )


def _check_types(spec: ModelSpec, file: str, held: Mapping[str, str]) -> None:
    wrong = next((name for name, kind in held.items() if not _is_real(kind) and not BUFFERS.match(name)), None)
    if wrong is not None:
        raise CorruptCheckpoint(
            f"{spec}: the tensor {wrong!r} in {file} is of type {held[wrong]}, expected floating-point numbers, since "
            f"config.json has no quantization_config that transformers knows: it would be taken for weights as it is. Get "
            f"the config that belongs to these weights."
        )


def _is_real(kind: str) -> bool:
    return kind.startswith(("F", "BF"))


def _is_quantized(config: Mapping[str, Any]) -> bool:
    from transformers.quantizers.auto import AUTO_QUANTIZATION_CONFIG_MAPPING

    given = config.get("quantization_config")
    method = given.get("quant_method") if isinstance(given, dict) else None
    return method == "bitsandbytes" or (isinstance(method, str) and method in AUTO_QUANTIZATION_CONFIG_MAPPING)


def doubles(names: Iterable[str], model: Any) -> tuple[str, str] | None:
    """Two names of tensors that `transformers` takes for the same weight of `model`, if there are any."""
    from transformers.conversion_mapping import get_model_conversion_mapping
    from transformers.core_model_loading import WeightRenaming, rename_source_key

    renamings = [each for each in get_model_conversion_mapping(model) if isinstance(each, WeightRenaming)]
    prefix = re.compile(f"^(?:{re.escape(model.base_model_prefix)}.)+" if model.base_model_prefix else "^")
    seen: dict[str, str] = {}
    for name in sorted(names):
        spelled = prefix.sub("", str(rename_source_key(name, renamings, [])[0]))
        if spelled in seen:
            return seen[spelled], name
        seen[spelled] = name
    return None
