"""Whole claims: many on one task against each alone, controls by sets of heads, what a claim costs over its passes, and
prompts of many lengths.

    python benchmarks/engine/claims.py [--model smollm2-135m-q4] [--prompts 64] [--repeat 5] [--only WORDS] [--json FILE]

Claims are decided as in a suite, with looks, noise floors, proof and verdicts, but without a report; each takes all prompts.
A session knows nothing at first, but its model is loaded. The loop is that of `by_hand.py`: the passes that the claim needs,
one `run_with_hooks` for each and each batch of one length. Both give the same numbers, to 1e-3. Seconds are processor
seconds of one thread; each row is timed both ways in turns, and ratios are medians of these pairs.
"""

import argparse
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from by_hand import ByHand, cut
from timing import timed, write

import circuitcheck as cc
from circuitcheck.engine.torch.running import lengths

_CLAIMS = 50
_PAIR = "L14H3, L20H0"  # of SmolLM2, whose layers have nine heads each
_OTHERS = 9 * 9 - 1  # pairs of heads of these layers
_SHOWN = [0, 20, 40, 60, 79]  # of them in the loop, whose time is scaled to all and to the untouched run
_LOOPED = len(_SHOWN)


def main() -> None:
    given = _arguments()
    torch.set_num_threads(1)
    both, rows = Both(cc.load(given.model, device="cpu"), given.prompts), []
    for row in both.rows():
        if given.only in row.name:
            rows.append(found := row.measured(given.repeat))
            print(f"{row.name:85} {found['one_s']:8.2f} {found['other_s']:8.2f} {found['ratio']:6.2f}", flush=True)
    if given.json:
        facts = {"model": given.model, "prompts": given.prompts, "pairs": given.repeat}
        write(given.json, facts, claims=rows)


@dataclass(frozen=True)
class Row:
    """`slow` and `fast` give the same numbers; `scale` is how much longer all that `fast` does would take the slow way."""

    name: str
    slow: Callable[[], Any]
    fast: Callable[[], Any]
    scale: float = 1.0

    def measured(self, repeat: int) -> dict[str, Any]:
        pairs = []
        for _ in range(repeat):
            (numbers, slow), (same, fast) = timed(self.slow), timed(self.fast)
            np.testing.assert_allclose(numbers, same, rtol=0, atol=1e-3)
            pairs.append((slow * self.scale, fast))
        return {
            "case": self.name,
            "one_s": statistics.median(slow for slow, _ in pairs),
            "other_s": statistics.median(fast for _, fast in pairs),
            "ratio": statistics.median(slow / fast for slow, fast in pairs),
        }


class Both:
    """The same claims both ways. Each way gives estimates, or values by prompt."""

    def __init__(self, model: cc.Model, prompts: int) -> None:
        self.model, self.task, self.count = model, cc.tasks.ioi().on_stream("test"), prompts
        self.by_hand = ByHand(model.inner, self.task.prompts(prompts, model=model, stream="test"))
        shape = model.architecture
        self.heads = [(layer, head) for layer in range(shape.n_layers) for head in range(shape.n_heads)]
        self.engine = cc.current_session().engine
        self.kept, self.head = self._session(), 0  # a session in which a claim was decided; the head of its next one
        with cc.use_session(self.kept):
            self._effect(0)  # the first run of a model tries its ways of shortening, too: not timed
        self.clean = self.by_hand.logit_diffs(lambda _: [])

    def rows(self) -> Iterator[Row]:
        yield Row(f"{_CLAIMS} claims, one head out at END in each: each alone, and all together", self.alone, self.together)
        yield Row(
            f"{_OTHERS} pairs of heads out at END: the loop, and a claim that a pair `beats` them",
            self.pairs_by_hand,
            self.beats,
            (_OTHERS + 1) / _LOOPED,
        )
        yield Row("one head out, the first claim of its task: the loop, and the claim", self.first_by_hand, self.first)
        yield Row("one head out, a later claim of its task: the loop, and the claim", self.later_by_hand, self.later)
        yield Row(
            "loss on running text, with a head out at END: prompts of each length by themselves, and side by side",
            self.length_by_length,
            self.side_by_side,
        )

    def alone(self) -> list[float]:
        return [self._anew(lambda number=number: self._recovered(number)) for number in range(_CLAIMS)]

    def together(self) -> list[float]:
        return self._anew(lambda: [self._recovered(number) for number in range(_CLAIMS)])

    def _recovered(self, number: int) -> float:
        layer, head = self.heads[number * len(self.heads) // _CLAIMS]
        view = self.model.ablate(f"L{layer}H{head}", kind="zero", at="END", allow_vacuous=True)
        return (self.task.recovered(view) < 100).decide().decision.estimate

    def beats(self) -> Any:
        """[pair, prompt]: the control's logit differences without its pairs, of those that the loop has."""
        return self._anew(lambda: self._control().decide().rests.rule.values[_SHOWN, 0], first_look=self.count)

    def pairs_by_hand(self) -> Any:
        pairs = [self._control()._parts(number) for number in _SHOWN]
        hooks = [[hook for part in pair for hook in cut(part.layer, part.number, -1)] for pair in pairs]
        return np.stack([self.by_hand.logit_diffs(lambda _, hooks=each: hooks) for each in hooks])

    def _control(self) -> Any:
        without = self.task.logit_diff(self.model.ablate(_PAIR, kind="zero", at="END"))
        return (self.task.logit_diff(self.model) - without).beats(cc.random_heads(like=_PAIR), share=0.5)

    def first(self) -> float:
        return self._anew(lambda: self._effect(0))

    def first_by_hand(self) -> float:
        return float(np.mean(self.by_hand.logit_diffs(lambda _: []) - self._without(0)))

    def later(self) -> float:
        with cc.use_session(self.kept):
            return self._effect(self.head)

    def later_by_hand(self) -> float:
        self.head += 1  # a claim on another head than before
        return float(np.mean(self.clean - self._without(self.head)))

    def side_by_side(self) -> Any:
        text = cc.corpus("stories", where=cc.after('!"'), context=64).on_stream("test")
        effect = text.loss(self.model.ablate(f"L{self.heads[-1][0]}H1", kind="zero", at="END")) - text.loss(self.model)
        return self._anew(lambda: effect.values(self.count))

    def length_by_length(self) -> Any:
        with patch.object(lengths, "_FEW", self.count):
            return self.side_by_side()

    def _effect(self, head: int) -> float:
        effect = self.task.logit_diff(self.model) - self.task.logit_diff(self.model.ablate(f"L0H{head}", kind="zero"))
        (effect < 100).decide()
        return float(effect.values(self.count).mean())  # also of the prompts after those that decided

    def _without(self, head: int) -> Any:
        return self.by_hand.logit_diffs(lambda _: cut(0, head, slice(None)))

    def _anew(self, work: Callable[[], Any], first_look: int = 32) -> Any:
        """In a session that has measured nothing."""
        self.engine._recordings.drop(lambda _: True)  # type: ignore[attr-defined]
        with cc.use_session(self._session(first_look)):
            return work()

    def _session(self, first_look: int = 32) -> cc.Session:
        settings = cc.Settings(samples=self.count, first_look=min(first_look, self.count), fixed=self.count)
        return cc.Session(settings, make_engine=lambda _: self.engine)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m-q4")
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--only", default="", help="rows whose name has this")
    parser.add_argument("--json")
    return parser.parse_args()


if __name__ == "__main__":
    main()
