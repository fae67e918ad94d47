"""Path patching, against explicit recomputation with every other path frozen (`sites_reference.py`, by another hand)."""

import numpy as np
import pytest
import torch
from sites_bench import N, differences

from circuitcheck.errors import BadIntervention


@pytest.fixture(autouse=True)
def fresh_session(bench):
    """The models of this module outlive a test."""


PATHS = {
    "head into a query": ("L0H1", "L1H2.q", [("z", 0, 1)], [("q", 1, 2)]),
    "heads and MLP into keys": (
        "L0H1, L1H3, L0.mlp",
        "L2H0.k, L2H1.k",
        [("z", 0, 1), ("z", 1, 3), ("mlp_out", 0)],
        [("k", 2, 0), ("k", 2, 1)],
    ),
    "into values of two layers": ("L0H0, L1H2", "L1H1.v, L2H0.v", [("z", 0, 0), ("z", 1, 2)], [("v", 1, 1), ("v", 2, 0)]),
    "MLP into a later MLP": ("L0.mlp", "L2.mlp", [("mlp_out", 0)], [("mlp_in", 2)]),
    "into the logits": ("L0H3, L2H1, L1.mlp", "logits", [("z", 0, 3), ("z", 2, 1), ("mlp_out", 1)], [("logits",)]),
    "into q, k and v": (
        "L0H2, L0.mlp",
        "L1H3.q, L1H1.k, L1H1.v",
        [("z", 0, 2), ("mlp_out", 0)],
        [("q", 1, 3), ("k", 1, 1), ("v", 1, 1)],
    ),
}
POSITIONS = {
    "END": (["END"], None),
    "from S2 to END": (["END"], ["S2"]),
    "everywhere": (None, None),
    "names": (["IO", "S2"], ["IO", "S1"]),
}


def by_hand(bench, senders, receivers, sender_at, at):
    """[prompt]; those that have these positions at the same tokens are run together."""
    groups = {}
    for row, prompt in enumerate(bench.prompts):
        places = tuple(each and tuple(bench.columns(prompt, each)) for each in (sender_at, at))
        groups.setdefault(places, []).append(row)
    found = np.full(N, np.nan)
    for places, rows in groups.items():
        prompts = [bench.prompts[row] for row in rows]
        tokens, others = (torch.cat([bench.tokens(prompt, run) for prompt in prompts]) for run in ("clean", "abc"))
        logits = bench.plain.path_patched_logits(tokens, others, senders, receivers, *places)
        found[rows] = differences(logits, prompts)
    return found


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
@pytest.mark.sampled(2)
def test_receivers_read_the_senders_of_the_other_run_and_all_else_is_frozen(bench, path):
    senders, into, plain_senders, plain_receivers = path
    for at, sender_at in POSITIONS.values():
        view = bench.model.patch_path(senders, into=into, source="abc", at=at, sender_at=sender_at, allow_vacuous=True)
        expected = by_hand(bench, plain_senders, plain_receivers, sender_at, at)
        found = bench.task.logit_diff(view).values(N)
        np.testing.assert_allclose(found, expected, rtol=0, atol=bench.tolerance, err_msg=f"{at} {sender_at}")


@pytest.mark.sampled(2)
def test_a_head_sends_to_the_mlp_of_its_own_block_where_layers_follow_each_other(bench):
    if bench.plain.parallel:
        with pytest.raises(BadIntervention, match="no path leads there"):
            bench.model.patch_path("L1H1", into="L1.mlp", source="abc")
        return
    view = bench.model.patch_path("L1H1", into="L1.mlp", source="abc", at="END")
    expected = by_hand(bench, [("z", 1, 1)], [("mlp_in", 1)], None, ["END"])
    np.testing.assert_allclose(bench.task.logit_diff(view).values(N), expected, rtol=0, atol=bench.tolerance)


@pytest.mark.sampled(3)
def test_what_acts_before_acts_in_the_frozen_run_too(bench):
    """With another head ablated beforehand, the receiver does not read it; afterwards, the receiver has read it already."""
    before = bench.model.ablate("L0H2", kind="zero").patch_path(
        "L0H1", into="L1H2.q", source="abc", at="END", allow_vacuous=True
    )
    after = bench.model.patch_path("L0H1", into="L1H2.q", source="abc", at="END", allow_vacuous=True)
    after = after.ablate("L0H2", kind="zero")
    first, second = (bench.task.logit_diff(view).values(N) for view in (before, after))
    assert np.abs(first - second).max() > 1e-4


def test_paths_that_lead_nowhere_are_refused(bench):
    for senders, into, match in (
        ("L2H0", "L1H0.q", "comes after every receiver"),
        ("L1H0", "L1H1.q", "comes after every receiver"),
        ("L0.attn", "L1H0.q", "cannot send"),
        ("L0H0", "L1H0.z", "does not read"),
        ("L0H0", "L1.resid_post", "does not read"),
    ):
        with pytest.raises(BadIntervention, match=match):
            bench.model.patch_path(senders, into=into, source="abc")
