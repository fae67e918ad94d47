"""What a dictionary makes of tokens of prompts, in the untouched model."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from circuitcheck.engine.protocol import Reconstructed
from circuitcheck.engine.torch.dictionaries.dictionary import LoadedDictionary
from circuitcheck.engine.torch.dictionaries.slices import rows_of_site
from circuitcheck.engine.torch.loaded.model import LoadedModel
from circuitcheck.engine.torch.sites.batch import Batch, by_size, in_parts
from circuitcheck.engine.torch.sites.forward import activations
from circuitcheck.engine.torch.sites.shapes import AtIndex, Index
from circuitcheck.places import At, Position
from circuitcheck.prompts import Prompt


def encode(
    loaded: LoadedModel, dictionary: LoadedDictionary, prompts: tuple[Prompt, ...], at: Position, batch: int
) -> NDArray[np.float32]:
    """[prompt, feature]: activations at one token of each."""
    found = np.zeros((len(prompts), dictionary.card.ref.width), dtype=np.float32)
    for indices, _, read, _ in _values(loaded, dictionary, prompts, (at,), batch):
        found[indices] = dictionary.encode(read).cpu().numpy()
    return found


def reconstruct(
    loaded: LoadedModel, dictionary: LoadedDictionary, prompts: tuple[Prompt, ...], at: At, batch: int
) -> Reconstructed:
    """Over the tokens `at` of each prompt."""
    count, width = len(prompts), dictionary.card.d_out
    sums = {name: np.zeros(count) for name in ("tokens", "error", "square", "active")}
    total, fires = np.zeros((count, width)), np.zeros(dictionary.card.ref.width, dtype=bool)
    for indices, rows, read, written in _values(loaded, dictionary, prompts, at, batch):
        encoded = dictionary.encode(read)
        wide, missed = written.double(), written.double() - dictionary.reconstruct(encoded, read).double()
        of_tokens = {
            "tokens": torch.ones(len(rows), dtype=torch.float64),
            "error": missed.square().sum(1),
            "square": wide.square().sum(1),
            "active": (encoded != 0).sum(1).double(),
        }
        for name, values in of_tokens.items():
            np.add.at(sums[name], np.array(indices)[rows.cpu().numpy()], values.cpu().numpy())
        np.add.at(total, np.array(indices)[rows.cpu().numpy()], wide.cpu().numpy())
        fires |= (encoded != 0).any(0).cpu().numpy()
    return Reconstructed(total=total, fires=fires, **sums)


def _values(
    loaded: LoadedModel, dictionary: LoadedDictionary, prompts: tuple[Prompt, ...], at: At, batch: int
) -> Iterator[tuple[list[int], Index, AtIndex, AtIndex]]:
    """Batch by batch: which prompts; for each token, which of these it is of; and [token, ...] what the dictionary reads and
    what it stands for."""
    ref = dictionary.card.ref
    wanted = {(site.kind, site.layer) for site in (ref.reads, ref.writes)}
    for indices in in_parts(by_size(prompts, "logits"), batch):
        part = Batch(tuple(prompts[i] for i in indices), loaded.device)
        kept = activations(loaded.model, part.tokens("clean"), wanted)
        rows, columns = part.where(at)
        read, written = (rows_of_site(site, kept[site.kind, site.layer], rows, columns) for site in (ref.reads, ref.writes))
        yield indices, rows, read, written
