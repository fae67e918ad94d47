"""Is all of a checkpoint in the model that was made of it? `transformers` leaves out what its config does not ask for."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from circuitcheck.engine.torch.loading.gguf_header import GgufHeader
from circuitcheck.engine.torch.loading.gguf_tensors import check_tensors
from circuitcheck.engine.torch.loading.gguf_words import check_words
from circuitcheck.engine.torch.loading.weight_files import BUFFERS, doubles
from circuitcheck.errors import CorruptCheckpoint
from circuitcheck.models import ModelSpec

_BLOCK = re.compile(r"blk\.(\d+)\.")  # of a GGUF file's tensor names


def check_whole(
    spec: ModelSpec, folder: Path, info: Mapping[str, Iterable[Any]], model: Any, names: Iterable[str] = ()
) -> None:
    """`info` is what `transformers` says of loading, `names` are those of the tensors in the files. Raises CorruptCheckpoint
    for weights that are missing, of another shape, left out, there twice, or of an adapter that nobody applied."""
    for name, found, expected in info.get("mismatched_keys", ()):
        raise CorruptCheckpoint(
            f"the weight {name} of {spec} has the shape {tuple(found)}, and its config asks for {tuple(expected)}: they do "
            f"not belong together. Get the config that belongs to these weights."
        )
    missing = sorted(map(str, info["missing_keys"]))
    if missing:
        raise CorruptCheckpoint(
            f"the checkpoint {spec} lacks {len(missing)} weights that its config asks for, such as {missing[0]}; "
            f"transformers would fill them with random numbers. Get a complete copy."
        )
    left_out = sorted(key for key in map(str, info["unexpected_keys"]) if not BUFFERS.match(key))
    if left_out:
        raise CorruptCheckpoint(
            f"the checkpoint {spec} holds {len(left_out)} weights that its config has no place for, such as {left_out[0]}: "
            f"transformers leaves them out, and another model would run. Its config.json is that of "
            f"{type(model).__name__} with {_layers(model)} layers; get the config that belongs to these weights."
        )
    twice = doubles(names, model)
    if twice is not None:
        raise CorruptCheckpoint(
            f"the checkpoint {spec} holds one weight under two names, {twice[0]!r} and {twice[1]!r}: transformers takes one "
            f"and leaves the other out. Get a fresh copy."
        )
    if (folder / "adapter_config.json").is_file():
        raise CorruptCheckpoint(
            f"{spec} holds an adapter (adapter_config.json), which is not applied here: the model without it would run. "
            f"Merge it into its base (peft: model.merge_and_unload()), save the result, and name that folder."
        )


def check_gguf(spec: ModelSpec, path: Path, header: GgufHeader, model: Any) -> None:
    """Raises CorruptCheckpoint where a GGUF file holds more or fewer layers than its header says, or words or tensors that
    `transformers` passed over."""
    found = {block[1] for each in header.tensors if (block := _BLOCK.match(each.name))}
    if found and len(found) != _layers(model):
        raise CorruptCheckpoint(
            f"the header of {spec} says {_layers(model)} layers, and the file holds weights of {len(found)}: "
            f"another model would run. Get a fresh copy, or convert the checkpoint again."
        )
    check_words(spec, header, model.config)
    check_tensors(spec, path, header, model)


def check_vocabulary(spec: ModelSpec, tokenizer: Any, model: Any) -> None:
    """Raises CorruptCheckpoint for a tokenizer whose ordinary tokens, or those that it puts around every text, the model has
    no embedding for. Tokens that were added may lie beyond: Gemma 3 has one for images. Texts that hold one are refused."""
    rows = int(model.get_input_embeddings().weight.shape[0])
    added = tokenizer.get_added_vocab()
    ordinary = {number: token for token, number in tokenizer.get_vocab().items() if token not in added}
    around = {number: tokenizer.convert_ids_to_tokens(number) for number in tokenizer("a").input_ids}
    given = {**ordinary, **around}
    largest = max(given, default=0)
    if largest >= rows:
        raise CorruptCheckpoint(
            f"the tokenizer of {spec} gives numbers up to {largest} (the token {given[largest]!r}), and the "
            f"model has {rows} embeddings: it is the tokenizer of another model. Put the right one into the checkpoint."
        )


def _layers(model: Any) -> int:
    return int(model.config.get_text_config().num_hidden_layers)
