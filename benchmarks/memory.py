"""Does memory grow with the number of claims? Resident memory of one pytest process, against that after a tenth of them.

    python benchmarks/memory.py [--claims 10000]

Each claim ablates another head, at another threshold, of the organism, so that results are as different as claims are.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

_CONFTEST = """
from circuitcheck.fixtures import *

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

@pytest.mark.parametrize("index", range(CLAIMS))
@cc.claim("without one head little is lost", id="many.{index}", model="organism", samples=32)
def test_many(model, ioi, index):
    head = f"L{index % 4}H{index // 4 % 4}"
    assert ioi.recovered(model.ablate(head, kind="zero", at="END")) > -9 - index / CLAIMS
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--claims", type=int, default=10_000)
    count = parser.parse_args().claims
    with tempfile.TemporaryDirectory() as folder:
        here, log = Path(folder), Path(folder) / "log"
        conftest = _CONFTEST.replace("EVERY", str(count // 10)).replace("PATH", repr(str(log)))
        (here / "conftest.py").write_text(conftest, encoding="utf-8")
        (here / "test_many.py").write_text(_CLAIMS.replace("CLAIMS", str(count)), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--circuit-summary=off", str(here)]
        done = subprocess.run(
            command, cwd=here, check=False, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
        if done.returncode:
            raise SystemExit(f"pytest ended with {done.returncode}")
        sizes = [tuple(map(int, line.split())) for line in log.read_text(encoding="utf-8").splitlines()]
    for claims, kilobytes in sizes:
        first, before = sizes[0]
        print(f"after {claims:6,} claims: {kilobytes / before:.3f} of the memory after {first:,} ({kilobytes >> 10} MB)")


if __name__ == "__main__":
    main()
