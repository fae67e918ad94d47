"""What an engine is. A faster one, or one on other machines, only has to answer these calls."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from circuitcheck.engine.checkup import CheckUp
from circuitcheck.models import BosPolicy
from circuitcheck.places import Architecture, At, Position, Site
from circuitcheck.plan import DictionaryRef, Direction, MadeFor, ModelRef, Plan, Scanning
from circuitcheck.prompts import Tokenizer

VACUOUS = 1e-6


@dataclass(frozen=True)
class FeatureReceipt:
    """A feature's own activation before it was changed: prompt by prompt, the one farthest from 0 at the tokens in
    question."""

    feature: str
    activation: tuple[float, ...]

    @property
    def fires(self) -> int:
        """On how many prompts."""
        return sum(value != 0 for value in self.activation)


@dataclass(frozen=True)
class Receipt:
    """Proof that one intervention acted. `relative` holds, prompt by prompt, the norm of what was written minus what was
    there, over the larger of the two norms, all sites together. `idle` are those of `sites` in which no prompt changed.
    Where features of a dictionary are changed, `features` are their own receipts, and `output`, prompt by prompt, the norm
    of the change over that of what the dictionary gave out before. `digest` tells receipts apart that read alike."""

    digest: str
    model: str
    view: str
    intervention: str
    sites: tuple[str, ...]
    relative: tuple[float, ...]
    allow_vacuous: bool = False
    dtype: str = "float32"
    idle: tuple[str, ...] = ()
    features: tuple[FeatureReceipt, ...] = ()
    output: tuple[float, ...] = ()

    @property
    def prompts(self) -> int:
        return len(self.relative)

    @property
    def changed(self) -> int:
        """Prompts that changed by more than 1e-6 of their value."""
        return sum(change > VACUOUS for change in self.relative)

    @property
    def mean_relative_change(self) -> float:
        return sum(self.relative) / len(self.relative)

    @property
    def mean_output_change(self) -> float | None:
        """Of a dictionary's output, over prompts; None where no features were changed."""
        return sum(self.output) / len(self.output) if self.output else None

    def then(self, later: "Receipt") -> "Receipt":
        """The receipt for these rows and the ones that follow them."""
        idle = tuple(site for site in self.idle if site in later.idle)
        features = tuple(
            replace(mine, activation=mine.activation + theirs.activation)
            for mine, theirs in zip(self.features, later.features, strict=True)
        )
        relative, output = self.relative + later.relative, self.output + later.output
        return replace(self, relative=relative, idle=idle, features=features, output=output)

    def rows(self, window: slice) -> "Receipt":
        features = tuple(replace(each, activation=each.activation[window]) for each in self.features)
        return replace(self, relative=self.relative[window], features=features, output=self.output[window])


def on_most_prompts(receipts: Iterable[Receipt]) -> tuple[Receipt, ...]:
    """Each receipt once, in the order of the first; of several of one digest that on the most prompts."""
    found: dict[str, Receipt] = {}
    for each in receipts:
        if each.digest not in found or found[each.digest].prompts < each.prompts:
            found[each.digest] = each
    return tuple(found.values())


