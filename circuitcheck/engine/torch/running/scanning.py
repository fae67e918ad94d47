"""One pass of the untouched model over running text, of which a dictionary's features are summarised: each piece is run
once, together with others of its length, and every token of it but the BOS is a row."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from circuitcheck.engine.protocol import Scanned
from circuitcheck.engine.torch.dictionaries.dictionary import LoadedDictionary
from circuitcheck.engine.torch.dictionaries.slices import rows_of_site
from circuitcheck.engine.torch.loaded.model import LoadedModel
from circuitcheck.engine.torch.running.tally import Firings, Tally
from circuitcheck.engine.torch.sites.forward import activations
from circuitcheck.engine.torch.sites.shapes import Activations, AtIndex
from circuitcheck.errors import BadDictionary
from circuitcheck.plan import Scanning
from circuitcheck.prompts.corpora import Piece, pieces_of

_AT_ONCE = 1 << 22  # activations that are in memory together
_WAITING = 32  # batches of pieces that wait for others of their length


@dataclass(frozen=True, eq=False)
class _Asked:
    """What is asked of activations, as indices on their device; `pairs` [2, pair] are places among their `members`."""

    members: Tensor
    pairs: Tensor
    sums: tuple[tuple[Tensor, Tensor], ...]

    @classmethod
    def of(cls, asked: Scanning, device: torch.device) -> "_Asked":
        sums = tuple(
            (
                torch.tensor([number for number, _ in each], device=device),
                torch.tensor([strength for _, strength in each], device=device, dtype=torch.float32),
            )
            for _, each in asked.sums
        )
        members = sorted({number for pair in asked.pairs for number in pair})
        places = [[members.index(number) for number in pair] for pair in asked.pairs]
        whole = partial(torch.tensor, dtype=torch.long, device=device)
        return cls(whole(members), whole(places).reshape(-1, 2).T, sums)

    def both(self, found: Activations) -> NDArray[np.int64]:
        """[pair]: at how many of the indices both features fire."""
        fires = found[:, self.members] != 0
        left, right = self.pairs
        return np.asarray((fires[:, left] & fires[:, right]).sum(dim=0).cpu().numpy(), dtype=np.int64)

    def added(self, found: Activations) -> Activations:
        """[index, sum]."""
        columns = [found[:, numbers] @ strengths for numbers, strengths in self.sums]
        return torch.stack(columns, dim=1) if columns else found[:, :0]


def scan(loaded: LoadedModel, dictionary: LoadedDictionary, asked: Scanning, batch: int) -> Scanned:
    """Raises BadTask, BadDictionary for activations that are no finite numbers."""
    width, wanted = dictionary.card.ref.width, _Asked.of(asked, loaded.device)
    tally = Tally(width + len(asked.sums), top=asked.top, pairs=len(asked.pairs), predicates=len(asked.where))
    counted = _Counted(pieces_of(asked.corpus, loaded.tokenizer, asked.stream, tuple(each for _, each in asked.where)))
    for group in of_one_length(counted, batch):
        read = read_of(loaded, dictionary, [each.tokens for each in group], group[0].bos)
        rows = _Rows.of(group)
        for part in _steps(len(read), dictionary):
            tally.add(_firings(dictionary.encode(read[part]), wanted, rows.part(part), dictionary))
    return tally.scanned(counted.documents, counted.pieces)


def trace(
    loaded: LoadedModel, dictionary: LoadedDictionary, texts: Sequence[tuple[int, ...]], numbers: Sequence[int], batch: int
) -> tuple[NDArray[np.float32], ...]:
    """Of each text, [token, number]; those of one length are run together."""
    found: dict[int, NDArray[np.float32]] = {}
    lengths = [len(tokens) for tokens in texts]
    for length in sorted(set(lengths)):
        mine = [index for index, each in enumerate(lengths) if each == length]
        for start in range(0, len(mine), batch):
            group = mine[start : start + batch]
            read = read_of(loaded, dictionary, [texts[index] for index in group], 0)
            parts = [dictionary.encode(read[part])[:, list(numbers)].float().cpu() for part in _steps(len(read), dictionary)]
            found.update(zip(group, torch.cat(parts).reshape(len(group), length, -1).numpy(), strict=True))
    return tuple(found[index] for index in range(len(texts)))


def _steps(rows: int, dictionary: LoadedDictionary) -> Iterator[slice]:
    """So many rows at a time that their activations take little memory."""
    step = max(1, _AT_ONCE // dictionary.card.ref.width)
    return (slice(start, start + step) for start in range(0, rows, step))


def of_one_length(pieces: Iterable[Piece], batch: int) -> Iterator[list[Piece]]:
    """`batch` pieces of one token count at a time, in memory that is bounded: where too many wait, the most are run."""
    waiting: dict[int, list[Piece]] = {}
    count = 0
    for piece in pieces:
        mine = waiting.setdefault(len(piece.tokens), [])
        mine.append(piece)
        count += 1
        if len(mine) == batch or count > _WAITING * batch:
            length = len(piece.tokens) if len(mine) == batch else max(waiting, key=lambda each: len(waiting[each]))
            group = waiting.pop(length)
            count -= len(group)
            yield group
    yield from (waiting[length] for length in sorted(waiting))


def read_of(loaded: LoadedModel, dictionary: LoadedDictionary, texts: Sequence[tuple[int, ...]], bos: int) -> AtIndex:
    """[index, d_in]: what the dictionary reads at each token after the first `bos` of texts of one length, text by text."""
    site = dictionary.card.ref.reads
    tokens = torch.tensor(texts, device=loaded.device)
    kept = activations(loaded.model, tokens, {(site.kind, site.layer)})
    rows, columns = torch.ones_like(tokens[:, bos:]).nonzero(as_tuple=True)
    return rows_of_site(site, kept[site.kind, site.layer], rows, columns + bos)


class _Counted:
    """Pieces that pass by, and how many there were, of how many documents."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self._pieces, self.pieces, self.documents = pieces, 0, 0

    def __iter__(self) -> Iterator[Piece]:
        for piece in self._pieces:
            self.pieces += 1
            self.documents += piece.start == 0
            yield piece


