"""What one pass over running text found of a dictionary's features, as a user holds it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitcheck.arguments import known_arguments
from circuitcheck.engine.protocol import Scanned
from circuitcheck.errors import BadIntervention, BadTask
from circuitcheck.given import checked_whole, whole_of
from circuitcheck.plan import ModelRef, Scanning
from circuitcheck.plan.scanning import bin_edges
from circuitcheck.quantities.dictionaries import Dictionary, FeatureSet
from circuitcheck.quantities.promoted import Effects, extremes
from circuitcheck.quantities.questions.html import escape_code, table
from circuitcheck.quantities.scanned.batches import write_batch
from circuitcheck.quantities.scanned.effects import effects_of, read_report
from circuitcheck.quantities.scanned.examples import Wanted, examples_of
from circuitcheck.quantities.scanned.page import FeaturePage, write_pages
from circuitcheck.quantities.scanned.record import FeatureRecord
from circuitcheck.quantities.scanned.shown import Cofiring, Example, Histogram, halves
from circuitcheck.session import current_session
from circuitcheck.text import counted, shown, suggestion

Of = int | str | Mapping[int, float] | FeatureSet  # a feature, or a sum of features that was scanned
Tokens = Iterable[tuple[str, float]]
_TOKENS = 10  # promoted, and as many suppressed
Promoted = Mapping[int, Tokens] | Callable[[int], Tokens]  # of a feature, by number, (token, effect)
_TOGETHER = 32  # features whose examples are in memory together
_IN_SUMMARY = 5
_ON_PAGE = 15


@dataclass(frozen=True, repr=False, eq=False)
class Scan:
    """A summary of every feature of a `dictionary` over the texts of a corpus, in the untouched `model`: every token is a
    row, the BOS none. A feature fires where its activation is not 0. Made by `cc.scan`.

    Features are named by number, by a set of one (`q[7]`), and sums that were asked for by their name or strengths."""

    model: ModelRef
    dictionary: Dictionary
    _asked: Scanning = field(repr=False)
    _found: Scanned = field(repr=False)

    @property
    def tokens(self) -> int:
        """How many tokens were read, without any BOS."""
        return self._found.tokens

    @property
    def documents(self) -> int:
        """How many documents they are of."""
        return self._found.documents

    @cached_property
    def rates(self) -> NDArray[np.float64]:
        """[feature]: the share of tokens on which each fires."""
        found = np.asarray(self._found.fires[: self.dictionary.width] / self.tokens)
        found.setflags(write=False)
        return found

    @property
    def alive(self) -> float:
        """The share of features that fire on any token."""
        return float((self.rates > 0).mean())

    @known_arguments
    def fires(self, of: Of, where: str | None = None) -> int:
        """On how many tokens it fires: of all, or of those that the predicate called `where` chooses. Raises
        BadIntervention, BadTask."""
        column = self._column(of)
        found = self._found.fires if where is None else self._found.where_fires[self._predicate(where)]
        return int(found[column])

    @known_arguments
    def rate(self, of: Of, where: str | None = None) -> float:
        """The share of tokens on which it fires: of all, or of those that the predicate called `where` chooses (its recall;
        NaN where it chooses none). Raises BadIntervention, BadTask."""
        tokens = self.tokens if where is None else int(self._found.where_tokens[self._predicate(where)])
        fires = self.fires(of, where)
        return fires / tokens if tokens else float("nan")

    @known_arguments
    def precision(self, of: Of, where: str) -> float:
        """Of the tokens on which it fires, the share that the predicate called `where` chooses; NaN where it never fires.
        Raises BadIntervention, BadTask."""
        fires = self.fires(of)
        return self.fires(of, where) / fires if fires else float("nan")

    def mean(self, of: Of) -> float:
        """The mean activation of the tokens on which it fires; NaN where it never does."""
        column = self._column(of)
        fires = int(self._found.fires[column])
        return float(self._found.total[column]) / fires if fires else float("nan")

    def largest(self, of: Of) -> float:
        """Its largest activation; NaN where it never fires."""
        found = float(self._found.largest[self._column(of)])
        return found if np.isfinite(found) else float("nan")

    def histogram(self, of: Of) -> Histogram:
        """Of the sizes of its activations where it fires."""
        return Histogram(bin_edges(), self._found.histogram[self._column(of)])

    @known_arguments
    def top(self, of: Of, k: int | None = None) -> tuple[Example, ...]:
        """Its `k` largest activations (None: all that the scan kept), largest first, with the texts around them, which are
        read and run again. Raises BadTask for more than the scan kept, BadIntervention."""
        return self._examples([self._column(of)], k)[0]

    def cofiring(self, one: int, other: int) -> Cofiring:
        """How often two features fire on the same token. Raises BadTask for a pair that the scan was not asked for."""
        first, second = self._column(one), self._column(other)
        asked = {pair: place for place, pair in enumerate(self._asked.pairs)}
        place = asked.get((min(first, second), max(first, second)))
        if place is None:
            raise BadTask(
                f"this scan did not count where {first} and {second} fire together: name the pair, "
                f"cc.scan(..., pairs=[({first}, {second})])."
            )
        fires = self._found.fires
        return Cofiring((first, second), int(self._found.both[place]), int(fires[first]), int(fires[second]), self.tokens)

    def summary(self) -> str:
        """In words: what was read, how much of the dictionary is alive, and which features fire most."""
        return "\n".join(f"{label}: {words}" for label, words in self._facts())

    @known_arguments
    def record(self, number: int, k: int | None = None, *, promoted: Promoted | None = None) -> FeatureRecord:
        """A feature as the files of other tools have it, with its `k` largest examples. Raises BadIntervention, BadTask."""
        return next(self._records([self._feature(number)], k, promoted))

    @known_arguments
    def to_neuronpedia(self, number: int, k: int | None = None, *, promoted: Promoted | None = None) -> dict[str, Any]:
        """A feature as Neuronpedia's `/api/feature/{model}/{layer}-{dictionary}/{number}` gives it: builtins, ready for
        `json.dump`. `cc.FeatureRecord.from_neuronpedia` reads it. Raises BadIntervention, BadTask."""
        return self.record(number, k, promoted=promoted).to_neuronpedia()

    @known_arguments
    def write_batches(
        self,
        folder: str | PathLike[str],
        features: Iterable[int] | FeatureSet | None = None,
        k: int | None = None,
        *,
        per_batch: int = 128,
        promoted: Promoted | None = None,
    ) -> tuple[Path, ...]:
        """Features (None: all that fire) into sae-dashboard's files `batch-0.json`, `batch-1.json`, ..., `per_batch` in
        each, with the `k` largest examples of each, whose pieces are run again. `cc.read_batches` reads them. Raises
        OSError, BadIntervention, BadTask."""
        size = checked_whole("write_batches(): per_batch", per_batch, BadTask)
        numbers = np.flatnonzero(self.rates > 0).tolist() if features is None else self._features(features)
        return tuple(
            write_batch(Path(fspath(folder)), place, list(self._records(numbers[start : start + size], k, promoted)))
            for place, start in enumerate(range(0, len(numbers), size))
        )

    @known_arguments
    def page(
        self,
        features: Of | Iterable[int],
        folder: str | PathLike[str],
        *,
        promoted: Promoted | None = None,
        claims: str | PathLike[str] | None = None,
        k: int | None = None,
    ) -> Path:
        """Static pages of features in a folder: `index.html`, whose path it gives, and `feature-N.html` of each, with an
        activation histogram, the `k` (15) largest examples, how often it fires, the tokens that it promotes along the
        direct path to the logits (or `promoted`, by number or a function of it: (token, effect)), and what became of the
        claims that name it (`claims`, a report that `pytest --circuit-report PATH.json` wrote). They need no script and no
        network.

        Raises BadIntervention, BadTask, BadRecord for a report that is none, OSError.
        """
        numbers = self._features(features)
        report = None if claims is None else read_report(claims)
        most = min(_ON_PAGE, self._asked.top) if k is None else k
        examples = self._examples(numbers, most)
        pages = [self._page(number, found, promoted, report) for number, found in zip(numbers, examples, strict=True)]
        title = f"Features of {self.dictionary.ref}"
        return write_pages(Path(fspath(folder)), title, self._facts(), pages)

    def __repr__(self) -> str:
        return (
            f"<scan of {self.dictionary.ref} over {self._asked.corpus.name} ({self._asked.stream} stream): "
            f"{counted(self.tokens, 'token')} of {counted(self.documents, 'document')}, {self.alive:.1%} of features alive>"
        )

    def _repr_html_(self) -> str:
        rows = [(escape_code(label), escape_code(words)) for label, words in self._facts()]
        return table(escape_code(f"scan of {self.dictionary.ref}"), rows)

    def _facts(self) -> list[tuple[str, str]]:
        asked, most = self._asked, np.argsort(-self.rates, kind="stable")[:_IN_SUMMARY]
        often = ", ".join(f"{number} ({self.rates[number]:.2%})" for number in most if self.rates[number])
        wheres = [
            (f"tokens {name}", f"{int(count):,} ({count / self.tokens:.2%})")
            for (name, _), count in zip(asked.where, self._found.where_tokens, strict=True)
        ]
        ref = self.dictionary.ref
        return [
            ("dictionary", f"{ref}: {ref.width:,} features that read {ref.reads} of {self.model}"),
            ("read", f"{counted(self.tokens, 'token')} of {counted(self.documents, 'document')} of {asked.corpus.name}"),
            ("stream", asked.stream),
            ("alive", f"{self.alive:.2%} of features fire"),
            ("features per token", f"{float(self.rates.sum()):.4g} on average"),
            ("fire most", often or "none"),
            *wheres,
        ]

    def _page(
        self, number: int, examples: Sequence[Example], promoted: Promoted | None, report: Mapping[str, Any] | None
    ) -> FeaturePage:
        name = self.dictionary.ref.name
        up, down = self._effects(promoted, number)
        named = [
            (each, int(self._found.where_tokens[place]), self.fires(number, each))
            for place, (each, _) in enumerate(self._asked.where)
        ]
        return FeaturePage(
            number=number,
            name=f"{name}[{number}]",
            facts=self._facts_of(number),
            histogram=self.histogram(number),
            firing=[("all", self.tokens, self.fires(number)), *named],
            examples=examples,
            promoted=up,
            suppressed=down,
            effects=() if report is None else effects_of(report, name, number),
        )

    def _effects(self, given: Promoted | None, number: int) -> tuple[Effects, Effects]:
        """Tokens that a feature raises, and that it lowers, most first: those given, else along the direct path to the
        logits; none of features of a site without one."""
        if given is not None:
            return halves(tuple(given(number) if callable(given) else given.get(number, ())))
        try:
            effect = current_session().engine.direct_effect(self.model, self.dictionary.ref, {number: 1.0})
        except BadIntervention:
            return (), ()
        return extremes(effect, self.model, _TOKENS)

    def _facts_of(self, number: int) -> list[tuple[str, str]]:
        return [
            ("fires on", f"{self.rate(number):.3%}"),
            ("mean where it fires", f"{self.mean(number):.4g}"),
            ("largest", f"{self.largest(number):.4g}"),
            ("read", f"{counted(self.tokens, 'token')} of {self._asked.corpus.name}, {self._asked.stream} stream"),
            ("dictionary", f"{self.dictionary.ref.spec}, {self.dictionary.ref.fingerprint}"),
        ]

    def _records(self, numbers: Sequence[int], k: int | None, promoted: Promoted | None) -> Iterator[FeatureRecord]:
        ref = self.dictionary.ref
        for start in range(0, len(numbers), _TOGETHER):
            part = numbers[start : start + _TOGETHER]
            for number, examples in zip(part, self._examples(part, k), strict=True):
                up, down = self._effects(promoted, number)
                yield FeatureRecord(
                    number=number,
                    model=self.model.spec,
                    layer=ref.reads.layer,
                    dictionary=ref.name,
                    rate=self.rate(number),
                    bars=tuple((middle, float(count)) for middle, count in self.histogram(number).bars),
                    promoted=up,
                    suppressed=down,
                    examples=tuple(map(_as_recorded, examples)),
                    dataset=self._asked.corpus.name,
                    pieces=self._found.forward_passes,
                    context=self._asked.corpus.context,
                )

    def _examples(self, columns: Sequence[int], k: int | None) -> list[tuple[Example, ...]]:
        kept = self._asked.top
        count = kept if k is None else checked_whole("k", k, BadTask)
        if count > kept:
            raise BadTask(f"this scan kept the {kept} largest of each feature, not {count}: cc.scan(..., top={count}).")
        wanted = [Wanted(self._strengths(column), self._places(column, count)) for column in columns]
        return examples_of(self._asked.corpus, self.model, self.dictionary.ref, wanted)

    def _places(self, column: int, count: int) -> tuple[tuple[float, int, int], ...]:
        found = (self._found.top_values, self._found.top_documents, self._found.top_positions)
        values, documents, positions = (each[column, :count].tolist() for each in found)
        return tuple(each for each in zip(values, documents, positions, strict=True) if each[1] >= 0)

    def _strengths(self, column: int) -> tuple[tuple[int, float], ...]:
        width = self.dictionary.width
        return ((column, 1.0),) if column < width else self._asked.sums[column - width][1]

    def _features(self, given: Of | Iterable[int]) -> list[int]:
        """Raises BadIntervention for what are no features."""
        if isinstance(given, FeatureSet):
            self._check_dictionary(given)
            return list(given.numbers)
        if isinstance(given, Iterable) and not isinstance(given, str | Mapping):
            return list(self.dictionary[given].numbers)
        return [self._feature(given)]

    def _feature(self, given: object) -> int:
        return self._column(given) if isinstance(given, FeatureSet) else self.dictionary[given].numbers[0]  # type: ignore[index]

    def _column(self, of: object) -> int:
        """Raises BadIntervention for what is no feature, and no sum that was scanned."""
        if isinstance(of, FeatureSet):
            self._check_dictionary(of)
            if len(of) != 1:
                raise BadIntervention(f"{of} are {len(of)} features; name one, or a sum: cc.scan(..., sums=...).")
            return of.numbers[0]
        if isinstance(of, str | Mapping):
            return self.dictionary.width + self._sum(of)
        return self._feature(of) if whole_of(of) is not None else self._no_feature(of)

    def _no_feature(self, of: object) -> int:
        raise BadIntervention(f"{shown(of)} is no feature of {self.dictionary.ref}; expected a number, such as 7.")

    def _sum(self, of: "str | Mapping[int, float]") -> int:
        for place, (name, strengths) in enumerate(self._asked.sums):
            if of == name or (isinstance(of, Mapping) and dict(of) == dict(strengths)):
                return place
        names = [name for name, _ in self._asked.sums]
        said = suggestion(of, names) if isinstance(of, str) else ""
        raise BadIntervention(
            f"this scan has no sum {shown(of)}; it has {', '.join(names) or 'none'}.{said} A sum needs a pass of its own: "
            f"cc.scan(..., sums={{'name': {{7: 2.0, 9: 1.0}}}})."
        )

    def _check_dictionary(self, given: FeatureSet) -> None:
        if given.plan.dictionary != self.dictionary.ref:
            raise BadIntervention(f"{given} are features of another dictionary; this is a scan of {self.dictionary.ref}.")

    def _predicate(self, name: str) -> int:
        names = [each for each, _ in self._asked.where]
        if name not in names:
            raise BadTask(
                f"this scan has no predicate {shown(name)}; it has {', '.join(names) or 'none'}."
                f"{suggestion(str(name), names)} Name it: cc.scan(..., where={{'after a quote': cc.after('!\"')}})."
            )
        return names.index(name)


def _as_recorded(example: Example) -> Example:
    """As files have it: the activation is that of its token, and no document is named."""
    return replace(example, value=example.activations[example.place], document=None, position=None)
