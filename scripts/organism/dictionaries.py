"""Dictionaries of the organism, and their training, whose mathematics is sae_lens's."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from sae_lens import (
    SAE,
    BatchTopKTrainingSAEConfig,
    StandardTrainingSAEConfig,
    TopKTrainingSAEConfig,
    Transcoder,
    TranscoderConfig,
)
from sae_lens.config import LoggingConfig, SAETrainerConfig
from sae_lens.registry import get_sae_training_class
from sae_lens.saes.sae import SAEMetadata, mse_loss
from sae_lens.training.sae_trainer import SAETrainer
from torch import Tensor

from organism.activations import Place, shuffled

_TOKENS_AT_ONCE = 512


@dataclass(frozen=True)
class Recipe:
    """`settings` are those of sae_lens's training class `kind`; `width` counts features. One that is `shuffled` is a null:
    it is trained on values whose dimensions are permuted over the tokens, each on its own, so that every dimension has
    the values that it had and none goes with another (arXiv:2602.14111 compares with such)."""

    name: str
    place: Place
    kind: Any
    width: int
    settings: dict[str, Any] = field(default_factory=dict)
    steps: int = 3000
    peak: float = 2e-3
    transcodes: bool = False
    shuffled: bool = False


_QUOTES = Recipe(
    "quotes-q",
    Place("blocks.1.attn.hook_q", "blocks.1.attn.hook_q", head=2),
    StandardTrainingSAEConfig,
    width=512,
    settings={"l1_coefficient": 0.5, "l1_warm_up_steps": 500},  # some 20 features fire at a token: controls need peers
)
RECIPES = (
    _QUOTES,
    replace(_QUOTES, name="quotes-q-shuffled", shuffled=True),
    Recipe(
        "z",
        Place("blocks.1.attn.hook_z", "blocks.1.attn.hook_z"),
        TopKTrainingSAEConfig,
        width=512,
        settings={"k": 12, "reshape_activations": "hook_z"},
    ),
    Recipe(
        "resid",
        Place("blocks.1.hook_resid_post", "blocks.1.hook_resid_post"),
        BatchTopKTrainingSAEConfig,
        width=512,
        settings={"k": 16},
    ),
    Recipe(
        "mlp",
        Place("blocks.0.hook_resid_mid", "blocks.0.hook_mlp_out"),
        StandardTrainingSAEConfig,
        width=512,
        settings={"l1_coefficient": 1.5, "l1_warm_up_steps": 500, "apply_b_dec_to_input": False},
        transcodes=True,
    ),
)


class _Pairs(Iterator[Tensor]):
    """Endless batches of what is read. For a transcoder, sae_lens's loss then compares with what was written there: it has
    classes for transcoders, and none that trains them."""

    def __init__(self, read: Tensor, written: Tensor, seed: int):
        self._read, self._written = read, written
        self._dice = torch.Generator().manual_seed(seed)
        self._order = torch.empty(0, dtype=torch.int64)
        self._now = self._order

    def __next__(self) -> Tensor:
        if len(self._order) < _TOKENS_AT_ONCE:
            self._order = torch.randperm(len(self._read), generator=self._dice)
        self._now, self._order = self._order[:_TOKENS_AT_ONCE], self._order[_TOKENS_AT_ONCE:]
        return self._read[self._now]

    def loss(self, prediction: Tensor, _read: Tensor) -> Any:
        return mse_loss(prediction, self._written[self._now])


def train(recipe: Recipe, read: Tensor, written: Tensor, seed: int) -> Any:
    """A training SAE of sae_lens, as its trainer leaves it."""
    torch.manual_seed(seed)
    if recipe.shuffled:
        read = written = shuffled(read, seed)
    config = recipe.kind(d_in=read.shape[1], d_sae=recipe.width, metadata=_metadata(recipe), **recipe.settings)
    sae = get_sae_training_class(config.architecture())[0](config)
    with torch.no_grad():
        sae.b_dec.copy_(written.mean(0))
    pairs = _Pairs(read, written, seed)
    sae.mse_loss_fn = pairs.loss
    settings = SAETrainerConfig(
        total_training_samples=recipe.steps * _TOKENS_AT_ONCE,
        train_batch_size_samples=_TOKENS_AT_ONCE,
        lr=recipe.peak,
        lr_end=recipe.peak / 10,
        lr_warm_up_steps=100,
        lr_decay_steps=recipe.steps // 4,
        dead_feature_window=200,
        feature_sampling_window=1000,
        logger=LoggingConfig(log_to_wandb=False),
    )
    return SAETrainer(settings, sae, pairs).fit()


def save(recipe: Recipe, sae: Any, folder: Path) -> None:
    """So that `SAE.load_from_disk(folder)` gives it back; each feature's direction has norm 1."""
    if recipe.kind is StandardTrainingSAEConfig:  # those that keep k features fold it themselves
        sae.fold_W_dec_norm()
    if not recipe.transcodes:
        sae.save_inference_model(folder)
        return
    config = TranscoderConfig(
        d_in=sae.cfg.d_in,
        d_out=sae.cfg.d_in,
        d_sae=sae.cfg.d_sae,
        apply_b_dec_to_input=False,
        metadata=sae.cfg.metadata,
    )
    transcoder = Transcoder(config)
    transcoder.load_state_dict(sae.state_dict())
    transcoder.save_model(folder)


def load(folder: Path) -> Any:
    return SAE.load_from_disk(folder)


def _metadata(recipe: Recipe) -> Any:
    place = recipe.place
    out = {"hook_name_out": place.write} if recipe.transcodes else {}
    return SAEMetadata(
        model_name="organism",
        model_class_name="TransformerBridge",
        hook_name=place.read,
        hook_head_index=place.head,
        prepend_bos=True,
        **out,
    )
