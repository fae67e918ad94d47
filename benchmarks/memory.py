"""Does memory grow with the number of claims? Resident memory of one pytest process, against that after a tenth of them.

    python benchmarks/memory.py [--claims 10000]

Each claim ablates another head, at another threshold, of the organism, so that results are as different as claims are.
pytest itself keeps three reports for each test. So as many empty tests are run without circuitcheck, and the difference
is what circuitcheck keeps.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

_CONFTEST = """
def pytest_runtest_teardown(item):
    index = item.callspec.params["index"]
    if index % EVERY == EVERY - 1:
        with open("/proc/self/status") as status:
            kilobytes = next(line.split()[1] for line in status if line.startswith("VmRSS"))
        with open(PATH, "a") as log:
            log.write(f"{index + 1} {kilobytes}\\n")
"""
_CLAIMS = """
import pytest
import circuitcheck as cc
from circuitcheck.fixtures import *

@pytest.mark.parametrize("index", range(CLAIMS))
@cc.claim("without one head little is lost", id="many.{index}", model="organism", samples=32)
def test_many(model, ioi, index):
    head = f"L{index % 4}H{index // 4 % 4}"
    assert ioi.recovered(model.ablate(head, kind="zero", at="END")) > -9 - index / CLAIMS
"""
_EMPTY_TESTS = """
import pytest

@pytest.mark.parametrize("index", range(CLAIMS))
def test_many(index):
    assert index > -1
"""


def sizes(tests: str, count: int, *options: str) -> dict[int, int]:
    """Resident memory in bytes after each tenth of ``count`` tests, by the number of tests that have run."""
    with tempfile.TemporaryDirectory() as folder:
        here, log = Path(folder), Path(folder) / "log"
        conftest = _CONFTEST.replace("EVERY", str(count // 10)).replace("PATH", repr(str(log)))
        (here / "conftest.py").write_text(conftest, encoding="utf-8")
        (here / "test_many.py").write_text(tests.replace("CLAIMS", str(count)), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, str(here)]
        done = subprocess.run(
            command, cwd=here, check=False, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
        if done.returncode:
            raise SystemExit(f"pytest ended with {done.returncode}")
        lines = log.read_text(encoding="utf-8").splitlines()
    return {int(tests_run): int(kilobytes) << 10 for tests_run, kilobytes in map(str.split, lines)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--claims", type=int, default=10_000)
    count = parser.parse_args().claims
    claims = sizes(_CLAIMS, count, "--circuit-summary=off")
    empty = sizes(_EMPTY_TESTS, count, "-p", "no:circuitcheck")
    first, *_, last = claims
    for ran, size in claims.items():
        grown, grown_empty = ((of[ran] - of[first]) / 2**20 for of in (claims, empty))
        print(
            f"after {ran:6,} claims: {size / claims[first]:.3f} of the memory after {first:,} ({size >> 20} MB), "
            f"{grown:.1f} MB more; as many empty tests of pytest alone: {grown_empty:.1f} MB more"
        )
    ours = claims[last] - claims[first] - empty[last] + empty[first]
    share = ours / claims[first]
    print(f"circuitcheck keeps {ours / (last - first):.0f} bytes a claim, {share:.1%} of the memory after {first:,}")


if __name__ == "__main__":
    main()
