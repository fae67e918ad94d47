"""Models and views as a user holds them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from os import PathLike, fspath
from typing import get_args

from circuitcheck.engine.protocol import ModelCard
from circuitcheck.errors import BadIntervention
from circuitcheck.models import BosPolicy
from circuitcheck.plan import KINDS, Ablate, Architecture, ModelRef, View, parse_at, parse_units
from circuitcheck.plan.interventions import Kind
from circuitcheck.plan.units import Unit
from circuitcheck.prompts import Tokenizer
from circuitcheck.session import current_session


@dataclass(frozen=True)
class ModelView:
    """A model with interventions, as data. Views are immutable: every method gives a new one."""

    card: ModelCard
    data: View

    @property
    def digest(self) -> str:
        return self.data.digest

    @property
    def tokenizer(self) -> Tokenizer:
        return current_session().engine.tokenizer(self.card.ref)

    def ablate(
        self,
        units: str | Unit | Iterable[str | Unit],
        *,
        kind: str,
        at: str | Iterable[str] | None = None,
        source: str | None = None,
        n: int | None = None,
        allow_vacuous: bool = False,
    ) -> "ModelView":
        """Replace the outputs of `units` at the positions `at` (None: every token).

        `kind` is never a default: `"zero"`; `"mean"`, over `n` (256) prompts of the task's reference stream, template by
        template and token by token; `"counterfactual"`, the value in the prompt's counterfactual called `source` (default:
        the first that the task declares).

        Raises UnknownUnit, UnknownPosition, and BadIntervention for an unknown kind.
        """
        if kind not in KINDS:
            raise BadIntervention(f"kind={kind!r} is no kind of ablation; expected {', '.join(map(repr, get_args(Kind)))}.")
        if source is not None and kind != "counterfactual":
            raise BadIntervention(f"source={source!r} belongs to kind='counterfactual', not to kind={kind!r}.")
        if n is not None and kind != "mean":
            raise BadIntervention(f"n={n} belongs to kind='mean', not to kind={kind!r}.")
        if n is not None and n < 2:
            raise BadIntervention(f"a mean over n={n} prompts is no mean; the default is 256.")
        parsed = parse_units(units, self.card.architecture)
        return self._then(Ablate(parsed, kind, parse_at(at), source, n or Ablate.n, allow_vacuous=allow_vacuous))

    def on(self, base: str) -> "ModelView":
        """This view, run on the counterfactual prompts called `base` and scored on the clean prompts' answers."""
        return ModelView(self.card, replace(self.data, base=base))

    def __repr__(self) -> str:
        return f"<{self.card.ref}: {self.data.describe()}>"

    def _repr_html_(self) -> str:
        from circuitcheck.quantities.html import escape_code

        return escape_code(repr(self))

    def _then(self, intervention: Ablate) -> "ModelView":
        return ModelView(self.card, self.data.then(intervention))


@dataclass(frozen=True, repr=False)
class Model(ModelView):
    """A loaded model: the view without interventions. Read-only."""

    @property
    def ref(self) -> ModelRef:
        return self.card.ref

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """What the model is: weights, spec, revision, dtype, processing, BOS policy, tokenizer, library versions."""
        return self.card.fingerprint

    @property
    def architecture(self) -> Architecture:
        return self.card.architecture

    def __repr__(self) -> str:
        return f"<model {self.card.ref}: {self.architecture.describe()}, {self.ref.dtype} on {self.card.device}>"


def load(spec: object, *, dtype: str | None = None, device: str | None = None, bos: BosPolicy = "tokenizer") -> Model:
    """A model by spec: a hub id with an optional `@revision`, a checkpoint folder, a `.gguf` file, the bundled `organism` or
    an alias such as `smollm2-135m-q4`; or a `TransformerBridge` or `HookedTransformer` object, put into eval mode, else
    taken as it is.

    An object that is a bridge brings its own tokenizer, which TransformerLens may have told to prepend the BOS;
    `bos="never"` then gives the prompts that the folder itself would.

    `dtype` and `device` default to the session's. `bos` says whether prompts start with the BOS token: `tokenizer` does
    what the model's tokenizer does by itself.

    Raises BadSpec, ModelUnavailable (the message says how to get it), CorruptCheckpoint, UnknownDevice.
    """
    if isinstance(spec, PathLike):
        spec = fspath(spec)
    card = current_session().load(spec, dtype=dtype, device=device, bos=bos)
    return Model(card, View(card.ref))
