"""Ablations, circuits, compositions, resampling and metrics on random models of six families, against the same forward
pass by hand. Patches, paths, steering and knock-outs on them are in test_sites_reference.py and test_paths_reference.py."""

import pytest
from cases import ORGANISM_CASES, RESAMPLED, SMALLEST_REAL_EFFECT, VIEWS, On, check_metrics, check_resampled
from real_models import Pair
from sites_bench import BENCHES, Bench, N

import circuitcheck as cc

CHOSEN = [
    name for name in ORGANISM_CASES if " ablation of " in name and name.endswith((" at None", "('END',)", "of heads"))
] + [
    "all but a circuit of layers and heads ablated",
    "all but a circuit of heads ablated",
    "patches at once",
    "patch of some neurons",
    "everything at once",
]


@pytest.fixture(scope="module", params=BENCHES)
def bench_and_pair(request, folders):
    family, dtype = request.param
    session = cc.Session(cc.Settings(batch=N))
    with cc.use_session(session):
        bench = Bench(folders[family], family, dtype)
    whole = 3 if family == "gemma3" else None  # layer 2 sees four tokens
    return bench, Pair(bench.model, bench.plain, session, cc.tasks.ioi(), N, whole)


def test_each_kind_of_ablation_is_among_them():
    assert len(CHOSEN) > 40
    for word in ("zero", "mean", "counterfactual", "swap", "heads", "attention", "mlp", "neurons", "circuit"):
        assert any(word in name for name in CHOSEN), word


@pytest.mark.parametrize("name", CHOSEN)
@pytest.mark.sampled(9)
def test_an_intervention_is_what_it_is_by_hand(bench_and_pair, name):
    bench, pair = bench_and_pair
    pair.check(ORGANISM_CASES[name](On(pair)), bench.tolerance, SMALLEST_REAL_EFFECT)


@pytest.mark.parametrize("what", RESAMPLED)
@pytest.mark.sampled(8)
def test_a_resample_ablation_takes_the_values_of_one_prompt_that_fits(bench_and_pair, what):
    bench, pair = bench_and_pair
    check_resampled(pair, what, None, 64, bench.tolerance)


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.sampled(10)
def test_metrics_are_what_they_are_by_hand(bench_and_pair, name):
    bench, pair = bench_and_pair
    check_metrics(pair, name, bench.tolerance)
