"""The files of a tokenizer, before a library reads them: there, of bounded size, and of a shape taken for granted."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from circuitcheck.engine.torch.loading.json_files import check_no_pointer, read_object
from circuitcheck.errors import CorruptCheckpoint
from circuitcheck.files import is_plain
from circuitcheck.models import ModelSpec

_VOCABULARIES = (
    "tokenizer.json",
    "vocab*",
    "merges.txt",
    "*.model",
    "*.tiktoken",
    "tekken.json",
    "*.spm",
    "*.bpe",
    "*.codes",
)
_OBJECTS = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "generation_config.json")
_TEXTS = ("chat_template.jinja", "chat_template.json", "additional_chat_templates/*")
_LARGEST_VOCABULARY, _LARGEST = 1 << 28, 1 << 26  # bytes
_MOST_ADDED = 20_000  # tokens: libraries add them one by one; the most that are usual are some thousands
_MOST_TOKENS = 1 << 20  # of a vocabulary: the largest have some 900,000
_MOST_CHARACTERS = 1_000
_MOST_RULES = 1_000  # words and numbers around the vocabulary: usual tokenizers have some dozens
_OF_BYTES = ("ByT5Tokenizer", "CanineTokenizer", "PerceiverTokenizer")  # which have no vocabulary
_ADDED = ("added_tokens_decoder", "additional_special_tokens", "extra_special_tokens")


def check_tokenizer_files(spec: ModelSpec, folder: Path) -> None:
    """Raises CorruptCheckpoint where there is no vocabulary, a file is too large or no JSON object, too many tokens are
    added, or replacements one after another can make billions of characters of one."""
    vocabularies = [path for pattern in _VOCABULARIES for path in sorted(folder.glob(pattern))]
    _check_sizes(spec, vocabularies, _LARGEST_VOCABULARY)
    _check_sizes(spec, [path for name in _TEXTS for path in folder.glob(name)], _LARGEST)
    said = {name: read_object(spec, folder / name, _LARGEST) for name in _OBJECTS if (folder / name).exists()}
    config = said.get("tokenizer_config.json", {})
    if not vocabularies and config.get("tokenizer_class") not in _OF_BYTES:
        raise CorruptCheckpoint(
            f"the checkpoint {spec} has no tokenizer: neither tokenizer.json nor another vocabulary is in it. Get a "
            f"complete copy."
        )
    _check_added(spec, "tokenizer_config.json", *(config.get(name) for name in _ADDED))
    _check_added(spec, "added_tokens.json", said.get("added_tokens.json"))
    if (folder / "tokenizer.json").exists():
        _check_rules(spec, read_object(spec, folder / "tokenizer.json", _LARGEST_VOCABULARY))
    else:
        for path in vocabularies:
            check_no_pointer(spec, path)


def _check_sizes(spec: ModelSpec, files: list[Path], most: int) -> None:
    for path in files:
        if path.exists() and not path.is_dir() and not is_plain(path, path.stat()):
            raise CorruptCheckpoint(f"{spec}: {path.name} is a pipe or a device, not a file. Get a fresh copy.")
        if path.is_file() and path.stat().st_size > most:
            raise CorruptCheckpoint(
                f"{spec}: {path.name} has {path.stat().st_size:,} bytes; at most {most:,} are read. Get a fresh copy."
            )


def _check_rules(spec: ModelSpec, rules: dict[str, Any]) -> None:
    """Of a tokenizer.json."""
    if not isinstance(rules.get("model"), dict) or not isinstance(rules.get("added_tokens", []), list | None):
        raise CorruptCheckpoint(f"{spec}: tokenizer.json has no object model and list added_tokens. Get a fresh copy.")
    _check_added(spec, "tokenizer.json", rules.get("added_tokens"))
    for name, noun in (("vocab", "tokens"), ("merges", "merges")):
        given = rules["model"].get(name)
        if isinstance(given, dict | list) and len(given) > _MOST_TOKENS:
            raise CorruptCheckpoint(
                f"{spec}: tokenizer.json has {len(given):,} {noun}; at most {_MOST_TOKENS:,} are read. Get the tokenizer "
                f"that belongs to the model."
            )
    for name, given in rules.items():
        if name not in ("model", "added_tokens") and (parts := _parts(given)) > _MOST_RULES:
            raise CorruptCheckpoint(
                f"{spec}: the {name} in tokenizer.json has {parts:,} parts; {_MOST_RULES:,} at most are read. Get the "
                f"tokenizer that belongs to the model."
            )
    most = math.prod(max(1, len(text)) for text in _replacements(rules.get("normalizer")))
    if most > _MOST_CHARACTERS:
        raise CorruptCheckpoint(
            f"{spec}: the normalizer in tokenizer.json can make {most:,} characters of one; {_MOST_CHARACTERS:,} at most "
            f"are allowed. Get the tokenizer that belongs to the model."
        )


def _check_added(spec: ModelSpec, file: str, *lists: Any) -> None:
    for found in lists:
        if isinstance(found, list | dict) and len(found) > _MOST_ADDED:
            raise CorruptCheckpoint(
                f"{spec}: {file} adds {len(found):,} tokens to its vocabulary; at most {_MOST_ADDED:,} are read. Get the "
                f"tokenizer that belongs to the model."
            )


def _parts(rules: Any) -> int:
    """How many words and numbers it holds."""
    if not isinstance(rules, dict | list):
        return 1
    return sum(map(_parts, rules.values() if isinstance(rules, dict) else rules))


def _replacements(rules: Any) -> Iterator[str]:
    """What the normalizer of a tokenizer puts into a text."""
    if isinstance(rules, dict):
        yield from (rules[name] for name in ("content", "prepend") if isinstance(rules.get(name), str))
        rules = list(rules.values())
    if isinstance(rules, list):
        for each in rules:
            yield from _replacements(each)
