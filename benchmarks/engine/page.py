"""Writes docs/performance.md from what `python benchmarks/engine`, `sweep.py` and `claims.py` wrote with --json FILE.

python benchmarks/engine/page.py FILE...
"""

import json
import sys
from pathlib import Path
from typing import Any

_PAGE = Path(__file__).parents[2] / "docs/performance.md"
_HEAD = """\
# How fast it is

<!-- Written by benchmarks/engine/page.py from what `make bench` measured. -->

A sweep is one plan of many cells. Each pass is shortened to what its intervention can change: layers from the first
that is touched, tokens from the first that is touched, logits only where they are read. Passes that start at the same
place run side by side. [design.md](design.md#decisions-and-why) says how, and `--circuit-fast off` runs every pass
whole. `--circuit-explain` says of each claim how its passes were run, and why some were whole.

The loop that it is compared with is what a user of TransformerLens writes: one `run_with_hooks` for each cell and each
batch of prompts of one length, which is also what `transformer_lens.patching` does. Both give the same numbers. Ours
proves besides that every hook acted, and its time includes the untouched pass that short ones start from.

Seconds are processor seconds of one thread. `operations` is the ratio of the multiplications and additions of matrices
that both do, as torch counts them: what the ratio of times would be if nothing else took time. `share` is how much of
that was reached. Tests ran on the machine's other processor while these pairs were measured. So times are uncertain
by a tenth or more, and a share over 100% says no more than that little else took time. On the organism a call of the
library takes as long as its arithmetic, which is why shares are lower there.

Whole claims (`benchmarks/engine/claims.py`) are decided as in a suite, with looks, noise floors and proof. A claim
alone has a session that knows nothing but its loaded model; in one session claims share what untouched passes leave.
What one claim costs stands beside the loop of the passes that it needs: an untouched one and one with the head out, and
for a later claim on the same task the second alone.

A whole map is a sweep as a user makes it: untouched runs, noise floors, intervals and marks for all cells, and the SVG,
with a batch of all prompts. Beside it stands `get_act_patch_resid_pre` of `transformer_lens.patching` on the same cells
and prompts, without intervals or picture (`benchmarks/engine/sweep.py`).
"""


def main(paths: list[str]) -> None:
    every = [json.loads(Path(path).read_text(encoding="utf-8")) for path in paths]
    measured: dict[str, dict[str, Any]] = {}  # one section for each machine and setting, whose rows may be in several files
    for found in (each for each in every if "cases" in each):
        held = measured.setdefault(json.dumps(found["machine"], sort_keys=True), {**found, "cases": []})
        held["cases"] += found["cases"]
    sections = [*map(_sweeps, measured.values()), _claims([each for each in every if "claims" in each])]
    _PAGE.write_text(_HEAD + "".join(sections), encoding="utf-8")


def _claims(measured: list[dict[str, Any]]) -> str:
    lines = ["\n## Whole claims\n"] if measured else []
    for machine in dict.fromkeys(_of_machine(found["machine"]) for found in measured):
        lines += [machine + "\n", *_rows([found for found in measured if _of_machine(found["machine"]) == machine])]
    return "\n".join([*lines, ""]) if lines else ""


def _rows(measured: list[dict[str, Any]]) -> list[str]:
    lines = ["| what | model | prompts | the first way, s | the second, s | times faster |", "| --- " * 6 + "|"]
    lines += [
        f"| {row['case']} | {found['machine']['model']} | {found['machine']['prompts']} | {row['one_s']:.1f} | "
        f"{row['other_s']:.1f} | {row['ratio']:.2f} |"
        for found in measured
        for row in found["claims"]
    ]
    return lines


def _sweeps(found: dict[str, Any]) -> str:
    facts = found["machine"]
    whole = "" if any("operations_ratio" in each for each in found["cases"]) else ", a whole map"
    lines = [f"\n## {facts['model']}, {facts['prompts']} prompts{whole}\n", _of_machine(facts) + "\n"]
    lines += [
        "| cells | of | loop, s | ours, s | times faster | operations | share | largest difference |",
        "| --- " * 8 + "|",
    ]
    lines += [
        f"| {each['case']} | {each['cells']} | {each['loop_s']:.1f} | {each['ours_s']:.1f} | {each['ratio']:.1f} | "
        f"{_operations(each)} | {each['largest_difference']:.0e} |"
        for each in found["cases"]
    ]
    return "\n".join(lines) + "\n"


def _operations(case: dict[str, Any]) -> str:
    """Two columns; of a whole sweep, which is more than its passes, they were not counted."""
    ratio = case.get("operations_ratio")
    return "|" if ratio is None else f"{ratio:.1f} | {case['ratio'] / ratio:.0%}"


def _of_machine(facts: dict[str, Any]) -> str:
    pairs = "one pair" if facts["pairs"] == 1 else f"medians of {facts['pairs']} pairs"
    scaled = f" The loop's time is that of {facts['looped']} cells, scaled." if "looped" in facts else ""
    return f"{facts['processor']}, torch {facts['torch']}, {pairs}.{scaled}"


if __name__ == "__main__":
    main(sys.argv[1:])
