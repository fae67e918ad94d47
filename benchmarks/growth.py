"""How time and memory grow with prompts and with views, on the organism.

    python benchmarks/growth.py [--repeat 3]

Time is that of one processor, the least of several tries, each in a session of its own that has measured nothing; the
exponent is the slope of its logarithm on that of the count, over the larger three counts: what a run takes once is spread
over few of the smallest. Memory is the peak of the process above what it was before the try.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import circuitcheck as cc

_PROMPTS = (64, 256, 1024, 4096)
_VIEWS = (1, 8, 64, 512)
_OF_VIEWS, _VIEWS_OF = 64, 8  # prompts where views grow, views where prompts grow


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    repeat = parser.parse_args().repeat
    torch.set_num_threads(1)
    model = cc.load("organism", device="cpu")
    _measure(model, _VIEWS_OF, _PROMPTS[0])
    _show("prompts", _PROMPTS, lambda count: _measure(model, _VIEWS_OF, count), repeat)
    _show("views", _VIEWS, lambda count: _measure(model, count, _OF_VIEWS), repeat)


def _show(what: str, counts: tuple[int, ...], run: Callable[[int], None], repeat: int) -> None:
    seconds, peaks = [], []
    for count in counts:
        before = _resident("VmRSS")
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak counts from here on
        seconds.append(min(_seconds(run, count) for _ in range(repeat)))
        peaks.append((_resident("VmHWM") - before) / 2**20)
        print(f"{count:6,} {what}: {seconds[-1]:7.2f} s, {peaks[-1]:6.1f} MB above the start", flush=True)
    slope = np.polyfit(np.log(counts[1:]), np.log(seconds[1:]), 1)[0]
    print(f"{what}: time grows with exponent {slope:.2f}\n", flush=True)


def _seconds(run: Callable[[int], None], count: int) -> float:
    began = time.process_time()
    run(count)
    return time.process_time() - began


def _measure(model: cc.Model, views: int, prompts: int) -> None:
    """The logit difference without one neuron at END; another neuron for each view."""
    engine, layers = cc.current_session().engine, model.architecture.n_layers
    with cc.use_session(cc.Session(make_engine=lambda _: engine)):
        task = cc.tasks.ioi().on_stream("test")
        units = [f"L{number % layers}.mlp[{number // layers}]" for number in range(views)]
        cells = [task.logit_diff(model.ablate(unit, kind="zero", at="END", allow_vacuous=True)) for unit in units]
        sum(cells[1:], cells[0]).values(prompts)


def _resident(what: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{what}:"))


if __name__ == "__main__":
    main()
