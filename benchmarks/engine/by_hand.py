"""The loops that a user of TransformerLens writes: one `run_with_hooks` for each case and each batch of one length."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from circuitcheck.engine.torch.sites.batch import by_size
from circuitcheck.prompts import Prompt

BATCH = 32
Hooks = list[tuple[str, Callable[..., Any]]]


@dataclass(frozen=True)
class Part:
    """Prompts of one length: tokens [prompt, pos], the same of their counterfactuals, and where they are in the sample."""

    where: list[int]
    prompts: list[Prompt]

    def tokens(self, run: str = "clean") -> torch.Tensor:
        return torch.tensor([(each if run == "clean" else each.counterfactuals[run]).tokens for each in self.prompts])


class ByHand:
    def __init__(self, bridge: Any, prompts: Sequence[Prompt]) -> None:
        self.bridge, self.count = bridge, len(prompts)
        self.parts = [
            Part(group[start : start + BATCH], [prompts[i] for i in group[start : start + BATCH]])
            for group in by_size(prompts, "logits")
            for start in range(0, len(group), BATCH)
        ]

    def logit_diffs(self, hooks_of: Callable[[Part], Hooks]) -> NDArray[np.float64]:
        """One number a prompt under hooks, [prompt]."""
        found = np.zeros(self.count)
        for part in self.parts:
            with torch.no_grad():
                logits = self.bridge.run_with_hooks(part.tokens(), prepend_bos=False, fwd_hooks=hooks_of(part))[:, -1]
            rows = range(len(part.prompts))
            answers, others = ([getattr(each, name) for each in part.prompts] for name in ("answer_id", "distractor_id"))
            found[part.where] = (logits[rows, answers].double() - logits[rows, others].double()).numpy()
        return found

    def attention(self, hooks_of: Callable[[Part], Hooks], layer: int, head: int) -> NDArray[np.float64]:
        """How much a head looks from END to S1, under hooks: [prompt]."""
        found, name = np.zeros(self.count), f"blocks.{layer}.attn.hook_pattern"
        for part in self.parts:
            seen: list[torch.Tensor] = []
            rows, keys = at(part, "S1")

            def look(pattern: torch.Tensor, hook: object, rows=rows, keys=keys, seen=seen) -> None:  # type: ignore[no-untyped-def]  # noqa: ARG001
                seen.append(pattern[rows, head, -1, keys])

            with torch.no_grad():
                self.bridge.run_with_hooks(part.tokens(), prepend_bos=False, fwd_hooks=[*hooks_of(part), (name, look)])
            found[part.where] = seen[0].double().numpy()
        return found

    def path(
        self, sender: str, index: int, receivers: Sequence[tuple[str, int]], still: dict[int, Any], sources: dict[int, Any]
    ) -> NDArray[np.float64]:
        """A head's path into receivers (hook point, head) at END: one run with everything frozen in `still` but the head,
        whose z comes from `sources`; one with what the receivers read in it."""

        def hooks_of(part: Part) -> Hooks:
            usual, other, read = still[part.where[0]], sources[part.where[0]], {}
            at_end = (slice(None), -1, index)

            def look(value: torch.Tensor, hook: Any, name: str) -> None:  # noqa: ARG001 - the library's signature
                read[name] = value.clone()

            frozen = [each for name in usual for each in put(name, usual[name], slice(None))]
            reading = [(name, partial(look, name=name)) for name in dict(receivers)]
            hooks = [*frozen, *put(sender, other[sender], at_end), *reading]
            with torch.no_grad():
                self.bridge.run_with_hooks(part.tokens(), prepend_bos=False, fwd_hooks=hooks)
            return [each for name, head in receivers for each in put(name, read[name], (slice(None), -1, head))]

        return self.logit_diffs(hooks_of)

    def cached(self, names: Sequence[str], run: str) -> dict[int, Any]:
        """Activations of another run, by part: what patching takes."""
        wanted = set(names)
        with torch.no_grad():
            return {
                part.where[0]: self.bridge.run_with_cache(
                    part.tokens(run), prepend_bos=False, names_filter=lambda name: name in wanted
                )[1]
                for part in self.parts
            }


def at(part: Part, position: str) -> tuple[list[int], list[int]]:
    """Rows of a batch, and the token of each at a named position."""
    return list(range(len(part.prompts))), [each.positions[position][0] for each in part.prompts]


def cut(layer: int, head: int, at: int | slice) -> Hooks:
    """A head's z set to 0."""

    def hook(z: torch.Tensor, hook: object) -> torch.Tensor:  # noqa: ARG001 - the library's signature
        z[:, at, head] = 0
        return z

    return [(f"blocks.{layer}.attn.hook_z", hook)]


def put(name: str, values: torch.Tensor, at: Any) -> Hooks:
    """Part of an activation from another run; `at` is the index within it."""

    def hook(found: torch.Tensor, hook: object) -> torch.Tensor:  # noqa: ARG001 - the library's signature
        found[at] = values[at]
        return found

    return [(name, hook)]
