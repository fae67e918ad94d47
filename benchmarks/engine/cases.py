"""What is timed: each a list of cells that one plan measures, and the loop that measures one of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from by_hand import ByHand, at, cut, put
from numpy.typing import NDArray

import circuitcheck as cc

ANSWERS = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """`unit(i)` is the i-th cell as a quantity; `loop(i)` gives its numbers by hand, [prompt]. The loop's time is that of
    `looped` of the `count` units, spread over all of them."""

    name: str
    count: int
    unit: Callable[[int], cc.Quantity]
    loop: Callable[[int], ANSWERS]
    looped: int

    @property
    def shown(self) -> list[int]:
        return sorted({round(i) for i in np.linspace(0, self.count - 1, self.looped)})


def cases_of(model: cc.Model, task: cc.Task, prompts: Any, looped: int) -> list[Case]:
    by_hand, shape = ByHand(model.inner, prompts), model.architecture
    heads = [(layer, head) for layer in range(shape.n_layers) for head in range(shape.n_heads)]
    late = [(layer, head) for layer, head in heads if layer < shape.n_layers // 2]
    watched = (shape.n_layers // 2, 0)
    steps = [(layer, where) for layer in range(shape.n_layers) for where in task.positions]
    sources = by_hand.cached([f"blocks.{layer}.hook_resid_pre" for layer in range(shape.n_layers)], "abc")
    zs = by_hand.cached([f"blocks.{layer}.attn.hook_z" for layer in range(shape.n_layers)], "abc")

    def knocked(i: int, where: str | None) -> cc.Quantity:
        return task.logit_diff(model.ablate(named(heads[i]), kind="zero", at=where))

    def stream(i: int) -> cc.Quantity:
        layer, where = steps[i]
        return task.logit_diff(model.patch(f"L{layer}.resid_pre", source="abc", at=where))

    def stream_by_hand(i: int) -> ANSWERS:
        layer, where = steps[i]
        name = f"blocks.{layer}.hook_resid_pre"
        return by_hand.logit_diffs(lambda part: put(name, sources[part.where[0]][name], at(part, where)))

    def head_by_hand(i: int) -> ANSWERS:
        layer, head = heads[i]
        name = f"blocks.{layer}.attn.hook_z"
        return by_hand.logit_diffs(lambda part: put(name, zs[part.where[0]][name], (slice(None), slice(None), head)))

    def looks(i: int) -> cc.Quantity:
        return task.metric(cc.attention(named(watched), query="END", key="S1"), model.ablate(named(late[i]), kind="zero"))

    def patched(i: int) -> cc.Quantity:
        return task.logit_diff(model.patch(named(heads[i]), source="abc"))

    def out_by_hand(i: int, where: int | slice) -> ANSWERS:
        return by_hand.logit_diffs(lambda _: cut(*heads[i], where))

    def looks_by_hand(i: int) -> ANSWERS:
        return by_hand.attention(lambda _: cut(*late[i], slice(None)), *watched)

    everywhere = slice(None)
    return [
        Case("knock out each head at END", len(heads), lambda i: knocked(i, "END"), lambda i: out_by_hand(i, -1), looped),
        Case("knock out each head", len(heads), lambda i: knocked(i, None), lambda i: out_by_hand(i, everywhere), looped),
        Case("patch the stream, layer x position", len(steps), stream, stream_by_hand, looped),
        Case("patch each head", len(heads), patched, head_by_hand, looped),
        _paths(model, task, by_hand, zs, looped),
        Case("a middle head's attention, earlier heads out", len(late), looks, looks_by_hand, looped),
    ]


def _paths(model: cc.Model, task: cc.Task, by_hand: ByHand, sources: dict[int, Any], looped: int) -> Case:
    """From each head before the last quarter of the layers into three queries of that."""
    shape = model.architecture
    reading = shape.n_layers * 3 // 4
    receivers = [(reading, 0), (reading, 1), (shape.n_layers - 1, shape.n_heads - 1)]
    senders = [(layer, head) for layer in range(reading) for head in range(shape.n_heads)]
    names = [f"blocks.{layer}.{what}" for layer in range(shape.n_layers) for what in ("attn.hook_z", "hook_mlp_out")]
    still = by_hand.cached(names, "clean")

    def path(i: int) -> cc.Quantity:
        into = [f"{named(head)}.q" for head in receivers]
        return task.logit_diff(model.patch_path(named(senders[i]), into=into, source="abc", at="END", sender_at="END"))

    def path_by_hand(i: int) -> ANSWERS:
        points = [(f"blocks.{layer}.attn.hook_q", head) for layer, head in receivers]
        layer, head = senders[i]
        return by_hand.path(f"blocks.{layer}.attn.hook_z", head, points, still, sources)

    return Case("path from each head into three queries at END", len(senders), path, path_by_hand, looped)


def named(head: tuple[int, int]) -> str:
    return f"L{head[0]}H{head[1]}"
