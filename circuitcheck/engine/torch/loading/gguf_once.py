"""Reading a GGUF file by libraries that parse its header for each of config, tokenizer and weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache


@contextmanager
def parsed_once() -> Iterator[None]:
    """Run the body with each GGUF file's header parsed once, and a table of the names of tensors made once instead of once
    for each module. Nothing of it stays."""
    import gguf

    reader, names = gguf.GGUFReader, gguf.get_tensor_name_map
    gguf.GGUFReader, gguf.get_tensor_name_map = cache(reader), cache(names)
    try:
        yield
    finally:
        gguf.GGUFReader, gguf.get_tensor_name_map = reader, names
