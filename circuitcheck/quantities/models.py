"""Models as a user holds them, and how they are loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from os.path import join
from typing import Any

from circuitcheck.arguments import known_arguments
from circuitcheck.errors import after_reload
from circuitcheck.models import ALIASES, BUNDLED, BosPolicy
from circuitcheck.places import Architecture
from circuitcheck.plan import ModelRef, View
from circuitcheck.quantities.views import ModelView
from circuitcheck.session import current_session
from circuitcheck.settings import dtype_name
from circuitcheck.text import printable, shown

Tokenized = ModelView | str | PathLike[str]  # a model, or its spec


@dataclass(frozen=True, repr=False)
class Model(ModelView):
    """A loaded model: the view without interventions. Read-only."""

    @property
    def ref(self) -> ModelRef:
        return self.card.ref

    @property
    def inner(self) -> Any:
        """The TransformerBridge or HookedTransformer that runs, as TransformerLens has it: to look at. Who changes it, its
        weights or its hooks, is found out: the next measurement raises ModelChanged."""
        return current_session().engine.inner(self.ref)

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """What the model is: weights, spec, revision, dtype, processing, BOS policy, tokenizer, library versions."""
        return self.card.fingerprint

    @property
    def architecture(self) -> Architecture:
        return self.card.architecture

    def __repr__(self) -> str:
        return printable(f"<model {self.card.ref}: {self.architecture.describe()}, {self.ref.dtype} on {self.card.device}>")


def _model_path(path: str) -> str:
    """A path object means a path, also where its text is the name of a model."""
    plain = path.removesuffix("+folded")
    return join(".", path) if plain in BUNDLED or plain in ALIASES else path


def whose_tokenizer(model: Tokenized) -> ModelRef | str:
    """Prompts depend on a model's tokenizer alone: a spec does as well as a loaded model. Raises TypeError."""
    if isinstance(model, ModelView):
        return model.card.ref
    if isinstance(model, str):
        return model
    if isinstance(model, PathLike):
        return _model_path(fspath(model))
    raise TypeError(f"{shown(model)} is no model; expected cc.load(...), a view of one, or a spec.{after_reload(model)}")


@known_arguments
def load(spec: object, *, dtype: str | None = None, device: str | None = None, bos: BosPolicy = "tokenizer") -> Model:
    """A model by spec: a hub id with an optional `@revision`, a checkpoint folder, a `.gguf` file, the bundled `organism` or
    an alias such as `smollm2-135m-q4` (a folder with such a name is `./organism`, or a `Path`); or a
    `TransformerBridge` or `HookedTransformer` object, put into eval mode, else taken as it is.

    An object that is a bridge brings its own tokenizer, which TransformerLens may have told to prepend the BOS;
    `bos="never"` then gives the prompts that the folder itself would.

    `dtype` and `device` default to the session's. `bos` says whether prompts start with the BOS token: `tokenizer` does
    what the model's tokenizer does by itself.

    Raises BadSpec, ModelUnavailable (the message says how to get it), CorruptCheckpoint, UnknownDevice.
    """
    if isinstance(spec, PathLike):
        spec = _model_path(fspath(spec))
    if dtype is not None:
        dtype = dtype_name(dtype)
    if device is not None:
        device = str(device)
    card = current_session().load(spec, dtype=dtype, device=device, bos=bos)
    return Model(card, View(card.ref))
