"""Which model stands in the place of which."""

from collections.abc import Sequence

from circuitcheck.text import repeated, shown


def replaced_models(given: Sequence[str]) -> dict[str, str]:
    """{old spec: new spec} of OLD=NEW. Raises ValueError for what is none, and for an old one that is there twice."""
    pairs = [tuple(part.strip() for part in each.partition("=")) for each in given]
    for (old, equals, new), text in zip(pairs, given, strict=True):
        if not (old and equals and new and old.isprintable() and new.isprintable()):
            raise ValueError(f"{shown(text)}: expected OLD=NEW, two model specs, as in gpt2=./my-checkpoint.")
    twice = repeated(old for old, _, _ in pairs)
    if twice:
        raise ValueError(f"{twice[0]!r} is replaced twice: give one model in its place.")
    return {old: new for old, _, new in pairs}
