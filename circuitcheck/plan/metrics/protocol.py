"""Metrics as data: one number per prompt, read from one run."""

import math
from typing import ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from circuitcheck.digest import digest
from circuitcheck.errors import BadMetric
from circuitcheck.given import number_of
from circuitcheck.places.positions import At
from circuitcheck.places.sites import Site
from circuitcheck.plan.dictionaries import DictionaryRef
from circuitcheck.text import shown, suggestion

Reading = Literal["logits", "answer", "distractor"]
Support = Literal["real", "binary"] | tuple[float, float]


def check_support(given: object) -> None:
    """Raises BadMetric for what is no support."""
    if given in ("real", "binary"):
        return
    ends = [number_of(each) for each in given] if isinstance(given, tuple | list) else []
    if len(ends) == 2 and ends[0] is not None and ends[1] is not None and ends[0] < ends[1]:
        return
    hint = suggestion(given, ("real", "binary")) if isinstance(given, str) else ""
    raise BadMetric(
        f"support={shown(given)}; expected 'real', 'binary' (each value is 0 or 1) or the range of the values, (low, high) "
        f"with low < high.{hint}"
    )


def bounds_of(support: Support) -> tuple[float, float] | None:
    """The range of a support, or None where an end is open."""
    if support == "real":
        return None
    low, high = (0.0, 1.0) if isinstance(support, str) else support
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None


def supports(support: Support, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of `values` a support allows."""
    if support == "binary":
        return np.isin(values, (0.0, 1.0))
    low, high = (-math.inf, math.inf) if isinstance(support, str) else support
    return (values >= low) & (values <= high)


@runtime_checkable
class Metric(Protocol):
    """`support` decides the statistics: 0/1 metrics never reach a method for real values.

    `reads` says where: the logits at END, or the run that goes on with all of the answer or of the distractor. `tokens` says
    which logits are compared: those of the answer `pair`, of all `candidates`, or `all`; "none" for metrics of
    `sites`, which look at the positions `looks_at`, through `dictionaries` where it is features that they look at.
    `compares_with_clean` asks for the logits of the untouched clean run as well.
    """

    @property
    def name(self) -> str: ...
    @property
    def reads(self) -> Reading: ...
    @property
    def tokens(self) -> Literal["pair", "candidates", "all", "none"]: ...
    @property
    def support(self) -> Support: ...
    @property
    def sites(self) -> tuple[Site, ...]: ...
    @property
    def dictionaries(self) -> tuple[DictionaryRef, ...]: ...
    @property
    def looks_at(self) -> At: ...
    @property
    def compares_with_clean(self) -> bool: ...
    @property
    def digest(self) -> str: ...


class MetricBase:
    """What holds for metrics of logits at END alone. A metric of one's own is a frozen dataclass with this base, `name`,
    `tokens` and `support`; its fields make its digest."""

    reads: ClassVar[Reading] = "logits"
    sites: ClassVar[tuple[Site, ...]] = ()
    dictionaries: ClassVar[tuple[DictionaryRef, ...]] = ()
    looks_at: ClassVar[At] = ()
    compares_with_clean: ClassVar[bool] = False

    @property
    def digest(self) -> str:
        return digest(self)
