"""What is kept of each feature while texts pass by: numbers that are added up, and the few largest values. Its size is that
of the dictionary, however many tokens there are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitcheck.engine.protocol import Scanned
from circuitcheck.plan.scanning import BINS, bin_edges

_POSITIONS = 32  # bits: a place is a document's number and a token's in it
_LAST = np.int64(np.iinfo(np.int64).max)


@dataclass(frozen=True, eq=False)
class Firings:
    """Values that are not 0, of some tokens: value i is that of column `columns[i]` at token `rows[i]`. Of each token the
    `documents`' number, its `positions` in it, and whether each predicate chose it, `chosen` [predicate, token]; of each
    pair that was asked for, on how many of these tokens `both` fire."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: NDArray[np.float32]
    documents: NDArray[np.int64]
    positions: NDArray[np.int64]
    chosen: NDArray[np.bool_]
    both: NDArray[np.int64]


class Tally:
    """`columns` are features and sums of them."""

    def __init__(self, columns: int, *, top: int, pairs: int, predicates: int) -> None:
        self._columns, self._edges = columns, bin_edges()
        self.tokens = 0
        self._fires = np.zeros(columns, dtype=np.int64)
        self._total = np.zeros(columns)
        self._largest = np.full(columns, -np.inf, dtype=np.float32)
        self._histogram = np.zeros(columns * BINS, dtype=np.int64)
        self._best = Best(columns, top)
        self._both = np.zeros(pairs, dtype=np.int64)
        self._where_tokens = np.zeros(predicates, dtype=np.int64)
        self._where_fires = np.zeros((predicates, columns), dtype=np.int64)

    def add(self, seen: Firings) -> None:
        """Each token once, in any order: the same tokens give the same counts and the same largest values."""
        count = self._columns
        self.tokens += len(seen.documents)
        self._fires += np.bincount(seen.columns, minlength=count)
        self._total += np.bincount(seen.columns, weights=seen.values.astype(np.float64), minlength=count)
        np.maximum.at(self._largest, seen.columns, seen.values)
        bins = np.clip(np.searchsorted(self._edges, np.abs(seen.values.astype(np.float64)), side="right") - 1, 0, BINS - 1)
        np.add.at(self._histogram, seen.columns * BINS + bins, 1)
        self._best.take(seen.columns, seen.values, (seen.documents << _POSITIONS | seen.positions)[seen.rows])
        self._both += seen.both
        self._where_tokens += seen.chosen.sum(axis=1)
        for number, chosen in enumerate(seen.chosen):
            self._where_fires[number] += np.bincount(seen.columns[chosen[seen.rows]], minlength=count)

    def scanned(self, documents: int, forward_passes: int) -> Scanned:
        """Everything so far, which is then kept by a session, and so not to be written to."""
        found = self._scanned(documents, forward_passes)
        for each in vars(found).values():
            if isinstance(each, np.ndarray):
                each.setflags(write=False)
        return found

    def _scanned(self, documents: int, forward_passes: int) -> Scanned:
        empty = self._best.places == _LAST
        return Scanned(
            tokens=self.tokens,
            documents=documents,
            fires=self._fires,
            total=self._total,
            largest=self._largest,
            histogram=self._histogram.reshape(self._columns, BINS),
            top_values=self._best.values,
            top_documents=np.where(empty, -1, self._best.places >> _POSITIONS),
            top_positions=np.where(empty, -1, self._best.places & ((1 << _POSITIONS) - 1)),
            both=self._both,
            where_tokens=self._where_tokens,
            where_fires=self._where_fires,
            forward_passes=forward_passes,
        )


class Best:
    """The `top` largest values of each column, largest first, and among equals those of the first places."""

    def __init__(self, columns: int, top: int) -> None:
        self._top = top
        self.values = np.full((columns, top), -np.inf, dtype=np.float32)
        self.places = np.full((columns, top), _LAST, dtype=np.int64)

    def take(self, columns: NDArray[np.int64], values: NDArray[np.float32], places: NDArray[np.int64]) -> None:
        """Most values are below the smallest that is kept, and are left out at once."""
        large = values >= self.values[columns, -1]
        columns, values, places = columns[large], values[large], places[large]
        if not len(columns):
            return
        order = np.lexsort((places, -values, columns))
        columns, values, places = columns[order], values[order], places[order]
        met, firsts, which = np.unique(columns, return_index=True, return_inverse=True)
        ranks = np.arange(len(columns)) - firsts[which]
        kept = ranks < self._top
        fresh = np.full((len(met), self._top), -np.inf, dtype=np.float32)
        fresh_places = np.full((len(met), self._top), _LAST, dtype=np.int64)
        fresh[which[kept], ranks[kept]], fresh_places[which[kept], ranks[kept]] = values[kept], places[kept]
        self._merge(met, fresh, fresh_places)

    def _merge(self, met: NDArray[np.int64], fresh: NDArray[np.float32], places: NDArray[np.int64]) -> None:
        both = np.concatenate([self.values[met], fresh], axis=1)
        both_places = np.concatenate([self.places[met], places], axis=1)
        order = np.lexsort((both_places, -both), axis=-1)[:, : self._top]
        self.values[met] = np.take_along_axis(both, order, axis=1)
        self.places[met] = np.take_along_axis(both_places, order, axis=1)
