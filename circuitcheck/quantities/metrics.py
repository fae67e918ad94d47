"""Metrics that a user writes."""

from collections.abc import Callable
from typing import Any

from circuitcheck.plan import Custom, Metric
from circuitcheck.plan.metrics import Support


def metric(function: Callable[[Any, Any], Any], *, name: str | None = None, support: Support = "real") -> Custom:
    """`function(logits, prompts)` as a metric: logits [prompt, vocab] (a torch tensor, at each prompt's last token) and the
    `Prompt`s in, one number per prompt out. `support` is "real", "binary" or (low, high), and decides the statistics."""
    return Custom(function, name or str(getattr(function, "__name__", "custom")), support)


def as_metric(given: object) -> Metric:
    """Raises TypeError for what is neither a metric nor a function."""
    if isinstance(given, Metric):
        return given
    if callable(given):
        return metric(given)
    raise TypeError(f"{given!r} is no metric; expected one such as cc.LogitDiff(), or a function of (logits, prompts).")