@dataclass(frozen=True)
class Work:
    """How passes were run, counted in prompts. `shortened` ones run only the layers and tokens that an intervention can
    change, `kept` ones are whole, for those to start from, and `whole` are all others; in how many `calls` of the model.
    `done` of `needed` are tokens times layers: what was run, of what whole passes would take. `why_whole` counts passes with
    interventions by what kept them from being shortened."""

    whole: int = 0
    kept: int = 0
    shortened: int = 0
    calls: int = 0
    done: int = 0
    needed: int = 0
    why_whole: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: "Work") -> "Work":
        return Work(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    def __sub__(self, other: "Work") -> "Work":
        return Work(*(getattr(self, each.name) - getattr(other, each.name) for each in fields(self)))


@dataclass(frozen=True, eq=False)
class Table:
    """`values` [cell, row] float64; `receipts` for each cell, one for each intervention of its view. `forward_passes`
    counts prompts run through the model, and `work` says how. `prompts` are digests of the rows' tokens, for who wants to
    compare; an engine that makes no prompts has none."""

    values: NDArray[np.float64]
    receipts: tuple[tuple[Receipt, ...], ...]
    forward_passes: int
    prompts: tuple[str, ...] = ()
    work: Work = field(default_factory=Work)


@dataclass(frozen=True, eq=False)
class Look:
    """What one run shows. `logits` [prompt, vocab] at each END; `values` of each site, [prompt, pos, ...] of its own part (a
    head's, a neuron's) or of the whole layer; both torch tensors in float32 on the CPU. One receipt for each
    intervention."""

    logits: Any
    values: Mapping[Site, Any]
    receipts: tuple[Receipt, ...]
    forward_passes: int


@dataclass(frozen=True, eq=False)
class Reconstructed:
    """How well a dictionary reconstructs, prompt by prompt, over the tokens looked at: how many (`tokens`), the sum of
    squared errors (`error`), of squares of the values (`square`), of the values themselves (`total` [prompt, d_out]) and of
    the numbers of active features (`active`). `fires` [feature] says which fire on any of them."""

    tokens: NDArray[np.float64]
    error: NDArray[np.float64]
    square: NDArray[np.float64]
    total: NDArray[np.float64]
    active: NDArray[np.float64]
    fires: NDArray[np.bool_]

    @property
    def variance(self) -> NDArray[np.float64]:
        """[prompt]: the sum of squared distances from the mean over all tokens of all prompts."""
        mean = self.total.sum(axis=0) / self.tokens.sum()
        found: NDArray[np.float64] = self.square - 2 * self.total @ mean + self.tokens * (mean @ mean)
        return found


@dataclass(frozen=True, eq=False)
class Scanned:
    """What one pass over running text found. Of `tokens`, a BOS never among them, in `documents`.

    A column is a feature, by number, and after the features a sum that was asked for. Of each column: the number of tokens
    on which it `fires` (is not 0), and there the `total` and the `largest` of its values (-inf where it never fires), and
    how many of their sizes are in each bin, `histogram` [column, bin] (`plan.scanning.bin_edges`). `top_values`,
    `top_documents` and `top_positions` [column, rank] are the largest values where it fires, largest first, earlier tokens
    first among equals, with the number of the document and of the token in it; -inf and -1 where there are no more. `both`
    [pair] counts tokens on which both fire; `where_tokens` [predicate] those that each chooses, `where_fires` [predicate,
    column] those of them on which a column fires."""

    tokens: int
    documents: int
    fires: NDArray[np.int64]
    total: NDArray[np.float64]
    largest: NDArray[np.float32]
    histogram: NDArray[np.int64]
    top_values: NDArray[np.float32]
    top_documents: NDArray[np.int64]
    top_positions: NDArray[np.int64]
    both: NDArray[np.int64]
    where_tokens: NDArray[np.int64]
    where_fires: NDArray[np.int64]
    forward_passes: int

    @property
    def bytes(self) -> int:
        return sum(each.nbytes for each in vars(self).values() if isinstance(each, np.ndarray))


@dataclass(frozen=True)
class ModelCard:
    """What is known of a loaded model without touching its weights. `fingerprint` names the parts that its digest covers."""

    ref: ModelRef
    architecture: Architecture
    fingerprint: Mapping[str, str] = field(hash=False)
    device: str


@dataclass(frozen=True)
class DictionaryCard:
    """What is known of a loaded dictionary without touching its weights. It reads `d_in` numbers and writes `d_out`;
    `architecture` is sae_lens's word. `fingerprint` names the parts that its digest covers."""

    ref: DictionaryRef
    architecture: str
    d_in: int
    d_out: int
    fingerprint: Mapping[str, str] = field(hash=False)


class Engine(Protocol):
    """`run` is idempotent: the same plan and rows give the same table, bit for bit, on the same machine. Tokenizers load no
    weights."""

    def load(self, spec: str, *, dtype: str, device: str, bos: BosPolicy) -> ModelCard:
        """The model of a spec. Raises ModelUnavailable, CorruptCheckpoint, BadSpec, UnknownDevice."""
        ...

    def adopt(self, instance: object, *, bos: BosPolicy) -> ModelCard:
        """A model object of the user's, as it is. Raises BadSpec for what is none."""
        ...

    def card(self, ref: ModelRef) -> ModelCard:
        """What is known of a model, loaded again if need be. Raises ModelChanged where its spec now gives another."""
        ...

    def tokenizer(self, ref: ModelRef) -> Tokenizer:
        """A model's."""
        ...

    def tokenizer_of(self, spec: str, *, bos: BosPolicy) -> Tokenizer:
        """A spec's."""
        ...

    def verify(self, ref: ModelRef) -> None:
        """Read every weight again. Raises ModelChanged."""
        ...

    def examine(self, ref: ModelRef) -> CheckUp:
        """The doctor's checks."""
        ...

    def run(self, plan: Plan, rows: range) -> Table:
        """Every cell of a plan on prompts `rows` of its stream, with a receipt for each intervention."""
        ...

    def look(self, plan: Plan, rows: range) -> Look:
        """What the only cell of a plan shows: logits at END, and the sites of its metric."""
        ...

    def attach(
        self, spec: object, *, reads: Site | None, writes: Site | None, made_for: MadeFor, transcoder: bool | None
    ) -> DictionaryCard:
        """The dictionary of a spec, at sites that are given or, where they are None, those of its own config; a
        `transcoder`, or none, or None for whichever it is. What `made_for` says comes before the config. Raises
        BadDictionary, CorruptCheckpoint, ModelUnavailable."""
        ...

    def check_fits(self, dictionary: DictionaryRef, model: ModelRef) -> None:
        """Raises BadDictionary for a dictionary of another width, base model, processing or BOS policy; UnknownSite."""
        ...

    def encode(self, plan: Plan, dictionary: DictionaryRef, rows: range, at: Position) -> NDArray[np.float32]:
        """[row, feature]: activations at the token `at` of prompts `rows` of a plan, whose cells do not matter, in the
        untouched model."""
        ...

    def reconstruct(self, plan: Plan, dictionary: DictionaryRef, rows: range, at: At) -> Reconstructed:
        """How well it reconstructs at the tokens `at` of prompts `rows` of a plan, whose cells do not matter."""
        ...

    def direct_effect(
        self, model: ModelRef, dictionary: DictionaryRef, strengths: Mapping[int, float]
    ) -> NDArray[np.float64]:
        """[vocab]: what features, by number with their strengths, add to the logits along the direct path, centred. Raises
        BadIntervention for a site without one."""
        ...

    def scan(self, asked: Scanning, model: ModelRef, dictionary: DictionaryRef, batch: int) -> Scanned:
        """One pass of the untouched model over a corpus' texts, `batch` pieces at a time, in memory that does not grow with
        them. Raises BadDictionary, BadTask."""
        ...

    def trace(
        self,
        model: ModelRef,
        dictionary: DictionaryRef,
        texts: Sequence[tuple[int, ...]],
        numbers: Sequence[int],
        batch: int,
    ) -> tuple[NDArray[np.float32], ...]:
        """Of each of some texts, given as token ids as the model reads them, the activations [token, number] of some
        features in the untouched model. Raises BadDictionary."""
        ...

    def composition(self, model: ModelRef, kind: Literal["Q", "K", "V"]) -> NDArray[np.float64]:
        """[layer, head, later layer, later head]: composition scores, NaN for pairs that are not in this order. Raises
        UnsupportedModel."""
        ...

    def vectors(self, direction: Direction) -> Mapping[int, NDArray[np.float64]]:
        """{layer: [d_model]}: a direction, in the model that it belongs to. Raises BadIntervention for one that points
        nowhere, BadTask."""
        ...

    def write_norms(self, dictionary: DictionaryRef) -> NDArray[np.float64]:
        """[feature]: the norm of what one unit of each feature writes."""
        ...

    def dictionary(self, ref: DictionaryRef) -> object:
        """The library's own dictionary, to look at."""
        ...

    def inner(self, ref: ModelRef) -> object:
        """The library's own model, to look at."""
        ...


class Repeatable(Protocol):
    """What an engine says besides, in its own class, so that later processes may use its values instead of measuring them
    again."""

    def numerics(self, device: str) -> Mapping[str, str]:
        """All that decides the values of a plan on a device and is no part of the model or the plan: versions, the code, the
        hardware, modes."""
        ...

    def witness(self, spec: str, *, dtype: str, device: str, bos: BosPolicy) -> str | None:
        """A digest of all that decides which model a spec gives, told without reading its weights. None where that cannot be
        told, or where a change could go unseen. Raises what loading does of a spec or a device that is none."""
        ...

    def dictionary_witness(self, spec: str) -> str | None:
        """The same of a dictionary's spec."""
        ...
