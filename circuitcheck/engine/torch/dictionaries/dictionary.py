"""A dictionary in memory: what it reads is encoded, what it gives back decoded."""

import copy
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor

from circuitcheck.digest import digest
from circuitcheck.engine.protocol import DictionaryCard
from circuitcheck.engine.torch.dictionaries.attaching import made_for, sites_of
from circuitcheck.engine.torch.dictionaries.reading import read_dictionary
from circuitcheck.engine.torch.fingerprints.fingerprint import digest_of, weights_digest
from circuitcheck.engine.torch.fingerprints.recorded_state import RecordedState, modules_of
from circuitcheck.engine.torch.sites.shapes import Activations, AtIndex
from circuitcheck.engine.torch.transfer.sending import sent
from circuitcheck.errors import BadDictionary
from circuitcheck.places import Site
from circuitcheck.plan import DictionaryRef, MadeFor

_FEW = 1 / 8  # of the features
_NOT_COMPUTED = ("device", "dtype", "metadata")
_PER_FEATURE = {"W_dec": 0, "W_enc": 1, "b_enc": 0, "threshold": 0}  # the axis of features


@dataclass
class LoadedDictionary:
    """`sae` is sae_lens's own, on the model's device, in float32. `last` remembers the last values that were encoded, and
    decoded, with what came of them: for one run, in which the weights stay what they are. None remembers nothing. On a GPU
    nothing is remembered, for the host would wait there to compare values. `state` is what must not change while it is in
    our hands."""

    sae: Any
    card: DictionaryCard
    state: RecordedState
    last: dict[str, tuple[Tensor, Tensor]] | None = None

    def for_one_run(self) -> "LoadedDictionary":
        """The same, which remembers: a kernel, its proof and passes side by side ask for the same values."""
        return replace(self, last={})

    def move_to(self, device: torch.device) -> None:
        self.sae.to(device=device)
        self.state = RecordedState.of(self.sae)

    def check_unchanged(self) -> None:
        """Raises ModelChanged."""
        self.state.check(modules_of(self.sae), self.card.ref)

    def encode(self, values: AtIndex) -> Activations:
        """Activations [index, feature] of values [index, d_in]."""
        self._check(values)
        return self._remembered("encoded", values, lambda: self.sae.encode(values.float()))

    def decode(self, activations: Activations, values: AtIndex) -> AtIndex:
        """[index, d_out] of activations [index, feature], with the norms that `values`, which were encoded, had."""
        if self.card.fingerprint["normalize_activations"] == "none":
            return self._remembered("decoded", activations, lambda: self.sae.decode(activations))
        self.sae.encode(values.float())  # sae_lens keeps a value's norm until the next decoding
        decoded: AtIndex = self.sae.decode(activations)
        return decoded

    def _remembered(self, name: str, given: Tensor, what: Callable[[], Tensor]) -> Tensor:
        if self.last is None or given.device.type != "cpu":
            return what()
        before, found = self.last.get(name, (None, None))
        if before is None or found is None or before.shape != given.shape or not torch.equal(before, given):
            found = what()
            self.last[name] = given.clone(), found
        return found.clone()

    def change(self, before: Activations, after: Activations, values: AtIndex, features: Sequence[int]) -> AtIndex:
        """[index, d_out]: what the decoded values change by, where no others than `features` change. Of few it is the sum of
        their own rows."""
        if len(features) > _FEW * before.shape[1] or self.card.fingerprint["normalize_activations"] != "none":
            return self.decode(after, values) - self.decode(before, values)
        numbers = sent(features, before.device, torch.long)
        change: AtIndex = (after[:, numbers] - before[:, numbers]) @ self.directions(features)
        return change

    def reconstruct(self, activations: Activations, values: AtIndex) -> AtIndex:
        """[index, d_out]: what is decoded, and of a skip transcoder what goes past the features."""
        decoded = self.decode(activations, values)
        skip = getattr(self.sae, "W_skip", None)
        return decoded if skip is None else decoded + values.float() @ skip.T

    def directions(self, numbers: Sequence[int] | None = None) -> Tensor:
        """[feature, d_out]: what one unit of each feature writes, of all without `numbers`; the decoder's bias is no part of
        it."""
        rows = self.sae.W_dec
        if numbers is not None:
            rows = rows[sent(numbers, rows.device, torch.long)]
        by_norm = getattr(self.sae.cfg, "rescale_acts_by_decoder_norm", False)  # its decoder divides by these
        directions: Tensor = rows / rows.norm(dim=1, keepdim=True).clamp(min=1e-8) if by_norm else rows
        return directions

    def _check(self, values: AtIndex) -> None:
        if values.dim() != 2 or values.shape[1] != self.card.d_in:
            raise BadDictionary(
                f"{self.card.ref} reads {self.card.d_in} numbers at {self.card.ref.reads}, and meets {values.shape[-1]} "
                f"there: it was made for another model or site."
            )


