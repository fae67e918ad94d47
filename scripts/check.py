"""`make check`: lint, types and layers; beside them the tests nearest to what changed, for a minute.

What changed is what git has not committed yet; where that is nothing, the last commit. Nearest are tests that changed,
then those that import a module that did, then those of its folder. Tests for which there is no time are named.
"""

import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 60.0
_FINE = (0, 5)  # exit codes of pytest: all passed, or there were none
LINT = (
    ["ruff", "check", "."],
    ["ruff", "format", "--check", "."],
    ["lint-imports"],
    ["mypy"],
)
# Folders of tests that are not called like what they test.
ALSO = {
    "engine": ("engine", "zoo", "reference", "models"),
    "places": ("places", "engine"),
    "plan": ("plan", "engine", "zoo"),
    "report": ("report", "commands", "plugin"),
    "cli": ("commands",),
    "claims": ("claims", "plugin"),
    "ext": ("ext",),
    "testing": ("ext", "zoo"),
}


def changed_files() -> list[str]:
    """Relative to the root; those of the last commit where nothing is uncommitted."""
    now = _git("diff", "--name-only", "HEAD") + _git("ls-files", "--others", "--exclude-standard")
    return now or _git("diff", "--name-only", "HEAD~1", "HEAD")


def tests_near(changed: Iterable[str], tests: dict[str, str]) -> list[str]:
    """Files of `tests` ({path: text}), nearest first; those that nothing leads to are left out."""
    changed = [each for each in changed if each.endswith(".py")]
    modules = [each.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for each in changed]
    imported = re.compile(
        "|".join(rf"\b{re.escape(each)}\b" for each in modules if each.startswith("circuitcheck")) or r"$^"
    )
    folders = {folder for each in changed for folder in _folders_of(each)}
    near = {}
    for path, text in tests.items():
        if path in changed:
            near[path] = 0
        elif imported.search(text):
            near[path] = 1
        elif path.split("/")[1] in folders:
            near[path] = 2
    return sorted(near, key=lambda path: (near[path], path))


def _folders_of(path: str) -> tuple[str, ...]:
    parts = path.split("/")
    if parts[0] == "scripts":
        return ("scripts",)
    if parts[0] != "circuitcheck" or len(parts) < 2:
        return ()
    name = parts[1].removesuffix(".py")
    return ALSO.get(name, (name,))


class StopInTime:
    """A plugin for pytest: the session ends after the first test that ends late."""

    def __init__(self, seconds: float) -> None:
        self.until = time.monotonic() + seconds
        self.left: list[str] = []
        self.is_over = False

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        self.left = [item.nodeid.split("::")[0] for item in items]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: Any) -> Iterator[None]:
        result = yield
        self.left.pop(0)
        if self.left and time.monotonic() > self.until and not item.session.shouldfail:
            self.is_over = True
            item.session.shouldstop = f"{SECONDS:g} seconds are over"
        return result


def run_tests(paths: list[str]) -> bool:
    """Whether all that were run passed."""
    if not paths:
        print("no tests are near to what changed")
        return True
    clock = StopInTime(SECONDS)
    failed = pytest.main([*paths, "-m", "not slow", "-q", "--no-header", "-x", "-p", "no:cacheprovider"], plugins=[clock])
    if clock.is_over:
        files = ", ".join(dict.fromkeys(clock.left))
        print(f"no time for {len(clock.left)} tests of {files}: make test runs them all")
    return clock.is_over if failed == pytest.ExitCode.INTERRUPTED else failed in _FINE


def lint() -> bool:
    """All steps, one after the other; says what each that failed said."""
    passed = True
    for step in LINT:
        done = subprocess.run(
            [str(Path(sys.executable).with_name(step[0])), *step[1:]],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            print(f"{' '.join(step)} failed:\n{done.stdout}{done.stderr}")
        passed &= done.returncode == 0
    return passed


def _git(*words: str) -> list[str]:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.split() if done.returncode == 0 else []


def main() -> int:
    tests = {str(path.relative_to(ROOT)): path.read_text() for path in sorted((ROOT / "tests").rglob("test_*.py"))}
    near = tests_near(changed_files(), tests)
    with ThreadPoolExecutor(1) as beside:
        linted = beside.submit(lint)
        tested = run_tests(near)
        return 0 if linted.result() and tested else 1


if __name__ == "__main__":
    sys.exit(main())
