"""A plan is data: pickled, it means and gives the same in another process."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

import circuitcheck as cc
from circuitcheck.engine.torch import LocalEngine
from circuitcheck.plan import Plan
from circuitcheck.prompts import PromptStream

RUN_PLAN = """
import pickle, sys
from pathlib import Path
from circuitcheck.engine.torch import LocalEngine
plan = pickle.loads(Path(sys.argv[1]).read_bytes())
table = LocalEngine().run(plan, range(32))
Path(sys.argv[2]).write_bytes(pickle.dumps((plan.digest, table.values, table.receipts)))
"""


@pytest.mark.slow
def test_a_pickled_plan_gives_the_same_digest_values_and_receipts_in_a_fresh_process(tiny_gpt2, tmp_path):
    model, ioi = cc.load(str(tiny_gpt2)), cc.tasks.ioi()
    ablated = model.ablate("L0H0, L2H1", kind="mean", at="END, S2", n=64).ablate("L1.mlp", kind="counterfactual", at="END")
    cells = (*ioi.recovered(ablated).cells, *ioi.accuracy(model).cells)
    plan = Plan(model.ref, PromptStream(ioi.definition, "test", 0), cells)
    (tmp_path / "plan").write_bytes(pickle.dumps(plan))

    run = [sys.executable, "-c", RUN_PLAN, str(tmp_path / "plan"), str(tmp_path / "table")]
    subprocess.run(run, check=True, capture_output=True)

    digest, values, receipts = pickle.loads((tmp_path / "table").read_bytes())
    here = LocalEngine().run(plan, range(32))
    assert digest == plan.digest
    np.testing.assert_array_equal(values, here.values)
    assert receipts == here.receipts
