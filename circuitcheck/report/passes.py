"""How the passes of each claim were run, in words."""

from collections.abc import Iterator
from typing import Any

from circuitcheck.peak_memory import peak_in_words
from circuitcheck.report.repeats import Claim, claim_name
from circuitcheck.text import counted


def pass_lines(claims: list[Claim]) -> Iterator[str]:
    """A line for each claim, and one for each reason why passes of it were whole."""
    for claim in claims:
        said = (_how(claim["work"], claim["reused"]), peak_in_words(claim["peak_memory"]))
        yield f"{claim_name(claim)}: {'; '.join(filter(None, said))}"
        for why, passes in sorted(claim["work"]["why_whole"].items(), key=lambda each: (-each[1], each[0])):
            yield f"  {passes:,} {'pass' if passes == 1 else 'passes'} whole: {why}"


def _how(work: dict[str, Any], reused: dict[str, Any]) -> str:
    if not work["needed"]:
        return f"no passes; {reused['values']:,} values were in the store" if reused["values"] else "no passes"
    words = {"shortened": "shortened", "kept": "kept for those to start from", "whole": "whole"}
    parts = [f"{work[name]:,} {said}" for name, said in words.items() if work[name]]
    share = work["done"] / work["needed"]
    return (
        f"passes {', '.join(parts)}, in {counted(work['calls'], 'call')} of the model; "
        f"{share:.1%} of all tokens x layers were run ({1 / share:.1f} times less)"
    )
