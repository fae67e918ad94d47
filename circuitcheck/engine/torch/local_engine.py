"""The local engine: plans in, tables out."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from circuitcheck.digest import digest
from circuitcheck.engine.checkup import CheckUp
from circuitcheck.engine.protocol import DictionaryCard, Look, ModelCard, Reconstructed, Scanned, Table
from circuitcheck.engine.torch.dictionaries.dictionary import LoadedDictionary
from circuitcheck.engine.torch.dictionaries.fitting import check_fits
from circuitcheck.engine.torch.dictionaries.pool import DictionaryPool
from circuitcheck.engine.torch.dictionaries.reading import HUB
from circuitcheck.engine.torch.doctor import examine
from circuitcheck.engine.torch.fingerprints.numerics import numerics
from circuitcheck.engine.torch.loaded.model import LoadedModel
from circuitcheck.engine.torch.loaded.pool import ModelPool, TokenizerPool
from circuitcheck.engine.torch.loading.devices import memory_of, resolve_device
from circuitcheck.engine.torch.loading.tokenizer import HubTokenizer
from circuitcheck.engine.torch.loading.witness import files_digest, state_digest
from circuitcheck.engine.torch.running.composition import composition
from circuitcheck.engine.torch.running.direct_effect import direct_effect
from circuitcheck.engine.torch.running.encoding import encode, reconstruct
from circuitcheck.engine.torch.running.groups import USUAL
from circuitcheck.engine.torch.running.less_at_once import LessAtOnce
from circuitcheck.engine.torch.running.model_runs import Recordings
from circuitcheck.engine.torch.running.references import Directions, Means, kept_vectors, rendered
from circuitcheck.engine.torch.running.run import Run
from circuitcheck.engine.torch.running.scanning import scan, trace
from circuitcheck.errors import ModelChanged
from circuitcheck.models import BosPolicy, dictionary_folder, parse_spec
from circuitcheck.places import At, Position, Site, check_sites
from circuitcheck.plan import DictionaryRef, Direction, MadeFor, ModelRef, Plan, Scanning

Found = TypeVar("Found")
_PART_FOR_MEANS, _PART_FOR_RECORDINGS = 8, 16  # of the device's memory, at most
_DIRECTIONS = 1 << 26  # bytes, on the host
_ONE_AT_A_TIME = threading.RLock()  # hooks are on the model, where another thread's run would meet them


class LocalEngine:
    """Runs plans in this process, one at a time whatever the thread. `device` is where a model goes that a plan names and
    nobody has loaded yet; `cache` is the folder for converted GGUF files, None for none. Unless it is `fast`, every pass is
    run whole."""

    def __init__(
        self, device: str = "auto", memory_budget: int | None = None, cache: Path | None = None, *, fast: bool = True
    ) -> None:
        self._device, self._fast = device, fast
        self._pool = ModelPool(memory_budget, cache)
        self._tokenizers = TokenizerPool(cache)
        self._dictionaries = DictionaryPool()
        memory = memory_of(resolve_device(device))
        self._means = Means(memory // _PART_FOR_MEANS, lambda means: means.bytes)
        self._recordings = Recordings(memory // _PART_FOR_RECORDINGS, lambda recording: recording.bytes)
        self._directions = Directions(_DIRECTIONS, lambda vectors: sum(each.nbytes for each in vectors.values()))
        self._at_once: LessAtOnce[Any] = LessAtOnce(lambda: self._recordings.drop(lambda _: True))

    def load(self, spec: str, *, dtype: str, device: str, bos: BosPolicy) -> ModelCard:
        with _ONE_AT_A_TIME:
            return self._pool.load(parse_spec(spec, dtype=dtype, bos=bos), device).card

    def adopt(self, instance: object, *, bos: BosPolicy) -> ModelCard:
        with _ONE_AT_A_TIME:
            return self._pool.adopt(instance, bos).card

    def card(self, ref: ModelRef) -> ModelCard:
        return self._pool.get(ref, self._device).card

    def tokenizer(self, ref: ModelRef) -> HubTokenizer:
        """That of a model in memory; else one read without weights. Raises ModelChanged where the spec now has another."""
        if self._pool.holds(ref.fingerprint) or not ref.tokenizer:
            return self._pool.get(ref, self._device).tokenizer
        found = self.tokenizer_of(ref.spec, bos=ref.bos)  # type: ignore[arg-type]
        if found.fingerprint != ref.tokenizer:
            raise ModelChanged(
                f"{ref.spec} now has the tokenizer {found.fingerprint}, and had {ref.tokenizer} when it was loaded: prompts "
                f"would be others. Load it again."
            )
        return found

    def tokenizer_of(self, spec: str, *, bos: BosPolicy) -> HubTokenizer:
        """Read without weights; only a model object's comes with the object. Raises ModelUnavailable, CorruptCheckpoint,
        BadSpec."""
        parsed = parse_spec(spec, bos=bos)
        with _ONE_AT_A_TIME:
            if parsed.kind == "instance":
                return self._pool.load(parsed, self._device).tokenizer
            return self._tokenizers.get(parsed)

    def numerics(self, device: str) -> Mapping[str, str]:
        return {**numerics(resolve_device(device)), "passes": "shortened" if self._fast else "whole"}

    def witness(self, spec: str, *, dtype: str, device: str, bos: BosPolicy) -> str | None:
        parsed, where = parse_spec(spec, dtype=dtype, bos=bos), resolve_device(device)
        seen = files_digest(parsed)
        return None if seen is None else digest((seen, parsed, str(where), numerics(where)))

    def dictionary_witness(self, spec: str) -> str | None:
        seen = None if spec.startswith(HUB) else state_digest(dictionary_folder(spec))
        return None if seen is None else digest((seen, numerics(torch.device("cpu"))))

    def verify(self, ref: ModelRef) -> None:
        """Read every weight of a model that is still loaded again. Raises ModelChanged."""
        self._pool.verify(ref)

    def examine(self, ref: ModelRef) -> CheckUp:
        """The doctor's checks. Raises ModelChanged for a model with somebody's hooks, or changed weights."""
        with _ONE_AT_A_TIME:
            loaded = self._pool.get(ref, self._device)
            loaded.check_unchanged()
            return examine(loaded)

    def run(self, plan: Plan, rows: range) -> Table:
        """Measure `rows` of a plan, prompts of about one length together, `plan.batch` at a time. The same plan and rows
        give the same bits; in other company a prompt's value moves by rounding, which the session measures."""
        with _ONE_AT_A_TIME:
            return self._run(plan, lambda run: run.table(rows))

    def look(self, plan: Plan, rows: range) -> Look:
        """Raises BadTask for sites of prompts that differ in token count."""
        with _ONE_AT_A_TIME:
            return self._run(plan, lambda run: run.look(rows))

    def attach(
        self, spec: object, *, reads: Site | None, writes: Site | None, made_for: MadeFor, transcoder: bool | None
    ) -> DictionaryCard:
        with _ONE_AT_A_TIME:
            return self._dictionaries.attach(spec, reads=reads, writes=writes, given=made_for, transcoder=transcoder).card

    def check_fits(self, dictionary: DictionaryRef, model: ModelRef) -> None:
        with _ONE_AT_A_TIME:
            check_fits(self._dictionaries.get(dictionary).card, self._pool.get(model, self._device))

    def encode(self, plan: Plan, dictionary: DictionaryRef, rows: range, at: Position) -> NDArray[np.float32]:
        """Raises UnknownPosition, BadDictionary."""
        return self._encoding(plan, dictionary, rows, partial(encode, at=at))

    def reconstruct(self, plan: Plan, dictionary: DictionaryRef, rows: range, at: At) -> Reconstructed:
        """Raises UnknownPosition, BadDictionary."""
        return self._encoding(plan, dictionary, rows, partial(reconstruct, at=at))

    def _encoding(self, plan: Plan, dictionary: DictionaryRef, rows: range, what: Callable[..., Found]) -> Found:
        with _ONE_AT_A_TIME, torch.no_grad():
            loaded, found = self._fitting(plan.model, dictionary)
            return what(loaded, found, rendered(plan, loaded, plan.prompts, rows), batch=plan.batch)

    def direct_effect(
        self, model: ModelRef, dictionary: DictionaryRef, strengths: Mapping[int, float]
    ) -> NDArray[np.float64]:
        with _ONE_AT_A_TIME, torch.no_grad():
            loaded, found = self._fitting(model, dictionary)
            effect: NDArray[np.float64] = direct_effect(loaded, found, strengths).numpy()
            return effect

    def scan(self, asked: Scanning, model: ModelRef, dictionary: DictionaryRef, batch: int) -> Scanned:
        with _ONE_AT_A_TIME, torch.no_grad():
            loaded, found = self._fitting(model, dictionary)
            scanned = scan(loaded, found, asked, batch)
            loaded.check_unchanged()
            return scanned

    def trace(
        self,
        model: ModelRef,
        dictionary: DictionaryRef,
        texts: Sequence[tuple[int, ...]],
        numbers: Sequence[int],
        batch: int,
    ) -> tuple[NDArray[np.float32], ...]:
        with _ONE_AT_A_TIME, torch.no_grad():
            return trace(*self._fitting(model, dictionary), texts, numbers, batch)

    def composition(self, model: ModelRef, kind: Literal["Q", "K", "V"]) -> NDArray[np.float64]:
        with _ONE_AT_A_TIME, torch.no_grad():
            scores: NDArray[np.float64] = composition(self._pool.get(model, self._device), kind).numpy()
            return scores

    def vectors(self, direction: Direction) -> dict[int, NDArray[np.float64]]:
        with _ONE_AT_A_TIME, torch.no_grad():
            loaded = self._pool.get(direction.model, self._device)
            loaded.check_unchanged()
            found = kept_vectors(direction, loaded, self._directions)
            return {layer: vector.cpu().numpy() for layer, vector in found.items()}

    def write_norms(self, dictionary: DictionaryRef) -> NDArray[np.float64]:
        with _ONE_AT_A_TIME, torch.no_grad():
            found: NDArray[np.float64] = self._dictionaries.get(dictionary).directions().double().norm(dim=1).cpu().numpy()
            return found

    def dictionary(self, ref: DictionaryRef) -> object:
        """sae_lens's own."""
        return self._dictionaries.get(ref).sae

    def inner(self, ref: ModelRef) -> object:
        """A TransformerBridge or HookedTransformer."""
        return self._pool.get(ref, self._device).model

    def _fitting(self, model: ModelRef, dictionary: DictionaryRef) -> tuple[LoadedModel, LoadedDictionary]:
        """A model, unchanged, and a dictionary on its device. Raises ModelChanged, BadDictionary."""
        loaded = self._pool.get(model, self._device)
        loaded.check_unchanged()
        found = self._dictionaries.get(dictionary, loaded.device)
        check_fits(found.card, loaded)
        return loaded, found

    def _run(self, plan: Plan, what: Callable[[Run], Found]) -> Found:
        refs = {ref for cell in plan.cells for ref in cell.dictionaries}
        cards = [self._dictionaries.get(ref).card for ref in refs]  # one that was changed is no fault of the model's
        try:
            return self._run_unchanged(plan, cards, what)
        except ModelChanged:
            self._pool.forget(plan.model)
            raise

    def _run_unchanged(self, plan: Plan, dictionaries: Sequence[DictionaryCard], what: Callable[[Run], Found]) -> Found:
        loaded = self._pool.get(plan.model, self._device)
        loaded.check_unchanged()
        for card in dictionaries:
            check_fits(card, loaded)
        for view in {cell.view.digest: cell.view for cell in plan.cells}.values():
            for intervention in view.interventions:
                places = [site for site, _ in intervention.writes] + [need.site for need in intervention.needs]
                places += intervention.reads
                check_sites(places, loaded.card.architecture)
        self._means.drop(lambda key: not self._pool.holds(key[0]))
        self._recordings.drop(lambda key: not self._pool.holds(key[0]))
        recordings = self._recordings if self._fast else None

        def work(halvings: int) -> Found:
            smaller, at_once = replace(plan, batch=max(1, plan.batch >> halvings)), USUAL.halved(halvings)
            caches = self._means, self._directions, self._dictionaries, recordings
            with torch.no_grad():
                return what(Run(loaded, smaller, *caches, at_once=at_once))

        found: Found = self._at_once.done(work, plan.model.fingerprint, plan.model)
        loaded.check_unchanged()
        return found
