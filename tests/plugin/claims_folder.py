"""Folders of claims, run by a pytest of their own."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from circuitcheck.report import load_schema

FIXTURES = "from circuitcheck.fixtures import *\n"
PRELUDE = """\
from functools import partial

import circuitcheck as cc

claim = partial(cc.claim, "a sentence", model="tiny")
"""


@dataclass(frozen=True)
class Run:
    """What one pytest run printed, and the report that it wrote (None where it wrote none)."""

    result: pytest.RunResult
    report: dict[str, Any] | None

    @property
    def exit_code(self) -> int:
        return int(self.result.ret)

    @property
    def text(self) -> str:
        return self.result.stdout.str()

    @property
    def claims(self) -> dict[str, dict[str, Any]]:
        assert self.report is not None, self.text
        return {claim["id"]: claim for claim in self.report["claims"]}

    @property
    def verdicts(self) -> dict[str, str]:
        return {name: claim["verdict"] for name, claim in self.claims.items()}

    def shows(self, *patterns: str) -> None:
        """fnmatch patterns of lines, in order."""
        self.result.stdout.fnmatch_lines(patterns)

    def usage_error(self, *words: str) -> None:
        """Refused before a claim ran, in words that hold all of `words`."""
        said = self.text + self.result.stderr.str()
        assert self.exit_code == pytest.ExitCode.USAGE_ERROR, said
        assert not self.report or not self.report["claims"], said
        assert "INTERNALERROR" not in said
        for word in words:
            assert word in said


COSTS = ("seconds", "forward_passes", "work", "peak_memory", "reused", "digest")  # of a claim: others in each run


class Folder:
    """`hypotheses/` with the two-line conftest, next to a checkpoint called `tiny`."""

    def __init__(self, pytester: pytest.Pytester, checkups: Path) -> None:
        self.pytester, self.checkups = pytester, checkups
        self.path = pytester.mkdir("hypotheses")
        (self.path / "conftest.py").write_text(FIXTURES)

    def write(self, source: str, name: str = "test_claims.py") -> Path:
        """`source` comes after imports and `claim`, which is cc.claim with a text and the tiny model."""
        path = self.path / name
        path.write_text(PRELUDE + source)
        return path

    def run(self, source: str | None = None, *arguments: str, report: bool = True, **how: Any) -> Run:
        """Write `source` as test_claims.py and run the folder. A report, where one is written, fits the schema."""
        if source is not None:
            self.write(source)
        path = self.pytester.path / "report.json"
        path.unlink(missing_ok=True)
        if report:
            arguments = (f"--circuit-report={path.name}", *arguments)
        result = self.pytest(*arguments, "hypotheses", **how)
        assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()
        return Run(result, read_report(path) if path.exists() else None)

    def pytest(self, *arguments: str, subprocess: bool = False, **how: Any) -> pytest.RunResult:
        run = self.pytester.runpytest_subprocess if subprocess else self.pytester.runpytest_inprocess
        kept = ("-o", f"circuit_doctor={self.checkups}")  # one examination of the tiny model is enough
        return run("-p", "no:hypothesispytest", *kept, *arguments, **how)  # that plugin imports for 2 s in every run


def read_report(path: Path) -> dict[str, Any]:
    report = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    jsonschema.Draft202012Validator(load_schema()).validate(report)
    return report


def refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
