"""What changes nothing is said to change nothing, although a shortened pass rounds in another way than a whole one.

How it could be fooled: a value that is written in its own place comes from another pass, and differs by rounding; where the
value is small beside what it is summed from, that is more than the 1e-6 of it that count as a change."""

import pytest
from tiny_dictionaries import tiny_sae

import circuitcheck as cc

N = 8
SITES = ("L1.mlp", "L1.attn", "L2H1", "L2.resid_post", "L2.mlp")
ROUNDING = "receipts compare what a short pass gave with what a whole one gave: rounding counts as a change"


@pytest.fixture(scope="module", params=["llama"])
def either(two_ways, request):
    return two_ways(request.param)


@pytest.fixture
def receipt(either, alike):
    """(that of a view beside the untouched model when passes are whole, when they are shortened)"""

    def both(view):
        plan = either.plan(alike, (view, cc.logit_diff()), (either.model, cc.logit_diff()))
        return [run(plan, N).receipts[0][-1] for run in (either.whole, either.fast)]

    return both


def own_value(model, site, at="END"):
    """Of the run that it is in: a plan by hand, which the library's own words refuse."""
    return model.patch(site, source="clean", at=at, allow_vacuous=True)


def test_a_site_that_gets_its_own_value_is_idle(either, receipt):
    found = {site: receipt(own_value(either.model, site)) for site in SITES}
    assert {site: whole.idle for site, (whole, _) in found.items()} == {
        site: whole.sites for site, (whole, _) in found.items()
    }
    assert {site: fast.idle for site, (_, fast) in found.items()} == {site: whole.idle for site, (whole, _) in found.items()}


def test_a_site_that_gets_its_own_value_is_no_change_of_a_prompt(either, receipt):
    for site in SITES:
        assert [each.changed for each in receipt(own_value(either.model, site))] == [0, 0]


def test_a_neuron_that_gets_its_own_value_is_no_change_of_a_prompt(either, receipt):
    """Its value may be far smaller than what it is summed from."""
    changed = [receipt(own_value(either.model, f"L2.mlp[{number}]")) for number in range(12)]
    assert [whole.changed for whole, _ in changed] == [0] * 12
    assert [fast.changed for _, fast in changed] == [0] * 12


def test_features_that_do_not_fire_are_not_said_to(either, receipt):
    width = int(either.loaded.model.cfg.d_model)
    silent = cc.sae(tiny_sae(width, 4, features=8, silent=(2, 3)), at="L2.resid_pre")
    whole, fast = receipt(either.model.remove(silent[2, 3], at="END", allow_vacuous=True))
    assert [each.fires for each in fast.features] == [each.fires for each in whole.features] == [0, 0]
    assert (
        (fast.changed, fast.idle, fast.relative) == (whole.changed, whole.idle, whole.relative) == (0, whole.sites, (0,) * N)
    )


def test_features_are_counted_alike(either, receipt):
    width, fired = int(either.loaded.model.cfg.d_model), 0
    some = cc.sae(tiny_sae(width, 4, features=8), at="L2.resid_pre")[0, 3, 5]
    for at in ("END", "B, END", None):
        whole, fast = receipt(either.model.remove(some, at=at, allow_vacuous=True))
        assert [each.fires for each in fast.features] == [each.fires for each in whole.features]
        for mine, theirs in zip(fast.features, whole.features, strict=True):
            assert mine.activation == pytest.approx(theirs.activation, abs=1e-4)
        assert fast.output == pytest.approx(whole.output, abs=1e-5)
        fired += sum(each.fires for each in whole.features)
    assert fired
