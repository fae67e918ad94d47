"""`circuitcheck selftest`: the tool measures its own error rates."""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from textwrap import fill

from circuitcheck.selftest.attacks import ATTACKS, measure_attack
from circuitcheck.selftest.noise import Distribution, Noise
from circuitcheck.selftest.planted import plant
from circuitcheck.selftest.rates import Measured
from circuitcheck.selftest.revisions import REVISIONS, measure_revision
from circuitcheck.selftest.streams import STREAMS, Stream
from circuitcheck.selftest.table import as_markdown, as_text, legend
from circuitcheck.selftest.trials import (
    DISTANCE,
    Trials,
    beats,
    difference,
    measure_planted,
    measure_stream,
    new_templates,
    ratio,
)
from circuitcheck.session import Settings

_WIDTH = 118  # of lines of a page
Progress = Callable[[Measured, float], None]  # a row, and the seconds it took


@dataclass(frozen=True)
class Extent:
    """How much to measure: claims on the threshold, and on each side of it, for streams and for the planted model."""

    streams: tuple[Stream, ...]
    claims: int
    others: int
    planted: int
    planted_others: int
    skewed: tuple[Distribution, ...]
    attacks: int


QUICK = Extent(tuple(each for each in STREAMS if not each.known)[:4], 400, 50, 18, 6, (), 200)
FULL = Extent(STREAMS, 10_000, 1_000, 1_000, 100, ("exponential",), 10_000)


def selftest(extent: Extent, seed: int = 0, progress: Progress | None = None) -> list[Measured]:
    """Every row of the table, in order."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        for row in _rows(extent, Path(folder), seed):
            found.append(row)
            if progress:
                progress(row, time.perf_counter() - started)
            started = time.perf_counter()
    return found


def _rows(extent: Extent, folder: Path, seed: int) -> Iterator[Measured]:
    for stream in extent.streams:
        yield measure_stream(stream, extent.claims, extent.others, seed)
    for attack in ATTACKS:
        yield measure_attack(attack, extent.attacks, seed)
    for revision in REVISIONS:
        yield measure_revision(revision, extent.attacks, extent.others, seed)
    yield from _planted_rows(extent, folder)


def _planted_rows(extent: Extent, folder: Path) -> Iterator[Measured]:
    settings, part = Settings(device="cpu", samples=128), extent.planted // 3
    normal = plant(folder / "normal")
    about = partial(Trials, settings=settings)
    yield measure_planted("planted model: difference", about(normal, difference), extent.planted, extent.planted_others)
    yield measure_planted("planted model: ratio of means", about(normal, ratio), part, extent.planted_others)
    for noise in extent.skewed:
        skewed = plant(folder / noise, noise=Noise(noise))
        yield measure_planted(f"planted model: difference, {noise} noise", about(skewed, difference), part, 0, "skewed")
    many = plant(folder / "templates", template_spread=0.5, templates=64)
    scoped = Trials(many, new_templates, replace(settings, scope="new_templates"))
    yield measure_planted("planted model: difference, new templates", scoped, part, 0)
    equal = plant(folder / "equal", effects=(1.0,) * 7)
    wrong = about(equal, beats).rates(0.0, range(part))
    yield Measured("planted model: beats heads that are as strong", None, None, wrong)


def main(*, full: bool, seed: int, markdown: Path | None) -> int:
    """Prints the table and what exceeds its nominal rate; returns 1 where something does, else 0."""
    if not __debug__:
        sys.stderr.write("python -O strips the asserts that claims are made of: run the selftest without it.\n")
        return 2

    def say(row: Measured, seconds: float) -> None:
        sys.stderr.write(f"{row.name}: {seconds:.0f} s\n")

    measured = selftest(FULL if full else QUICK, seed, say)
    sys.stdout.write(f"{as_text(measured)}\n\n{legend(DISTANCE)}\n")
    if markdown is not None:
        markdown.write_text(_page(measured, seed), encoding="utf-8")
    faults = [fault for row in measured for fault in row.faults]
    sys.stdout.write("\n".join(faults) + "\n" if faults else "no rate exceeds its nominal one by more than chance\n")
    return 1 if faults else 0


def _page(measured: list[Measured], seed: int) -> str:
    words = (
        f"{legend(DISTANCE)} Looks are at 32, 48, 64, ... 512 values; on the planted model at 32, 48, 64, 96 and 128 "
        f"prompts. Exceptions are explained in [statistics.md](statistics.md)."
    )
    return (
        f"# The tool's own error rates\n\nMeasured by `make selftest` (seed {seed}); nothing here is written by hand.\n"
        f"\n{as_markdown(measured)}\n\n{fill(words, _WIDTH, break_on_hyphens=False)}\n"
    )
