"""Which model is meant: specs, read without loading anything."""

from circuitcheck.models.dictionaries import bundled_dictionaries, dictionary_folder
from circuitcheck.models.spec import ALIASES, BUNDLED, INSTANCE_PREFIX, BosPolicy, ModelSpec, SpecKind, parse_spec

__all__ = [
    "ALIASES",
    "BUNDLED",
    "INSTANCE_PREFIX",
    "BosPolicy",
    "ModelSpec",
    "SpecKind",
    "bundled_dictionaries",
    "dictionary_folder",
    "parse_spec",
]
