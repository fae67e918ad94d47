"""Dictionaries of features, as data: sparse autoencoders, which read and write one site, and transcoders, which read one and
write another. An engine holds their weights."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from circuitcheck.places.sites import Part, Site


@dataclass(frozen=True)
class MadeFor:
    """What a dictionary was trained on, None where nobody says: the `model` by name, the `processing` of its weights
    ("none" or "folded"), and whether prompts began with a BOS."""

    model: str | None = None
    processing: str | None = None
    prepend_bos: bool | None = None


@dataclass(frozen=True)
class DictionaryRef:
    """Which dictionary: how to load it again (`spec`, `name` in results) and the digest that it must then have, which covers
    its weights, its config and where it is attached. It has `width` features. `made_for` is what its config, or its user,
    says that it was made for: no value depends on it. `decoder_seed` says that its decoder was replaced by a random
    one."""

    spec: str = field(metadata={"digest": False})
    name: str = field(metadata={"digest": False})
    fingerprint: str
    reads: Site
    writes: Site
    width: int
    made_for: MadeFor = field(default=MadeFor(), metadata={"digest": False})
    decoder_seed: int | None = field(default=None, metadata={"digest": "if set"})

    @property
    def is_transcoder(self) -> bool:
        return self.reads != self.writes

    def __str__(self) -> str:
        return self.name if self.decoder_seed is None else f"{self.name} with random decoder {self.decoder_seed}"


@dataclass(frozen=True)
class Features:
    """Some of a dictionary's features, by number, sorted, each once."""

    dictionary: DictionaryRef
    numbers: tuple[int, ...]

    @property
    def parts(self) -> tuple[Part, ...]:
        """What controls exchange for others."""
        layer = self.dictionary.writes.layer
        return tuple(Part(layer, "feature", number, self.dictionary.name) for number in self.numbers)

    def __str__(self) -> str:
        return f"{self.dictionary}[{', '.join(runs(self.numbers))}]"


def runs(numbers: Iterable[int]) -> list[str]:
    """Numbers in words, three and more in a row as `4-9`."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][-1] + 1:
            found[-1].append(number)
        else:
            found.append([number])
    return [word for run in found for word in ([f"{run[0]}-{run[-1]}"] if len(run) > 2 else map(str, run))]
