"""A model in memory: read-only, fingerprinted, watched."""

import warnings
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import torch

from circuitcheck.engine.protocol import ModelCard
from circuitcheck.engine.torch.fingerprints.fingerprint import config_digest, digest_of, library_versions, weights_digest
from circuitcheck.engine.torch.fingerprints.recorded_state import RecordedState, check_no_torch_hooks, modules_of
from circuitcheck.engine.torch.loaded.faithful import check_faithful, run_bare
from circuitcheck.engine.torch.loaded.versions import wrapped_models
from circuitcheck.engine.torch.loading.checkpoints import Checkpoint, read_checkpoint
from circuitcheck.engine.torch.loading.devices import resolve_device, resolve_dtype
from circuitcheck.engine.torch.loading.reading import reading
from circuitcheck.engine.torch.loading.tokenizer import HubTokenizer
from circuitcheck.engine.torch.sites.forward import forward
from circuitcheck.engine.torch.sites.hooks import check_no_hooks
from circuitcheck.errors import BadSpec, CircuitCheckError, ModelChanged, UnsupportedModel
from circuitcheck.garbage import without_looking_for_garbage
from circuitcheck.memory import made_once
from circuitcheck.models import INSTANCE_PREFIX, BosPolicy, ModelSpec
from circuitcheck.places import Architecture
from circuitcheck.plan import ModelRef
from circuitcheck.text import a_kind, first_line

Made = TypeVar("Made")


@dataclass
class LoadedModel:
    """`model` is a TransformerBridge or a HookedTransformer; `recorded` tells whether somebody has changed it. `unlike_bare`
    is how far it is from the bare transformers model, None where there was none to compare with."""

    model: Any
    tokenizer: HubTokenizer
    card: ModelCard
    recorded: RecordedState = field(repr=False)
    unlike_bare: float | None = None
    made: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What is so of it in every run, as long as it is unchanged; a model that is loaded again has its own."""
        return made_once(self.made, key, make)

    @property
    def bytes(self) -> int:
        tensors = {tensor.data_ptr(): tensor for tensor in self.model.parameters()}
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())

    @property
    def device(self) -> torch.device:
        return torch.device(self.card.device)

    def check_unchanged(self) -> None:
        """The quick check, before and after every run. Raises ModelChanged."""
        check_no_hooks(self.model, self.card.ref)
        modules = modules_of(self.model)
        check_no_torch_hooks(modules, self.card.ref)
        self.recorded.check(modules, self.card.ref)

    def verify(self) -> None:
        """The thorough check: reads every weight. Raises ModelChanged."""
        self.check_unchanged()
        now = {"weights": weights_digest(self.model), "config": config_digest(self.model)}
        for part, digest in now.items():
            if digest != self.card.fingerprint[part]:
                what = "weights" if part == "weights" else "config or buffers"
                raise ModelChanged(f"the {what} of {self.card.ref} are not those that were loaded. Load it again.")


@without_looking_for_garbage()
def load(spec: ModelSpec, device_name: str, cache: Path | None = None) -> LoadedModel:
    """What GGUF files give is kept in the folder `cache`. Raises ModelUnavailable, CorruptCheckpoint, UnknownDevice; BadSpec
    for one that cannot be folded, UnsupportedModel for one that cannot be wrapped, UnsoundModel for one that is not the
    model in the file once it is."""
    device, dtype = resolve_device(device_name), resolve_dtype(spec.dtype)
    checkpoint = read_checkpoint(spec, dtype, cache)
    plain = checkpoint.model.to(device).eval()
    with reading(spec):
        bare = run_bare(plain, checkpoint.tokenizer)
    with _wrapping(spec, plain):
        bridge = _bridge(spec, checkpoint, device, dtype)
        difference = check_faithful(bridge, bare, spec)
    known = None if spec.processing == "folded" else checkpoint.digests
    loaded = _loaded(bridge, checkpoint.tokenizer, spec, spec.processing, weights_digest(bridge, known))
    return replace(loaded, unlike_bare=difference)


def _bridge(spec: ModelSpec, checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype) -> Any:
    """TransformerLens' own, in eval mode. Raises BadSpec where it cannot be folded as the spec says."""
    from transformer_lens.model_bridge import TransformerBridge

    from circuitcheck.engine.torch.loaded.observed_norms import observe_norms

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        bridge = TransformerBridge.boot_transformers(
            checkpoint.location, hf_model=checkpoint.model, tokenizer=checkpoint.tokenizer, device=device, dtype=dtype
        )
    bridge.eval()
    if spec.processing == "folded":
        _fold(bridge)
    bridge.requires_grad_(False)
    observe_norms(bridge)
    return bridge


