"""Tasks of a few words, so that a model under test reads little."""

from dataclasses import replace

import circuitcheck as cc

FEW = {"name": 12, "place": 4, "object": 4}


def small_ioi() -> cc.Task:
    """IOI with one frame, IO first and S first, and few words."""
    whole = cc.tasks.ioi().definition
    pools = tuple(replace(pool, items=pool.items[: FEW[pool.name]]) for pool in whole.pools)
    return cc.Task(replace(whole, templates=whole.templates[:2], pools=pools))


def names(templates: dict[str, str] | None = None, **counterfactuals: dict[str, str]) -> cc.Task:
    """Two names. `copy` is what A says, under another name."""
    items = small_ioi().definition.pools[0].items
    return cc.Task.define(
        "names",
        templates=templates or {"met": "Then {A} met {B} and", "saw": "Then {B} saw {A} and"},
        pools={"name": items},
        draw={"a": "name", "b": "name", "other": "name"},
        derive={"copy": ("a", {name: name for name in items})},
        slots={"A": "a", "B": "b"},
        answer="a",
        distractor="b",
        counterfactuals=counterfactuals,
    )
