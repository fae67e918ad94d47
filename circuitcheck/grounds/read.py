"""What a result rests on, read back from a report."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from circuitcheck.errors import BadRecord
from circuitcheck.grounds.rests import PromptSet, Rests, Rule, Since, StoredCell, Values, Versus
from circuitcheck.packed import unpack, unpack_texts
from circuitcheck.sampling import Basis, Combination, Design, Form, Grouping, Kind, Memberships, Noise, Search

Record = Mapping[str, Any]


class Measured:
    """The prompts and numbers of one claim, by key, each read once."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = {record["key"]: record for record in records}
        self._sets: dict[str, PromptSet] = {}

    def rests(self, record: Record) -> Rests:
        """What a comparison's `rests_on` stands for. Raises BadRecord where it does not fit together."""
        try:
            held = self._records[record["measured"]]
            prompts = self._prompts(held)
            cells = {each["digest"]: number for number, each in enumerate(held["cells"])}
            numbers = [cells[digest] for digest in record["cells"]]
            form = form_of(record["form"], len(numbers))
            floors = floors_of(record["floors"], len(numbers))
            values = _stacked([unpack(held["values"][number]) for number in numbers])
            if len(values[0]) > len(prompts):
                raise ValueError("there are more values than prompts")
            grouping = Grouping(prompts.labels.first, tuple(record["clusters"]), record["has_units"], record["what"])
            return Rests(
                prompts,
                tuple(StoredCell(**held["cells"][number]) for number in numbers),
                values,
                Basis(form, floors, grouping, record["label"]),
                rule_of(record["rule"]),
                record["fixed"],
                record["asked"],
                record["replayed"],
            )
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise BadRecord(f"what the result rests on cannot be read: {error}.") from error

    def _prompts(self, held: Record) -> PromptSet:
        if held["key"] not in self._sets:
            digests = unpack(held["digests"])
            labels = Memberships(*(_labels(held[name], len(digests)) for name in ("templates", "second", "units")))
            if digests.shape != (held["prompts"], 8):
                raise ValueError("there are not as many digests as prompts")
            self._sets[held["key"]] = PromptSet(
                held["key"],
                held["task"],
                held["task_digest"],
                held["stream"],
                held["seed"],
                digests,
                unpack_texts(held["texts"]),
                labels,
            )
        return self._sets[held["key"]]


def form_of(record: Record, cells: int) -> Form:
    """Raises ValueError for cells that are not there."""
    kinds = tuple(
        Kind(None if each["bounds"] is None else tuple(each["bounds"]), each["binary"]) for each in record["kinds"]
    )
    parts = [_combination(record[name], cells) for name in ("numerator", "denominator", "times")]
    if len(kinds) != cells or parts[0] is None:
        raise ValueError("the expression is of other cells")
    return Form(kinds, parts[0], parts[1], parts[2], record["cut"], record["q"])


def floors_of(record: Sequence[Sequence[float]], cells: int) -> tuple[Noise, ...]:
    if len(record) != cells:
        raise ValueError("there is not one noise floor for each cell")
    return tuple(Noise(*each) for each in record)


def rule_of(record: Record) -> Rule:
    kind, rest = record["kind"], {name: value for name, value in record.items() if name != "kind"}
    if kind == "looks":
        return Design(**rest)
    if kind == "search":
        return Search(**rest)
    if kind == "since":
        return _since(rest)
    sets = None if rest["values"] is None else unpack(rest["values"])
    cells = len(rest["form"]["kinds"])
    rest |= {
        "design": rule_of(rest["design"]),
        "form": form_of(rest["form"], cells),
        "floors": floors_of(rest["floors"], cells),
        "sizes": tuple(rest["sizes"]),
        "values": sets,
    }
    return Versus(**rest)


def _since(rest: dict[str, Any]) -> Since:
    cells = tuple(StoredCell(**each) for each in rest["cells"])
    values = unpack(rest["values"])
    if values.ndim != 2 or len(values) != len(cells):
        raise ValueError("there is not one row of earlier numbers for each cell")
    form, floors = form_of(rest["form"], len(cells)), floors_of(rest["floors"], len(cells))
    design = rule_of(rest["design"])
    if not isinstance(design, Design):
        raise ValueError("a change is decided by another rule")
    return Since(design, rest["then"], cells, form, floors, values)


def _combination(record: Record | None, cells: int) -> Combination | None:
    if record is None:
        return None
    terms = tuple((float(k), int(cell)) for k, cell in record["terms"])
    if any(not 0 <= cell < cells for _, cell in terms):
        raise ValueError("the expression names a cell that is not there")
    return Combination(terms, float(record["constant"]))


def _stacked(rows: Sequence[Values]) -> Values:
    """Cells of one comparison, on the prompts that all of them have."""
    n = min(len(row) for row in rows)
    return np.stack([row[:n] for row in rows])


def _labels(record: Record | None, n: int) -> tuple[str, ...]:
    if record is None:
        return ("",) * n
    names, of = unpack_texts(record["names"]), unpack(record["of"])
    if of.shape != (n,) or (n and of.max() >= len(names)):
        raise ValueError("there is not one label for each prompt")
    return tuple(names[number] for number in of)
