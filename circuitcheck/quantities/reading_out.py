"""What a view says of one prompt, read out to look at: the tokens it expects, where a head looks, how it goes on."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitcheck.arguments import known_arguments
from circuitcheck.engine.protocol import Look, ModelCard
from circuitcheck.errors import BadTask, UnknownUnit
from circuitcheck.given import checked_whole
from circuitcheck.places import Head, Site, parse_units
from circuitcheck.prompts import Prompt, Tokenizer, given_prompts
from circuitcheck.text import shown

_MOST = 256  # tokens; each is a whole run of all before it


@dataclass(frozen=True)
class TopToken:
    """A token, as text and by its number in the vocabulary, with its logit and its probability."""

    text: str
    token: int
    logit: float
    probability: float

    def __repr__(self) -> str:
        return f"{self.text!r} {self.probability:.1%}"


@dataclass(frozen=True, eq=False, repr=False)
class AttentionPattern:
    """A head's attention on one prompt: `values` [query, key], each row adding up to 1, over `tokens`, the texts of all that
    the model reads, a BOS among them."""

    head: str
    tokens: tuple[str, ...]
    values: NDArray[np.float64]

    def __repr__(self) -> str:
        return f"<attention of {self.head} over {len(self.tokens)} tokens>"


class ReadingOut:
    """`prompt` is one of `task.prompts(...)`, or a text. Like `logits`, these are looks at numbers with the proof of a
    measurement: they raise what `logits` does."""

    card: ModelCard

    @known_arguments
    def top_tokens(self, prompt: str | Prompt, k: int = 10) -> tuple[TopToken, ...]:
        """The `k` tokens that this view finds most probable after a prompt, most probable first. Raises BadTask for several
        prompts, or none."""
        most = checked_whole("k", k, BadTask)
        logits = self._look(self._one(prompt), ()).logits[0].double()
        found = logits.topk(min(most, len(logits)))
        chances = logits.softmax(0)[found.indices].tolist()
        rows = zip(found.indices.tolist(), found.values.tolist(), chances, strict=True)
        return tuple(TopToken(self.tokenizer.decode((token,)), token, logit, chance) for token, logit, chance in rows)

    @known_arguments
    def attention_pattern(self, prompt: str | Prompt, head: str | Head) -> AttentionPattern:
        """Where a head looks, from each token of a prompt to each. Raises UnknownUnit for what is no head of this model,
        BadTask for several prompts, or none."""
        found = parse_units(head, self.card.architecture)
        if len(found) != 1 or not isinstance(found[0], Head):
            raise UnknownUnit(f"{shown(head)} is not one head, such as 'L9H9'.")
        one = self._one(prompt)
        site = Site("pattern", found[0].layer, found[0].head)
        values = self._look(one, (site,)).values[site][0].double().numpy()
        tokens = one.run(self.data.base)
        return AttentionPattern(str(found[0]), tuple(self.tokenizer.decode((each,)) for each in tokens), values)

    @known_arguments
    def generate(self, prompt: str | Prompt, n: int = 20) -> str:
        """How this view goes on after a prompt: `n` (at most 256) tokens, each the most probable, as text without the
        prompt. All tokens are run anew for each, with the view's interventions: END moves on, other positions stay.

        Raises BadTask for several prompts, or more tokens than the model reads."""
        steps, one = checked_whole("n", n, BadTask), self._one(prompt)
        n_ctx, start = self.card.architecture.n_ctx, len(one.tokens)
        if steps > _MOST or start + steps - 1 > n_ctx:
            raise BadTask(
                f"n={steps}: at most {min(_MOST, n_ctx + 1 - start)} tokens can follow these {start} here: {_MOST} are the "
                f"most that are generated, and the model reads {n_ctx}."
            )
        grown = one
        for _ in range(steps):
            grown = _followed(grown, int(self._look(grown, ()).logits[0].argmax()))
        before, after = (self.tokenizer.decode(each.run(self.data.base)) for each in (one, grown))
        return after.removeprefix(before)

    def _one(self, prompt: object) -> Prompt:
        """Raises BadTask."""
        found = given_prompts(prompt, self.tokenizer).given
        if len(found) != 1:
            raise BadTask(f"{len(found)} prompts were given; expected one, a text or one of task.prompts(...).")
        return found[0]

    # What a view has.

    data: Any

    @property
    def tokenizer(self) -> Tokenizer:
        raise NotImplementedError

    def _look(self, prompts: Any, sites: tuple[Site, ...]) -> Look:
        raise NotImplementedError


def _followed(prompt: Prompt, token: int) -> Prompt:
    """It and its counterfactuals, with one more token, which is END."""
    others = {name: replace(each, tokens=(*each.tokens, token)) for name, each in prompt.counterfactuals.items()}
    positions = {**prompt.positions, "END": (len(prompt.tokens),)}
    return replace(prompt, tokens=(*prompt.tokens, token), positions=positions, counterfactuals=others)
