"""Do all tensors of a GGUF file become weights of the model that was made of it? Libraries pass over the others."""

import struct
from pathlib import Path
from typing import Any

from circuitcheck.engine.torch.loading.gguf_checks import data_start
from circuitcheck.engine.torch.loading.gguf_header import GgufHeader, TensorEntry
from circuitcheck.errors import CorruptCheckpoint
from circuitcheck.models import ModelSpec

_ROPE_FACTORS = "rope_freqs.weight"  # frequencies are divided by them: ones change nothing
_FLOAT32 = 0  # the type of a tensor


def check_tensors(spec: ModelSpec, path: Path, header: GgufHeader, model: Any) -> None:
    """Raises CorruptCheckpoint for tensors that became no weight of `model`."""
    known = _known(header, model)
    if known is None:
        return
    left = [each for each in header.tensors if not known & {each.name, each.name.removesuffix(".weight")}]
    left_out = sorted(each.name for each in left if not _changes_nothing(path, header, each))
    if left_out:
        raise CorruptCheckpoint(
            f"{spec} holds {len(left_out)} tensors that its header has no place for, such as {left_out[0]!r}: transformers "
            f"leaves them out, and another model would run. Use the model as safetensors."
        )


def _known(header: GgufHeader, model: Any) -> set[str] | None:
    """Names that `transformers` looks for. None where its newer loader takes all, and says what it has no place for."""
    from transformers.modeling_gguf_pytorch_utils import TENSOR_PROCESSORS, TensorProcessor, get_gguf_hf_weights_map

    if _is_read_whole(header.family):
        return None
    processor = TENSOR_PROCESSORS.get(header.family, TensorProcessor)
    return set(get_gguf_hf_weights_map(model, processor(config={})))


def _is_read_whole(family: Any) -> bool:
    try:
        from transformers.integrations.gguf import is_gguf_arch_supported
    except ImportError:  # an older transformers, which reads all files in one way
        return False
    return bool(is_gguf_arch_supported(family))


def _changes_nothing(path: Path, header: GgufHeader, entry: TensorEntry) -> bool:
    if entry.name != _ROPE_FACTORS or entry.kind != _FLOAT32 or len(entry.shape) != 1:
        return False
    with path.open("rb") as stream:
        stream.seek(data_start(header) + entry.offset)
        factors = struct.iter_unpack("<f", stream.read(4 * entry.shape[0]))
        return all(factor == 1 for (factor,) in factors)
