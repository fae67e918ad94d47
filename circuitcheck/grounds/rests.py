"""What a decision rests on: which prompts, which numbers on each, and the rule that made a verdict of them."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from circuitcheck.sampling import Basis, Design, Form, Grouping, Memberships, Noise, Search, Then

Values = NDArray[np.float64]
LONGEST = 200  # letters of a prompt's text
MOST_TEXTS = 512  # prompts whose texts are kept


@dataclass(frozen=True)
class StoredCell:
    """A metric of a view, in words: its `digest`, the `model` that it is of, and that model's `fingerprint`."""

    digest: str
    words: str
    model: str
    fingerprint: str


@dataclass(frozen=True, eq=False)
class PromptSet:
    """The first prompts of a stream: `digests` [prompt, 8] of text, answers and counterfactuals, whatever the tokenizer; the
    `texts` of the first of them, cut; their `labels`. `key` is that of task, stream and seed."""

    key: str
    task: str
    task_digest: str
    stream: str
    seed: int
    digests: NDArray[np.uint8]
    texts: tuple[str, ...]
    labels: Memberships

    def __len__(self) -> int:
        return len(self.digests)


@dataclass(frozen=True)
class Versus:
    """The rule of `beats`: `sets` were compared, at last. `form` and `floors` are those of the effect less that of a set,
    over the effect's own cells and then the set's; `values` [set, cell, prompt] are those of the sets, None where they are
    too many to keep."""

    design: Design
    share: float
    sizes: tuple[int, ...]
    all_sets: bool
    sets: int
    noun: str
    form: Form
    floors: tuple[Noise, ...]
    values: Values | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Since:
    """The rule of a change: the number less that of a claim of a baseline, called `then`, on the prompts that both measured.
    `cells` and `values` [cell, prompt] are what was measured then, `form` and `floors` how its number is made of it."""

    design: Design
    then: str
    cells: tuple[StoredCell, ...]
    form: Form
    floors: tuple[Noise, ...]
    values: Values = field(compare=False, repr=False)

    def then_of(self, cells: tuple[str, ...], grouping: Grouping) -> Then:
        """What the numbers of cells with these digests are compared with, judged by the `grouping` of now."""
        same = tuple(each.digest for each in self.cells) == cells
        return Then(Basis(self.form, self.floors, grouping, self.then), self.values, same)


Rule = Design | Search | Versus | Since


@dataclass(frozen=True, eq=False)
class Rests:
    """`values` [cell, prompt] of `cells`, on the prompts of a set; the first `fixed` of them were measured whatever came
    out. `asked` is a digest of what is measured, in words, without its models. `replayed`: the one prompt is a
    counterexample that was stored."""

    prompts: PromptSet
    cells: tuple[StoredCell, ...]
    values: Values
    basis: Basis
    rule: Rule
    fixed: int
    asked: str
    replayed: bool = False

    def first(self, n: int) -> Values:
        return self.values[:, :n]

    @property
    def grouped(self) -> Basis:
        """The basis with the labels that were stored."""
        return replace(self.basis, grouping=grouped_by(self.basis.grouping, self.prompts.labels))


def grouped_by(grouping: Grouping, labels: Memberships) -> Grouping:
    return replace(grouping, labels=labels.first)