@contextmanager
def _wrapping(spec: ModelSpec, model: Any) -> Iterator[None]:
    """What TransformerLens raises for a layout that it does not know, in words. Memory that ran out says nothing of it."""
    try:
        yield
    except (CircuitCheckError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise UnsupportedModel(
            f"TransformerLens cannot run {spec}, a {type(model).__name__} with this config: {type(error).__name__}: "
            f"{first_line(error)} Its list of models says which layouts it knows; claims need one of these."
        ) from error


def _fold(bridge: Any) -> None:
    """Value biases stay where they are: folded away, a head's output would no longer hold its own, and zero ablation would
    take away less than the head. Raises BadSpec for an architecture whose norms cannot be folded."""
    if not getattr(bridge.adapter, "supports_fold_ln", True):
        raise BadSpec(f"the norms of a {type(bridge.original_model).__name__} cannot be folded: leave +folded out.")
    try:
        bridge.enable_compatibility_mode(disable_warnings=True, fold_value_biases=False)
    except (RuntimeError, NotImplementedError) as error:
        raise BadSpec(f"this model cannot be folded ({error}): leave +folded out.") from error


def adopt(instance: Any, bos: BosPolicy) -> LoadedModel:
    """Take in a TransformerBridge or HookedTransformer of the user's, in eval mode. Raises BadSpec for anything else."""
    if not isinstance(instance, wrapped_models()):
        raise BadSpec(
            f"cannot take {a_kind(instance)} as a model; expected a spec, a TransformerBridge or a "
            f"HookedTransformer (wrap a transformers model: TransformerBridge.boot_transformers(name, hf_model=...))."
        )
    if instance.tokenizer is None:
        raise BadSpec("the model has no tokenizer; set model.tokenizer before handing it over.")
    instance.eval()
    dtype = str(next(instance.parameters()).dtype).removeprefix("torch.")
    processing = "as passed by the user"
    _first_run(instance)
    spec = ModelSpec("instance", "", None, dtype, bos)
    return _loaded(instance, instance.tokenizer, spec, processing, weights_digest(instance))


def _loaded(model: Any, tokenizer: Any, spec: ModelSpec, processing: str, weights: str) -> LoadedModel:
    """Of a model that has run once: the bridge puts some hooks of its own in place then, and they belong to the picture."""
    device = str(next(model.parameters()).device)
    name = str(spec) or f"{INSTANCE_PREFIX}{weights[:12]}"
    wrapped = HubTokenizer(tokenizer, spec.bos, name, _embeddings(model))
    parts = {
        "weights": weights,
        "config": config_digest(model),
        "spec": spec.source or name,
        "revision": spec.revision or "",
        "dtype": spec.dtype,
        "processing": processing,
        "bos": "prepended" if wrapped.prepends_bos else "none",
        "tokenizer": wrapped.fingerprint,
        **library_versions(),
    }
    ref = ModelRef(name, digest_of(parts), spec.dtype, spec.bos, wrapped.fingerprint)
    return LoadedModel(model, wrapped, ModelCard(ref, _architecture(model), parts, device), RecordedState.of(model))


def _embeddings(model: Any) -> int | None:
    weights = getattr(getattr(model, "embed", None), "W_E", None)
    return int(weights.shape[0]) if isinstance(weights, torch.Tensor) else None


def _first_run(model: Any) -> None:
    device = next(model.parameters()).device
    with torch.no_grad():
        forward(model, torch.zeros((1, 2), dtype=torch.long, device=device))


def _architecture(model: Any) -> Architecture:
    cfg = model.cfg
    return Architecture(
        cfg.n_layers,
        cfg.n_heads,
        getattr(cfg, "n_key_value_heads", None) or cfg.n_heads,
        cfg.n_ctx,
        _neurons(model),
        bool(getattr(cfg, "parallel_attn_mlp", False)),
        _without_value_biases(model),
        bool(getattr(cfg, "attn_only", False)),
    )


def _neurons(model: Any) -> int | None:
    """Of an MLP layer: as many as its output projection reads, where there is one. TransformerLens guesses for some
    architectures."""
    out = getattr(getattr(model.blocks[0], "mlp", None), "out", None)
    weights = rows_of(getattr(out, "original_component", None))
    return getattr(model.cfg, "d_mlp", None) if weights is None else int(weights.shape[0])


def rows_of(module: Any) -> torch.Tensor | None:
    """The weights [input, output] of a projection of `transformers`, None for what is none."""
    weight = getattr(module, "weight", None)
    if not isinstance(weight, torch.Tensor) or weight.dim() != 2:
        return None
    return weight.detach().T if isinstance(module, torch.nn.Linear) else weight.detach()  # a Conv1D has inputs first


_NO_VALUE_BIASES = ("GPTNeoForCausalLM",)  # these never had any, and have biases of the output


def _without_value_biases(model: Any) -> bool:
    """Have the value biases been folded into the output's, as a HookedTransformer does when it loads a model? A bridge says
    whether its weights were processed at all."""
    if not getattr(model, "_weights_processed", True) or getattr(model.cfg, "original_architecture", "") in _NO_VALUE_BIASES:
        return False
    biases = [(getattr(block.attn, "b_V", None), getattr(block.attn, "b_O", None)) for block in model.blocks]
    values, outputs = ([each for each in column if each is not None] for column in zip(*biases, strict=True))
    return bool(values and outputs) and not any(map(torch.any, values)) and any(map(torch.any, outputs))
