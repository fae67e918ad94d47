"""xdist's workers share the machine: a GPU for each, out of those that the caller allows, and a part of the CPUs.

How it could be fooled: GPUs that the caller kept for somebody else; one GPU for all workers; threads of each worker for the
whole machine; a choice of the user that is overruled; a variable that is set when torch has been imported already."""

import pytest
from claims_folder import Folder

from circuitcheck.plugin.sharing_out import gpu_of, number_of_worker, threads_of, visible_gpus


@pytest.mark.parametrize(
    "said, there, gpus",
    [
        (None, 2, ["0", "1"]),
        (None, 0, []),
        ("", 4, []),
        ("3, 5", 8, ["3", "5"]),
        ("-1", 4, []),
        ("2,-1,3", 4, ["2"]),
        ("GPU-7f3e,MIG-12", 8, ["GPU-7f3e", "MIG-12"]),
    ],
)
def test_only_gpus_that_the_caller_allows(said, there, gpus):
    assert visible_gpus(said, there) == gpus


def test_workers_take_turns():
    assert [gpu_of(["3", "5"], number_of_worker(f"gw{i}")) for i in range(5)] == ["3", "5", "3", "5", "3"]


@pytest.mark.parametrize("cpus, workers, threads", [(8, 3, [3, 3, 2]), (2, 4, [1, 1, 1, 1]), (16, 1, [16])])
def test_threads_are_shared_out_whole(cpus, workers, threads):
    assert [threads_of(cpus, workers, i) for i in range(workers)] == threads


SAYS = """
import os, sys
def test_a(worker_id):
    with open(worker_id, "w") as file:
        print(os.environ.get("CUDA_VISIBLE_DEVICES"), os.environ["OMP_NUM_THREADS"], "torch" in sys.modules, file=file)
test_b = test_c = test_d = test_a
"""


def test_each_worker_is_told_before_torch_is_there(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    pytester.makepyfile(SAYS)
    pytester.runpytest_inprocess("-n2", "--dist=each", "-p", "no:hypothesispytest").assert_outcomes(passed=8)
    told = [(pytester.path / name).read_text().split() for name in ("gw0", "gw1")]
    assert [each[0] for each in told] == ["5", "7"]
    assert [each[2] for each in told] == ["False", "False"]
    assert all(int(each[1]) >= 1 for each in told)


def test_a_device_or_a_number_of_threads_that_was_chosen_stays(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    pytester.makepyfile(SAYS)
    pytester.runpytest_inprocess("-n1", "--circuit-device=cuda:1", "-p", "no:hypothesispytest").assert_outcomes(passed=4)
    assert (pytester.path / "gw0").read_text().split()[:2] == ["5,7", "3"]


GROUPED = """
@cc.claim("a sentence", id="it.{number}", models=["tiny", "organism"], samples=32)
@pytest.mark.parametrize("number", range(3))
def test_it(model, ioi, number, worker_id, request):
    with open(f"ran-{worker_id}", "a") as file:
        print(model.ref.spec, file=file)
    assert ioi.accuracy(model) < 2
"""


def test_claims_of_one_model_can_be_kept_together(folder: Folder) -> None:
    run = folder.run("import pytest\n" + GROUPED, "-n2", "--dist=loadgroup")
    run.result.assert_outcomes(passed=6)
    models = [set((folder.pytester.path / f"ran-gw{number}").read_text().split()) for number in range(2)]
    assert all(len(each) == 1 for each in models)
    assert run.report is not None
    nodes = {claim["node"] for claim in run.report["claims"]}
    assert nodes == {f"hypotheses/test_claims.py::test_it[{m}-{n}]" for n in range(3) for m in ("tiny", "organism")}
    assert run.report["complete"]
