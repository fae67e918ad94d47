"""Loaded models, shared by everything in a session and let go, least recently used first, beyond a memory budget."""

from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

from circuitcheck.engine.torch.loaded.model import LoadedModel, adopt, load
from circuitcheck.engine.torch.loading.checkpoints import FilesState, files_state, read_tokenizer
from circuitcheck.engine.torch.loading.devices import memory_of, resolve_device
from circuitcheck.engine.torch.loading.tokenizer import HubTokenizer
from circuitcheck.errors import BadSpec, ModelChanged, ModelUnavailable
from circuitcheck.models import INSTANCE_PREFIX, BosPolicy, ModelSpec, parse_spec
from circuitcheck.plan import ModelRef


class ModelPool:
    """`budget` in bytes of weights on one device; the model in use is kept whatever its size. Default: half of the memory
    of that device. `cache` is the folder for converted GGUF files."""

    def __init__(self, budget: int | None = None, cache: Path | None = None) -> None:
        self._budget, self._cache = budget, cache
        self._models: OrderedDict[str, LoadedModel] = OrderedDict()
        self._by_spec: dict[tuple[ModelSpec, FilesState], str] = {}

    def load(self, spec: ModelSpec, device: str) -> LoadedModel:
        """Raises BadSpec where this spec is already here on another device: its values would be taken for each other's."""
        if spec.kind == "instance":
            return self._instance(spec.source)
        key = (spec, files_state(spec))
        fingerprint = self._by_spec.get(key)
        if fingerprint is None or fingerprint not in self._models:
            model = load(spec, device, self._cache)
            self._by_spec[key] = model.card.ref.fingerprint
            return self._keep(model)
        found = self._use(fingerprint)
        if found.device != resolve_device(device):
            raise BadSpec(
                f"{spec} is already loaded on {found.device} in this session, and was asked for on {device}: use one device "
                f"in a session (`with cc.use_session(cc.Session()):` starts another)."
            )
        return found

    def adopt(self, instance: object, bos: BosPolicy) -> LoadedModel:
        return self._keep(adopt(instance, bos))

    def get(self, ref: ModelRef, device: str) -> LoadedModel:
        """The model that `ref` means, loaded again if need be. Raises ModelChanged if its spec now gives another."""
        if ref.fingerprint in self._models:
            return self._use(ref.fingerprint)
        model = self.load(parse_spec(ref.spec, dtype=ref.dtype, bos=ref.bos), device)  # type: ignore[arg-type]
        if model.card.ref.fingerprint != ref.fingerprint:
            raise ModelChanged(
                f"{ref.spec} now has the fingerprint {model.card.ref.fingerprint}, the plan was made for "
                f"{ref.fingerprint}: the weights, the tokenizer or a library changed. Make the plan anew."
            )
        return model

    def verify(self, ref: ModelRef) -> None:
        """Read the weights again, if they are still here. Raises ModelChanged."""
        if ref.fingerprint in self._models:
            self._models[ref.fingerprint].verify()

    def forget(self, ref: ModelRef) -> None:
        """A model that was changed: the next one who asks for its spec gets it from its files. An object of the caller's
        stays, for only he can mend it."""
        if not ref.spec.startswith(INSTANCE_PREFIX):
            self._models.pop(ref.fingerprint, None)

    def holds(self, fingerprint: str) -> bool:
        return fingerprint in self._models

    def _instance(self, name: str) -> LoadedModel:
        for fingerprint, model in self._models.items():
            if model.card.ref.spec == name:
                return self._use(fingerprint)
        raise ModelUnavailable(
            f"{name} was a model object of another process; only specs travel. Give a spec, or pass the object again."
        )

    def _keep(self, model: LoadedModel) -> LoadedModel:
        self._models[model.card.ref.fingerprint] = model
        self._models.move_to_end(model.card.ref.fingerprint)
        beside = {key: each for key, each in self._models.items() if each.device == model.device}
        budget = memory_of(model.device) // 2 if self._budget is None else self._budget
        for key in [key for key, each in beside.items() if not each.card.ref.spec.startswith(INSTANCE_PREFIX)]:
            if sum(each.bytes for each in beside.values()) <= budget or key == model.card.ref.fingerprint:
                break
            del beside[key]
            self._models[key].verify()
            del self._models[key]
        return model

    def _use(self, fingerprint: str) -> LoadedModel:
        self._models.move_to_end(fingerprint)
        return self._models[fingerprint]


class TokenizerPool:
    """Tokenizers by spec, read without weights, each once. `cache` is the folder for converted GGUF files."""

    def __init__(self, cache: Path | None = None) -> None:
        self._cache = cache
        self._by_spec: dict[tuple[ModelSpec, FilesState], HubTokenizer] = {}

    def get(self, spec: ModelSpec) -> HubTokenizer:
        """That of a checkpoint; weights, their dtype and their processing are nothing to it. Raises ModelUnavailable,
        CorruptCheckpoint, BadSpec."""
        plain = replace(spec, dtype="", processing="none")
        key = (plain, files_state(plain))
        if key not in self._by_spec:
            self._by_spec[key] = HubTokenizer(read_tokenizer(plain, self._cache), plain.bos, str(plain))
        return self._by_spec[key]
