"""What a dictionary makes of one token of each prompt, in the untouched model."""

import numpy as np

from circuitcheck.engine.protocol import Encoded
from circuitcheck.engine.torch.dictionaries.dictionary import LoadedDictionary
from circuitcheck.engine.torch.dictionaries.slices import rows_of_site
from circuitcheck.engine.torch.loaded.model import LoadedModel
from circuitcheck.engine.torch.sites.batch import Batch, by_size
from circuitcheck.engine.torch.sites.forward import activations
from circuitcheck.places import Position
from circuitcheck.prompts import Prompt


def encode(
    loaded: LoadedModel, dictionary: LoadedDictionary, prompts: tuple[Prompt, ...], at: Position, batch: int
) -> Encoded:
    """Of `prompts`, in their order."""
    card = dictionary.card
    found = Encoded(
        np.zeros((len(prompts), card.ref.width), dtype=np.float32),
        np.zeros((len(prompts), card.d_out)),
        np.zeros((len(prompts), card.d_out)),
        len(prompts),
    )
    sites = (card.ref.reads, card.ref.writes)
    for group in by_size(prompts, "logits"):
        for start in range(0, len(group), batch):
            indices = group[start : start + batch]
            part = Batch(tuple(prompts[i] for i in indices), loaded.device)
            kept = activations(loaded.model, part.tokens("clean"), {(site.kind, site.layer) for site in sites})
            where = part.where((at,))
            read, written = (rows_of_site(site, kept[site.kind, site.layer], *where) for site in sites)
            encoded = dictionary.encode(read)
            found.activations[indices] = encoded.cpu().numpy()
            found.values[indices] = written.double().cpu().numpy()
            found.reconstructed[indices] = dictionary.reconstruct(encoded, read).double().cpu().numpy()
    return found
