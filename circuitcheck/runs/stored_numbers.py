"""A baseline as a claim uses it: what each of its claims measured, to be taken from what is measured now."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from circuitcheck.arguments import known_arguments
from circuitcheck.errors import BadRecord
from circuitcheck.grounds.read import Measured
from circuitcheck.grounds.rests import Rests
from circuitcheck.quantities import StoredNumber
from circuitcheck.runs.baseline import claims_in
from circuitcheck.runs.reading import Record, claim_key, leaves_of
from circuitcheck.sampling import Design
from circuitcheck.text import printable, shown, suggestion


class Baseline(Mapping[str, StoredNumber]):
    """By id, or by id and model: `then["ioi.mover"]`, `then["ioi.mover[gpt2]"]`. A claim of several comparisons needs the
    number of one, from 1: `then["ioi.mover", 2]`."""

    def __init__(self, name: str, claims: Mapping[str, Record]) -> None:
        self._name, self._claims = name, claims

    def __getitem__(self, key: object) -> StoredNumber:
        """Raises BadRecord for a claim that is not there, or that has no such number."""
        asked, number = key if isinstance(key, tuple) and len(key) == 2 else (key, None)
        name = self._key_of(asked)
        leaves = list(leaves_of(self._claims[name]))
        if number is None and len(leaves) != 1:
            raise BadRecord(
                f"{name} of {self._name} makes {len(leaves)} comparisons; expected one, or its number from 1: "
                f"baseline[{name!r}, 1]."
            )
        place = 1 if number is None else number
        if not isinstance(place, int) or not 1 <= place <= len(leaves):
            raise BadRecord(f"{name} of {self._name} makes {len(leaves)} comparisons, and none is number {shown(number)}.")
        leaf = leaves[place - 1]
        called = f"{name} of {self._name}" if number is None else f"{name}, comparison {place}, of {self._name}"
        return StoredNumber(called, leaf["expression"], _rests(self._claims[name], leaf, called))

    def __iter__(self) -> Iterator[str]:
        return iter(self._claims)

    def __len__(self) -> int:
        return len(self._claims)

    def __repr__(self) -> str:
        return f"<baseline {self._name} of {len(self)} claims>"

    def _key_of(self, asked: object) -> str:
        if asked in self._claims:
            return str(asked)
        named = [key for key, claim in self._claims.items() if claim["id"] == asked]
        if len(named) == 1:
            return named[0]
        if named:
            raise BadRecord(f"{self._name} has {asked} of {len(named)} models; say of which: {', '.join(named)}.")
        ids = [*self._claims, *(str(claim["id"]) for claim in self._claims.values())]
        raise BadRecord(f"{self._name} has no claim {shown(asked)}.{suggestion(str(asked), ids)}")


@known_arguments
def baseline(path: str | Path) -> Baseline:
    """What the claims of a baseline measured (`pytest --circuit-baseline FILE --circuit-baseline-update new` writes one; a
    JSON report serves, too). `ioi.recovered(mover) - cc.baseline("base.json")["ioi.mover"] == cc.approx(0, abs=0.05)` claims
    that a number has not changed: paired by prompt, at the error of the claim, with the noise of both runs.

    Raises BadRecord for a file that is not there, damaged or edited.
    """
    file = Path(path)
    if not file.is_file():
        raise BadRecord(
            f"there is no baseline {printable(str(path))} (looked for in {printable(str(Path.cwd()))}): pytest "
            f"--circuit-baseline FILE --circuit-baseline-update new writes one."
        )
    return Baseline(printable(file.name), {claim_key(claim): claim for claim in claims_in(file)})


def _rests(claim: Record, leaf: Record, called: str) -> Rests:
    if leaf["rests_on"] is None:
        raise BadRecord(f"{called}: its numbers were not stored.")
    rests = Measured(claim["measured"]).rests(leaf["rests_on"])
    if not isinstance(rests.rule, Design):
        raise BadRecord(
            f"{called} ({leaf['expression']}) is no number that another could be taken from: it was decided by single "
            f"prompts, by other sets, or by a change."
        )
    if rests.fixed < 2:
        raise BadRecord(f"{called}: of its prompts, {rests.fixed} were measured whatever came out: too few to compare.")
    return rests
