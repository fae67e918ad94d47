"""Do the claims in `hypotheses/` hold on prompts that nobody had seen, and fail for heads that nobody chose?

    python scripts/check_claims.py [--seeds 11 12 13 14 15] [--draws 2026 2027 2028]

1. Every claim comes out as expected under each of `--seeds`, none of which was used while the claims were written.
2. Every claim marked `heads_matter` stops being supported when its heads are replaced by as many others of the same
   layers, drawn by each seed of `--draws`. The heads drawn are printed.

Exits with 1, after the whole table, if anything did not.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from circuitcheck.places import Architecture, Head, Unit, parse_units
from circuitcheck.quantities import ModelView

_CLAIMS = str(Path(__file__).parents[1] / "hypotheses")
_QUIET = ("-q", "--circuit-ledger=off")  # every seed asks the same questions: the ledger would count them as tries


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="*", default=[11, 12, 13, 14, 15])
    parser.add_argument("--draws", type=int, nargs="*", default=[2026, 2027, 2028])
    arguments = parser.parse_args()
    failures = [line for seed in arguments.seeds for line in check_seed(seed)]
    failures += check_random_heads(arguments.draws)
    print("\n".join(failures) if failures else "all as they should be")
    return 1 if failures else 0


def check_seed(seed: int) -> list[str]:
    """What did not come out as expected on the prompts of `seed`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.json"
        command = [
            sys.executable,
            "-m",
            "pytest",
            _CLAIMS,
            *_QUIET,
            "-m",
            "not slow",
            f"--circuit-seed={seed}",
            f"--circuit-report={path}",
        ]
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
        claims = _claims(path)
    print(f"seed {seed}: {_verdicts(claims)}", flush=True)
    if not claims:
        return [f"seed {seed}: no claim was run"]
    return [f"seed {seed}: {claim['id']} is {claim['verdict']}" for claim in claims if not claim["as_expected"]]


def check_random_heads(draws: Iterable[int]) -> list[str]:
    """What was still supported about heads that were drawn by lot."""
    return [line for seed in draws for line in _check_draw(seed)]


def _check_draw(seed: int) -> list[str]:
    drawn: list[str] = []
    ablate = ModelView.ablate

    def ablate_others(view: ModelView, units: Any, **arguments: Any) -> ModelView:
        others = matched_heads(parse_units(units, view.card.architecture), view.card.architecture, random.Random(seed))
        drawn.append(f"{units} -> {', '.join(map(str, others))}")
        return ablate(view, others, **arguments)

    with tempfile.TemporaryDirectory() as folder, mock.patch.object(ModelView, "ablate", ablate_others):
        path = Path(folder) / "report.json"
        quiet = [*_QUIET, "--tb=no", "--circuit-summary=off", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
        pytest.main([_CLAIMS, "-m", "heads_matter", *quiet, f"--circuit-report={path}"])
        claims = _claims(path)
    print(f"draw {seed}: {'; '.join(dict.fromkeys(drawn))}: {_verdicts(claims)}", flush=True)
    if not claims:
        return [f"draw {seed}: no claim is marked heads_matter"]
    return [
        f"draw {seed}: {claim['id']} is {claim['verdict']} with random heads"
        for claim in claims
        if claim["verdict"] not in ("refuted", "inconclusive")
    ]


def matched_heads(units: tuple[Unit, ...], architecture: Architecture, rng: random.Random) -> list[Head]:
    """As many heads of each layer as `units` has, and none of them."""
    heads = [unit for unit in units if isinstance(unit, Head)]
    if len(heads) != len(units):
        raise SystemExit(f"{units} are not all heads: a claim marked heads_matter has to be about heads")
    chosen = []
    for layer in sorted({head.layer for head in heads}):
        claimed = {head.head for head in heads if head.layer == layer}
        others = [head for head in range(architecture.n_heads) if head not in claimed]
        chosen += [Head(layer, head) for head in sorted(rng.sample(others, len(claimed)))]
    return chosen


def _claims(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["claims"] if path.exists() else []
    return found


def _verdicts(claims: list[dict[str, Any]]) -> str:
    return ", ".join(f"{claim['id']} {claim['verdict']} (n={claim['prompts']})" for claim in claims)


if __name__ == "__main__":
    sys.exit(main())
