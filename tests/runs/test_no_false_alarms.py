"""A model that did not change never alarms, whatever the batches were and however its passes were shortened.

How it could be fooled: by margins so wide that no noise of a machine fills them. So each claim is compared twice: with the
margin that it has of itself, and with one that any other number would leave.
"""

import random
from collections import Counter

import pytest
from made_runs import claim, report

import circuitcheck as cc
from circuitcheck.runs.compare import compare_runs
from circuitcheck.session import Settings

RERUNS, PROMPTS, TIGHT = 200, 64, 1e-12
ALARMS = {"moved", "broke"}


def run(**settings: object) -> list[dict]:
    """What a report says of claims about the organism, each measured in a session of its own."""
    with cc.use_session(cc.Session(Settings(device="cpu", fixed=PROMPTS, **settings))):
        model, ioi = cc.load("organism"), cc.tasks.ioi().on_stream("test")
        mover = model.ablate("L0H2", kind="mean", at="END", n=64)
        given = model.ablate("L0H2", kind="counterfactual", source="abc", at="END")
        others = model.ablate("L0H0, L0H1, L0H3", kind="mean", at="END", n=64)
        asked = {
            "task": ioi.logit_diff(model) > 2,
            "mover": ioi.recovered(mover) < 0.3,
            "given": ioi.recovered(given) < 0.3,
            "others": ioi.recovered(others) == cc.approx(1.0, abs=0.1),
            "loss": ioi.loss(mover) - ioi.loss(model) > 0.5,
            "right": ioi.accuracy(model) > 0.6,
            "written": ioi.attribution(model, "L1H3") < 3,
        }
        return report(*(claim(name, each.decide()) for name, each in asked.items()))["claims"]


def words(before: list[dict], now: list[dict], margin: float | None) -> dict[str, str]:
    found = compare_runs(before, [{**each, "margin": margin} for each in now])
    return {each.key.partition("[")[0]: each.word for each in found.claims}


@pytest.mark.slow
def test_no_claim_alarms_in_200_reruns_with_other_batches() -> None:
    dice, before, found, told = random.Random(18), run(), Counter(), Counter()
    for _ in range(RERUNS):
        now = run(batch=dice.randint(1, 100), fast=dice.choice(["on", "off"]))
        found.update(words(before, now, None).values())
        told.update(words(before, now, TIGHT).values())
    assert found.total() == told.total() == RERUNS * len(before)
    assert not ALARMS & set(found), found
    assert found["same"] > 0.99 * found.total(), found
    assert not ALARMS & set(told), told
    assert told["same"] > 0.9 * told.total(), told  # or the silence would be of claims that cannot be told
