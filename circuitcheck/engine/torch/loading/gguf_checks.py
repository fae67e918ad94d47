"""Does a GGUF file's header fit its data, and say what a library would otherwise make up?"""

import math
from pathlib import Path

from circuitcheck.engine.torch.loading.gguf_header import GgufHeader, TensorEntry, read_gguf_header
from circuitcheck.engine.torch.loading.json_files import check_no_pointer
from circuitcheck.engine.torch.loading.preflight import check_size
from circuitcheck.errors import CorruptCheckpoint
from circuitcheck.models import ModelSpec
from circuitcheck.text import repeated

_SIZES = ("block_count", "embedding_length", "attention.head_count")
_EPSILONS = ("attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon")
_TOKENS = "tokenizer.ggml.tokens"
_TOKEN_NUMBERS = tuple(f"tokenizer.ggml.{name}_token_id" for name in ("bos", "eos", "unknown", "padding"))
_REORDERED = ("llama",)  # families whose loader puts query and key rows in order only where it knows both head counts
_ALIGNMENT = 32  # bytes, where the header names none


def check_gguf_file(spec: ModelSpec, path: Path) -> GgufHeader:
    """Raises CorruptCheckpoint for a header that cannot be read, that lacks a number which a library would make up, that
    asks for far more weights than the file holds, or whose table of tensors is not that of the data."""
    if path.is_file():
        check_no_pointer(spec, path)
    header = read_gguf_header(spec, path)
    _check_said(spec, header)
    layers, width = header.of_family("block_count"), header.of_family("embedding_length")
    if isinstance(layers, int) and isinstance(width, int):
        check_size(f"the header of {spec}", layers, width, header.size)
    _check_token_numbers(spec, header)
    wrong = _layout(header)
    if wrong:
        raise CorruptCheckpoint(f"the table of tensors in {spec} is not that of its data: {wrong}. Get a fresh copy.")
    return header


def _check_said(spec: ModelSpec, header: GgufHeader) -> None:
    heads = ("attention.head_count_kv",) if header.family in _REORDERED else ()
    lacking = [name for name in (*_SIZES, *heads) if not _is_said(header, name)]
    if not any(isinstance(header.of_family(name), float) for name in _EPSILONS):
        lacking.append(_EPSILONS[0])
    if lacking:
        raise CorruptCheckpoint(
            f"the header of {spec} does not say {header.family}.{lacking[0]}, and a number would be made up. "
            f"Get a fresh copy."
        )


def _check_token_numbers(spec: ModelSpec, header: GgufHeader) -> None:
    tokens = header.lengths.get(_TOKENS)
    if not tokens:
        raise CorruptCheckpoint(f"{spec} has no tokenizer: its header has no {_TOKENS}. Get a complete copy.")
    for word in _TOKEN_NUMBERS:
        number = header.words.get(word, 0)
        if not isinstance(number, int) or not 0 <= number < tokens:
            raise CorruptCheckpoint(
                f"the header of {spec} says {word}={number!r}; expected the number of one of its {tokens} tokens. Get a "
                f"fresh copy."
            )


def _is_said(header: GgufHeader, name: str) -> bool:
    value = header.of_family(name)
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _layout(header: GgufHeader) -> str:
    """What is wrong with the table, if anything: tensors lie one after another, each at a multiple of the alignment, from
    the end of the header to that of the file."""
    alignment = header.words.get("general.alignment", _ALIGNMENT)
    if not isinstance(alignment, int) or alignment <= 0 or alignment & (alignment - 1):
        return f"general.alignment is {alignment!r}, expected a power of two"
    twice = repeated(entry.name for entry in header.tensors)
    if twice:
        return f"{twice[0]!r} is in it twice"
    place = 0
    for entry in sorted(header.tensors, key=lambda entry: entry.offset):
        wrong, size = _bytes_of(entry)
        if wrong:
            return wrong
        if entry.offset != place:
            return f"{entry.name!r} begins at byte {entry.offset} of the data, expected {place}, where the one before ends"
        end, place = entry.offset + size, _aligned(entry.offset + size, alignment)
    start = data_start(header)
    if not header.tensors or not start + end <= header.size <= start + place:
        return f"its {len(header.tensors)} tensors end at byte {start + place}, and the file has {header.size}"
    return ""


def data_start(header: GgufHeader) -> int:
    """The byte of the file that offsets count from."""
    return _aligned(header.end, int(header.words.get("general.alignment") or _ALIGNMENT))


def _bytes_of(entry: TensorEntry) -> tuple[str, int]:
    """What is wrong with it, if anything, and how many bytes its data has."""
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    kinds = {int(kind): kind for kind in GGMLQuantizationType}
    if entry.kind not in kinds:
        return f"{entry.name!r} is of the unknown type {entry.kind}", 0
    block, size = GGML_QUANT_SIZES[kinds[entry.kind]]
    if 0 in entry.shape or entry.shape[0] % block:
        return f"{entry.name!r} has rows of {entry.shape[0]} numbers, expected a multiple of {block}", 0
    return "", math.prod(entry.shape) // block * size


def _aligned(place: int, alignment: int) -> int:
    return -(-place // alignment) * alignment
