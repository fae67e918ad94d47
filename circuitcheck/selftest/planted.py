"""The planted model: a real checkpoint, made without training, about which the truth of every claim is known."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from circuitcheck.prompts import Prompt
from circuitcheck.quantities import Task
from circuitcheck.selftest.noise import Noise, shuffled_normal
from circuitcheck.selftest.planted_tasks import Language, effects_definition, induction_definition
from circuitcheck.selftest.planted_weights import HEADS, Blueprint, save

MOST_EFFECTS, MOST_TEMPLATES = HEADS - 1, 64
_NORMAL = Noise()


@dataclass(frozen=True)
class Planted:
    """A checkpoint in `folder`, to be loaded by `cc.load(str(folder))` in float32 or float64, and what is true of it.
    `sizes`, `noise` and `base` are in logits.

    On a prompt x of `effects`, the i-th effect head adds sizes[i] + nu_i(x) + tau(x) to the answer's logit minus the
    distractor's at END, and the residual stream itself adds `base`. nu_i(x) is the noise that the word in slot N(i+1)
    stands for; tau(x) belongs to x's template, and is the same for all effect heads. No head reads what these heads write,
    so zero ablation at END takes away what a head adds, no more and no less, whatever else is ablated.

    On `induction`, L0H0 writes down which token came before, and L1H0 looks for what followed the last symbol when it
    occurred earlier: the logit difference is 10. On the other task these two add nothing.
    """

    folder: Path
    effects: Task
    induction: Task
    sizes: tuple[float, ...]
    noise: Noise
    base: float
    _adds: tuple[Mapping[str, float], ...] = field(repr=False, hash=False)  # for each effect head, by noise word
    _shared: Mapping[str, float] = field(repr=False, hash=False)  # tau, by template word

    def head(self, i: int) -> str:
        """The i-th effect head's name, counted from 0. Raises ValueError where there are not so many."""
        if not 0 <= i < len(self.sizes):
            raise ValueError(f"there is no effect head {i}: this model has {len(self.sizes)}, counted from 0.")
        return f"L1H{i + 1}"

    @property
    def inert(self) -> tuple[str, ...]:
        """The heads that change no logit on either task, though their output is not 0 and varies from prompt to prompt."""
        first = tuple(f"L0H{number}" for number in range(1, HEADS))
        return first + tuple(f"L1H{number}" for number in range(1 + len(self.sizes), HEADS))

    def effect(self, prompt: Prompt, i: int, base: str = "clean") -> float:
        """What head `head(i)` adds to the logit difference on this prompt, or on its counterfactual `base`, in logits.

        Raises ValueError where there is no such head, and for a prompt of another task than `effects`.
        """
        self.head(i)
        found = [self._adds[i][word] for word in _words(prompt, base) if word in self._adds[i]]
        if prompt.template not in self._shared or len(found) != 1:
            raise ValueError(f"{prompt.text!r} is no prompt of this model's task {self.effects.name!r}.")
        return found[0] + self._shared[prompt.template]

    def logit_diff(self, prompt: Prompt, base: str = "clean") -> float:
        """The untouched model's logit difference on this prompt, or on its counterfactual `base`, in logits.

        Raises ValueError for a prompt of another task than `effects`.
        """
        return self.base + sum(self.effect(prompt, i, base) for i in range(len(self.sizes)))


def plant(
    folder: Path,
    *,
    effects: Sequence[float] = (1.0, 0.5, 0.1),
    noise: Noise = _NORMAL,
    base: float = 2.0,
    template_spread: float = 0.0,
    templates: int = 8,
    words: int = 200,
) -> Planted:
    """Write a planted model into `folder`, which is made if need be. The same parameters give the same weights and tasks.

    `effects` are the effect heads' means, `base` the logit difference without them, `template_spread` the standard
    deviation over templates of what each effect head adds besides, with mean 0 (all in logits). `words` is the size of each
    effect head's pool of noise words.

    Raises ValueError for a folder that holds something, and for parameters that no planted model can have.
    """
    folder, sizes = Path(folder), tuple(map(float, effects))
    _check_sizes(sizes, base, template_spread)
    _check_counts(templates, words)
    _check_folder(folder)
    language = Language.of(len(sizes), words, templates)
    values = noise.pool(words)
    adds = tuple(
        dict(zip(pool, (size + values).tolist(), strict=True)) for size, pool in zip(sizes, language.noise, strict=True)
    )
    taus = shuffled_normal(templates, template_spread, "template effects")
    shared = dict(zip(language.templates, taus.tolist(), strict=True))

    save(folder, Blueprint(language.words, adds, shared if template_spread else {}, base))
    tasks = Task(effects_definition(language)), Task(induction_definition())
    return Planted(folder, *tasks, sizes, noise, base, adds, shared)


def _words(prompt: Prompt, base: str) -> list[str]:
    return (prompt.text if base == "clean" else prompt.counterfactuals[base].text).split()


def _check_sizes(sizes: tuple[float, ...], base: float, template_spread: float) -> None:
    if not 1 <= len(sizes) <= MOST_EFFECTS:
        raise ValueError(
            f"{len(sizes)} effects were given, and a planted model has 1 to {MOST_EFFECTS}, one for each of the heads "
            f"L1H1 to L1H{MOST_EFFECTS}: give as many."
        )
    if not all(map(math.isfinite, (*sizes, base))):
        raise ValueError(f"effects {sizes} and base {base:g} are logits: give finite numbers.")
    if not 0 <= template_spread < math.inf:
        raise ValueError(
            f"template_spread={template_spread:g} is no standard deviation: give a finite number, 0 or more (in logits)."
        )


def _check_counts(templates: int, words: int) -> None:
    if not 2 <= templates <= MOST_TEMPLATES:
        raise ValueError(f"templates={templates} cannot be: a planted task has 2 to {MOST_TEMPLATES} templates.")
    if words < 2:
        raise ValueError(f"words={words} is too few: a pool of noise words needs 2 or more to have a standard deviation.")


def _check_folder(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} is no empty folder, and nothing is overwritten: name an empty one, or one to be made.")
