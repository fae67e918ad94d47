"""Texts that mean something to whoever reads a page, in every field that may hold any text."""

from typing import Any

EVIL = "</style></script><script>alert(1)</script><img src=x onerror=alert(1)>\"' onload=x {{7*7}} {% raw %} &lt; @you #1 |`"
_WORDS = ("verdict", "expected", "relation", "scope", "groups", "shard", "n_more", "word")


def spoiled(found: Any, end: str = EVIL) -> Any:
    """The same with `end` at the end of every text, but for those that are one of a few words."""
    if isinstance(found, str):
        return found + end
    if isinstance(found, list):
        return [spoiled(each, end) for each in found]
    if isinstance(found, dict):
        return {name: each if name in _WORDS else spoiled(each, end) for name, each in found.items()}
    return found