def load_dictionary(
    spec: object, *, reads: Site | None, writes: Site | None, given: MadeFor, transcoder: bool | None
) -> LoadedDictionary:
    """Raises BadDictionary, CorruptCheckpoint, ModelUnavailable."""
    sae = read_dictionary(spec)
    name = _name(spec)
    _check_weights(name, sae)
    is_transcoder = hasattr(sae.cfg, "d_out")
    if transcoder not in (None, is_transcoder):
        right, asked = ("cc.transcoder", "cc.sae") if is_transcoder else ("cc.sae", "cc.transcoder")
        raise BadDictionary(f"{name} is of the architecture {sae.cfg.architecture()!r}: use {right}, not {asked}.")
    where = sites_of(name, sae.cfg.metadata, reads, writes, transcoder=is_transcoder)
    weights = weights_digest(sae)
    purpose = made_for(sae.cfg.metadata, given)
    parts = {
        "weights": weights,
        "config": digest(_config(sae)),
        "architecture": sae.cfg.architecture(),
        "normalize_activations": sae.cfg.normalize_activations,
        "reads": str(where[0]),
        "writes": str(where[1]),
        "sae-lens": version("sae-lens"),
    }
    text = spec if isinstance(spec, str) else f"instance:{weights[:12]}"
    ref = DictionaryRef(text, name, digest_of(parts), *where, int(sae.cfg.d_sae), purpose)
    d_out = int(getattr(sae.cfg, "d_out", sae.cfg.d_in))
    card = DictionaryCard(ref, sae.cfg.architecture(), int(sae.cfg.d_in), d_out, parts)
    return LoadedDictionary(sae, card, RecordedState.of(sae))


def with_random_decoder(loaded: LoadedDictionary, seed: int) -> LoadedDictionary:
    """The same encoder, and decoder rows of the same norms in directions drawn uniformly: what a dictionary does whose
    features write nothing in particular. Its features fire where they did."""
    sae = copy.deepcopy(loaded.sae)
    rows = sae.W_dec.detach()
    number = int(hashlib.blake2b(f"decoder {seed}".encode(), digest_size=8).hexdigest(), 16) >> 1
    drawn = torch.randn(rows.shape, generator=torch.Generator().manual_seed(number)).to(rows)
    sae.W_dec.data = drawn * (rows.norm(dim=1, keepdim=True) / drawn.norm(dim=1, keepdim=True))
    ref = replace(loaded.card.ref, decoder_seed=seed)
    return LoadedDictionary(sae, replace(loaded.card, ref=ref), RecordedState.of(sae))


def _name(spec: object) -> str:
    if isinstance(spec, str):
        return spec.rstrip("/").rsplit("/", 1)[-1] or spec
    metadata = spec.cfg.metadata  # type: ignore[attr-defined]
    return f"SAE of {metadata.hook_name}" if metadata.hook_name else "SAE object"


def _config(sae: Any) -> dict[str, str]:
    return {name: repr(value) for name, value in vars(sae.cfg).items() if name not in _NOT_COMPUTED}


def _check_weights(name: str, sae: Any) -> None:
    """Raises BadDictionary for numbers that are none, or shapes that are not those of its config."""
    width = int(sae.cfg.d_sae)
    for tensor_name, tensor in sae.named_parameters():
        if not tensor.isfinite().all():
            raise BadDictionary(f"{name}: {tensor_name} holds numbers that are not finite. Get a fresh copy.")
        axis = _PER_FEATURE.get(tensor_name)
        if axis is not None and tensor.shape[axis] != width:
            raise BadDictionary(
                f"{name}: its config says d_sae={width}, and {tensor_name} has the shape {tuple(tensor.shape)}. Get the "
                f"config that belongs to these weights."
            )
