"""`circuitcheck report FILE`: whatever the file holds, a table or a sentence. Journals of real runs are read in
tests/plugin/test_nothing_is_lost.py."""

import json

import pytest

from circuitcheck.cli import main
from circuitcheck.report import load_schema

RUN = {"kind": "run", "environment": {}}
CLAIM = {"kind": "result", "claim": {"id": "a", "param": None}}


@pytest.mark.parametrize(
    "lines",
    [
        [RUN],
        [CLAIM],
        [{"kind": "collected", "claims": 5}],
        [{"kind": "collected", "claims": [5]}],
        [{"kind": "evil", "claim": {}}],
        [{"kind": ["run"]}],
        [{"kind": "end", "exit_status": 10**400}],
        ["text"],
        [[]],
    ],
    ids=str,
)
def test_entries_of_another_shape_are_refused(tmp_path, capsys, lines):
    path = tmp_path / "x.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert main(["report", str(path)]) == 2
    assert "no entry of a journal" in capsys.readouterr().err


@pytest.mark.parametrize("text", ['{"kind": "end", "exit_status": NaN}\n', "[" * 100_000 + "\n", "\x00\n"])
def test_lines_that_are_no_json_are_refused(tmp_path, capsys, text):
    path = tmp_path / "x.jsonl"
    path.write_text(text)
    assert main(["report", str(path)]) == 2
    assert "no entry of a journal" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["/dev/zero", "/nowhere", "nul\0", "x" * 5000])
def test_what_is_no_file_is_refused(capsys, path):
    assert main(["report", path]) == 2
    assert capsys.readouterr().err


def test_a_journal_that_is_not_there_says_where_journals_are(tmp_path, capsys):
    assert main(["report", str(tmp_path / "x.jsonl")]) == 2
    assert "there is no file" in (said := capsys.readouterr().err)
    assert ".circuitcheck/journals" in said


def test_a_report_is_told_from_a_journal(tmp_path, capsys):
    (tmp_path / "r.json").write_text('{\n "claims": []\n}\n')
    assert main(["report", str(tmp_path / "r.json")]) == 2
    assert "a report made of one is not a journal" in capsys.readouterr().err


def test_the_schema_is_printed(capsys):
    assert main(["report", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out) == load_schema()


def test_without_a_journal_it_says_what_it_needs(capsys):
    assert main(["report"]) == 2
    assert "name a file of .circuitcheck/journals" in capsys.readouterr().err
