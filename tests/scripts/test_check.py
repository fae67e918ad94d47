"""`make check` runs the tests nearest to a change. How it could be fooled: by choosing none, or by passing where one fails
or where somebody broke it off."""

import subprocess
import sys
from pathlib import Path

import pytest

from scripts.check import tests_near as near  # under its own name pytest would take it for a test

ROOT = Path(__file__).parents[2]

TESTS = {
    "tests/stats/test_a.py": "from circuitcheck.stats.means import mean",
    "tests/stats/test_b.py": "import circuitcheck as cc",
    "tests/zoo/test_c.py": "from circuitcheck.engine.torch.running.run import Run",
    "tests/engine/test_d.py": "",
    "tests/docs/test_e.py": "",
}


def test_importers_come_before_neighbours():
    assert near(["circuitcheck/stats/means.py"], TESTS) == ["tests/stats/test_a.py", "tests/stats/test_b.py"]


def test_a_test_that_changed_comes_first():
    changed = ["circuitcheck/engine/torch/running/run.py", "tests/docs/test_e.py"]
    assert near(changed, TESTS) == ["tests/docs/test_e.py", "tests/zoo/test_c.py", "tests/engine/test_d.py"]


def test_what_no_test_is_near_to_chooses_none():
    assert near(["README.md", "circuitcheck/meaning.py"], TESTS) == []


def test_a_module_is_no_part_of_another_name():
    assert "tests/stats/test_a.py" not in near(
        ["circuitcheck/stats/mean.py"], {"tests/x/test_a.py": TESTS["tests/stats/test_a.py"]}
    )


@pytest.mark.parametrize(
    "body, seconds, fine, said",
    [
        ("assert 0", 60, False, "1 failed"),
        ("raise KeyboardInterrupt", 60, False, "no tests ran"),
        ("pass\n\ndef test_more():\n    pass", -1, True, "no time for 1 tests"),
    ],
)
@pytest.mark.slow
def test_a_failure_and_a_break_are_told_from_the_end_of_the_time(tmp_path, body, seconds, fine, said):
    (tmp_path / "test_it.py").write_text(f"def test_it():\n    {body}\n")
    run = f"import scripts.check as c; c.SECONDS = {seconds}; print('fine', c.run_tests([{str(tmp_path / 'test_it.py')!r}]))"
    found = subprocess.run([sys.executable, "-c", run], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert f"fine {fine}" in found
    assert said in found