@dataclass(frozen=True, eq=False)
class _Rows:
    """Where each of some tokens is."""

    documents: NDArray[np.int64]
    positions: NDArray[np.int64]
    chosen: NDArray[np.bool_]

    @classmethod
    def of(cls, group: Sequence[Piece]) -> "_Rows":
        own = group[0].own
        starts = np.array([piece.start for piece in group], dtype=np.int64)
        documents = np.array([piece.document for piece in group], dtype=np.int64)
        chosen = np.concatenate([piece.chosen for piece in group], axis=1)
        return cls(np.repeat(documents, own), (starts[:, None] + np.arange(own)).reshape(-1), chosen)

    def part(self, which: slice) -> "_Rows":
        return _Rows(self.documents[which], self.positions[which], self.chosen[:, which])


def _firings(found: Activations, asked: _Asked, where: _Rows, dictionary: LoadedDictionary) -> Firings:
    """Raises BadDictionary for activations that are no finite numbers."""
    added = asked.added(found)
    placed = [(part.nonzero(as_tuple=True), part, shift) for part, shift in ((found, 0), (added, found.shape[1]))]
    rows = torch.cat([index[0] for index, _, _ in placed])
    columns = torch.cat([index[1] + shift for index, _, shift in placed])
    values = torch.cat([part[index].float() for index, part, _ in placed])
    if not bool(values.isfinite().all()):
        bad = int(rows[~values.isfinite()][0])
        raise BadDictionary(
            f"{dictionary.card.ref} has an activation that is no finite number at token {where.positions[bad] + 1} of "
            f"document {where.documents[bad] + 1}: does the model give finite values there in this dtype?"
        )
    return Firings(
        rows.cpu().numpy(),
        columns.cpu().numpy(),
        values.cpu().numpy(),
        where.documents,
        where.positions,
        where.chosen,
        asked.both(found),
    )
