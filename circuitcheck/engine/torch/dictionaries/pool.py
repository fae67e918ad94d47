"""Loaded dictionaries, shared by everything in a session."""

from collections import OrderedDict
from contextlib import suppress
from dataclasses import replace

import torch

from circuitcheck.engine.torch.dictionaries.dictionary import LoadedDictionary, load_dictionary, with_random_decoder
from circuitcheck.engine.torch.dictionaries.reading import state_of
from circuitcheck.errors import BadDictionary, ModelChanged
from circuitcheck.places import Site
from circuitcheck.plan import DictionaryRef, MadeFor

_MOST = 64  # dictionaries; each takes its own memory, and a run needs a few


class DictionaryPool:
    """The least recently used go first; those of objects of the user's stay, since nothing could load them again."""

    def __init__(self) -> None:
        self._loaded: OrderedDict[DictionaryRef, LoadedDictionary] = OrderedDict()
        self._by_spec: dict[tuple[object, ...], DictionaryRef] = {}

    def attach(
        self, spec: object, *, reads: Site | None, writes: Site | None, given: MadeFor, transcoder: bool | None
    ) -> LoadedDictionary:
        key = (spec, state_of(spec), reads, writes, given, transcoder) if isinstance(spec, str) else None
        known = self._by_spec.get(key) if key else None
        if known is not None and known in self._loaded:
            with suppress(ModelChanged):  # what was changed in memory is read again from its files
                return self.get(known)
        found = self._keep(load_dictionary(spec, reads=reads, writes=writes, given=given, transcoder=transcoder))
        if key:
            self._by_spec[key] = found.card.ref
        return found

    def get(self, ref: DictionaryRef, device: torch.device | None = None) -> LoadedDictionary:
        """The dictionary that `ref` means, loaded again if need be. Raises ModelChanged if its spec now gives another, or
        somebody changed its weights: then it goes."""
        found = self._loaded.get(ref) or self._made(ref)
        self._loaded.move_to_end(ref)
        try:
            found.check_unchanged()
        except ModelChanged:
            del self._loaded[ref]
            raise
        if device is not None and found.sae.device != device:
            found.move_to(device)
        return found

    def _made(self, ref: DictionaryRef) -> LoadedDictionary:
        if ref.decoder_seed is not None:
            return self._keep(with_random_decoder(self.get(replace(ref, decoder_seed=None)), ref.decoder_seed))
        if ref.spec.startswith("instance:"):
            raise BadDictionary(f"{ref} is an SAE object that this session does not hold: give it to cc.sae again.")
        found = load_dictionary(
            ref.spec, reads=ref.reads, writes=ref.writes, given=ref.made_for, transcoder=ref.is_transcoder
        )
        if found.card.ref.fingerprint != ref.fingerprint:
            raise ModelChanged(
                f"{ref.spec} now has the fingerprint {found.card.ref.fingerprint}, and the plan was made for "
                f"{ref.fingerprint}: its files, or sae_lens, changed."
            )
        return self._keep(found)

    def _keep(self, loaded: LoadedDictionary) -> LoadedDictionary:
        self._loaded[loaded.card.ref] = loaded
        self._loaded.move_to_end(loaded.card.ref)
        spare = [ref for ref in self._loaded if not ref.spec.startswith("instance:")]
        for ref in spare[: max(0, len(self._loaded) - _MOST)]:
            del self._loaded[ref]
        return loaded
