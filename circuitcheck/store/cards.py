"""What is known of a model, as an entry: so that it need not be loaded to be known."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from circuitcheck.engine.protocol import ModelCard
from circuitcheck.places import Architecture
from circuitcheck.plan import ModelRef
from circuitcheck.store.packing import Unreadable, pack, unpack

_PARTS = {"ref", "architecture", "fingerprint", "device"}


def pack_card(card: ModelCard) -> bytes:
    return pack(
        {
            "ref": asdict(card.ref),
            "architecture": asdict(card.architecture),
            "fingerprint": dict(card.fingerprint),
            "device": card.device,
        }
    )


def unpack_card(content: bytes) -> ModelCard:
    """Raises Unreadable for anything but a card."""
    said = unpack(content).header
    if set(said) != _PARTS or not isinstance(said["device"], str) or not _are_texts(said["fingerprint"]):
        raise Unreadable("it is no model's card")
    if not _are_texts(said["ref"]) or set(said["ref"]) != {each.name for each in fields(ModelRef)}:
        raise Unreadable("it names no model")
    return ModelCard(ModelRef(**said["ref"]), _architecture(said["architecture"]), said["fingerprint"], said["device"])


def _architecture(said: Any) -> Architecture:
    if not isinstance(said, Mapping) or set(said) != {each.name for each in fields(Architecture)}:
        raise Unreadable("its architecture has other fields")
    for each in fields(Architecture):
        wanted = (int, type(None)) if each.default is None else (bool,) if each.default is False else (int,)
        if type(said[each.name]) not in wanted:
            raise Unreadable(f"{each.name} of its architecture is of another type")
    return Architecture(**said)


def _are_texts(given: object) -> bool:
    return isinstance(given, Mapping) and all(isinstance(each, str) for pair in given.items() for each in pair)
