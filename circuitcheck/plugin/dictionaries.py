"""The dictionaries that a claim names, `@cc.claim(..., saes={"query": SPEC})`; --circuit-sae puts others in their place."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from circuitcheck.claims import Claim, NamedDictionary
from circuitcheck.plugin.options import SAE, given_saes
from circuitcheck.quantities import Dictionary
from circuitcheck.quantities.dictionaries import attach_any
from circuitcheck.text import suggestion


class ClaimDictionaries(Mapping[str, Dictionary]):
    """By name, each loaded when it is first asked for: `saes["query"][1669, 3489]`."""

    def __init__(self, named: Mapping[str, NamedDictionary]) -> None:
        self._specs = named
        self._loaded: dict[str, Dictionary] = {}

    def __getitem__(self, name: str) -> Dictionary:
        """Raises KeyError for a name that the claim does not give."""
        if name not in self._specs:
            names = ", ".join(map(repr, self._specs)) or "none"
            raise KeyError(f"the claim names no dictionary {name!r}; saes= has {names}.{suggestion(name, self._specs)}")
        if name not in self._loaded:
            named = self._specs[name]
            self._loaded[name] = attach_any(named.spec, **dict(named.arguments))
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)


def specs_of(config: pytest.Config, claim: Claim | None) -> dict[str, NamedDictionary]:
    """The claim's own, but for those that the command line, or the ini file, gives others for."""
    instead = given_saes(config)
    return {each.name: replace(each, spec=instead.get(each.name, each.spec)) for each in (claim.saes if claim else ())}


def check_names(config: pytest.Config, claims: list[Claim]) -> None:
    """Raises UsageError for a name on the command line that no claim has."""
    there = {each.name for claim in claims for each in claim.saes}
    for name in given_saes(config):
        if claims and name not in there:
            raise pytest.UsageError(
                f"{SAE.flag} {name}=...: no claim that was collected names a dictionary {name!r}; they name "
                f"{', '.join(sorted(there)) or 'none'}.{suggestion(name, there)}"
            )
