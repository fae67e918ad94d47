"""`circuitcheck rerun`: the claims of a report once more, with its settings, compared with what it says."""

import argparse
import contextlib
import io
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circuitcheck.commands.saying import Plain, not_written, refuse
from circuitcheck.errors import BadRecord, CircuitCheckError

if TYPE_CHECKING:
    import pytest

    from circuitcheck.runs.rerun import OneRun


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "rerun", help="run the claims of a report again, with its settings and models, and compare the two"
    )
    parser.add_argument("report", type=Path, help="a JSON report; run this in the folder that pytest ran in")
    parser.add_argument("-o", "--output", type=Path, metavar="PATH", help="keep the new report (.json)")
    parser.add_argument("--reuse", action="store_true", help="read values from the store, which then are not measured again")
    parser.add_argument("--check", action="store_true", help="only say what cannot be reproduced; nothing runs")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """0 where every claim came out as it was, by the same or statistically the same numbers; 1 where not; 2 for what cannot
    be read, run or written."""
    from circuitcheck.report import environment  # late: --help is to be quick
    from circuitcheck.runs.reading import read_report
    from circuitcheck.runs.rerun import differences, missing, runs_of
    from circuitcheck.settings import Settings

    try:
        report = read_report(given.report)
    except BadRecord as error:
        return refuse(str(error))
    runs = runs_of(report)
    if not runs:
        return refuse(f"{given.report}: no claim of it came to a verdict, so there is nothing to run again.")
    here = environment(Settings(), Path.cwd())
    lacking = list(dict.fromkeys(each for part in runs for each in missing(part, Path.cwd())))
    told = [*dict.fromkeys(each for part in runs for each in differences(part.environment, here)), *lacking]
    _say("not as it was" if told else "all is as it was, as far as that can be told: commit, packages, files and models")
    for line in told:
        _say(f"  {line}")
    if not any(Path(file).is_file() for part in runs for file in part.files):
        return refuse("no file of these claims is here: run this in the folder that pytest ran in.")
    if given.check:
        return 1 if told else 0
    _say(f"running {sum(len(part.claims) for part in runs)} claims again")
    with tempfile.TemporaryDirectory(prefix="circuitcheck-") as folder:
        return _met(given, runs, Path(folder))


def _met(given: argparse.Namespace, runs: "list[OneRun]", folder: Path) -> int:
    from circuitcheck.files import write_whole  # late: --help is to be quick
    from circuitcheck.report import merged
    from circuitcheck.report.reuse import reuse_line
    from circuitcheck.runs.compare import compare_runs
    from circuitcheck.runs.drift_record import whole_record
    from circuitcheck.runs.drift_table import write_drift
    from circuitcheck.runs.reading import read_report

    reports = {}
    for number, part in enumerate(runs, 1):
        path = folder / f"rerun-{number}.json"
        said = _pytest(part, path, reuse=given.reuse)
        if not path.is_file():
            sys.stderr.write(said)
            return refuse("nothing could be run again; pytest says why above.")
        reports[path.name] = read_report(path)
    whole = next(iter(reports.values())) if len(reports) == 1 else merged(reports)
    try:
        found = compare_runs([claim for part in runs for claim in part.claims], whole["claims"])
    except (CircuitCheckError, ArithmeticError, ValueError) as error:
        return refuse(str(error))
    write_drift(Plain(), whole_record(found))
    if old_values := reuse_line(whole["claims"]):
        _say(f"{old_values}: of these this is no second measurement; without --reuse all are measured again")
    try:
        if given.output is not None:
            from circuitcheck.report.formats import as_json

            write_whole(given.output, as_json(whole))
    except (OSError, ValueError) as error:
        return not_written(given.output, error)
    total, again = len(found.claims) + len(found.orphans), found.counts["same"] + found.counts["holds"]
    _say(f"{again} of {total} claims came out again{'' if not old_values else ' (with values reused)'}")
    return 0 if again == total else 1


class _Only:
    """A plugin that leaves the tests of these claims: a test that is gone must not keep the others from running."""

    def __init__(self, nodes: set[str]) -> None:
        self._nodes = nodes

    def pytest_collection_modifyitems(self, config: "pytest.Config", items: "list[pytest.Item]") -> None:
        others = [item for item in items if item.nodeid not in self._nodes]
        items[:] = [item for item in items if item.nodeid in self._nodes]
        config.hook.pytest_deselected(items=others)


def _pytest(part: "OneRun", path: Path, *, reuse: bool) -> str:
    """What it said. Counterexamples that were found since are left out: they would be tried first."""
    import pytest

    files = [each for each in part.files if Path(each).is_file()]
    store = [] if reuse else ["--circuit-store=off"]
    quiet = ["-q", "-p", "no:cacheprovider", "-n0"] if _has_xdist() else ["-q", "-p", "no:cacheprovider"]
    own = [f"--circuit-report={path}", "--circuit-counterexamples=off", *store]
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        pytest.main([*files, *quiet, *part.options, *own], plugins=[_Only({claim["node"] for claim in part.claims})])
    return said.getvalue()


def _has_xdist() -> bool:
    from importlib.util import find_spec

    return find_spec("xdist") is not None


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
