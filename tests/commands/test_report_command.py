"""`circuitcheck report FILE`: whatever the file holds, a table or a sentence. Journals of real runs are read in
tests/plugin/test_nothing_is_lost.py."""

import json

import pytest
import stored

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
    assert "no report of version 1" in capsys.readouterr().err


def test_the_schema_is_printed(capsys):
    assert main(["report", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out) == load_schema()


@pytest.mark.parametrize("words", [[], ["merge"]])
def test_without_a_file_it_says_what_it_needs(capsys, words):
    assert main(["report", *words]) == 2
    assert "name a report (.json), a file of .circuitcheck/journals" in capsys.readouterr().err


@pytest.fixture
def stored_as(tmp_path):
    """Writes a report, and gives its path."""

    def write(name, report):
        path = tmp_path / name
        path.write_text(json.dumps(report))
        return str(path)

    return write


def test_a_report_is_made_into_every_format(stored_as, tmp_path, capsys):
    made = stored.report(stored.claim("one"))
    outputs = [word for name in ("x.html", "x.md", "x.json") for word in ("-o", str(tmp_path / name))]
    assert main(["report", stored_as("a.json", made), *outputs]) == 0
    assert "1 claim: 1 supported" in capsys.readouterr().out
    assert "The model does the task" in (tmp_path / "x.html").read_text()
    assert "1 of 1 claims as expected" in (tmp_path / "x.md").read_text()
    assert json.loads((tmp_path / "x.json").read_text()) == made


def test_the_exit_code_says_whether_all_is_as_expected(stored_as):
    assert main(["report", stored_as("a.json", stored.report(stored.refuted("one")))]) == 1
    assert main(["report", stored_as("b.json", stored.report(complete=False))]) == 1


def test_shards_are_merged(stored_as, tmp_path, capsys):
    parts = [stored_as(f"{i}.json", stored.report(stored.claim(f"c{i}"), environment={"shard": f"{i}/2"})) for i in (1, 2)]
    assert main(["report", "merge", *parts, "-o", str(tmp_path / "all.json")]) == 0
    assert "2 claims: 2 supported" in capsys.readouterr().out
    assert len(json.loads((tmp_path / "all.json").read_text())["claims"]) == 2
    assert main(["report", "merge", parts[0], "-o", str(tmp_path / "half.json")]) == 1
    assert "missing of 2 shards: 2" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words, said",
    [
        (["a.json", "b.json"], "circuitcheck report merge FILE FILE"),
        (["merge", "a.json", "a.json"], "a.json is named twice"),
        (["a.json", "-o", "x.pdf"], "'.pdf'; a path ends in .json, .html, .md"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_read(words, said, capsys):
    assert main(["report", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_report_that_cannot_be_written_costs_no_table(stored_as, tmp_path, capsys):
    path = tmp_path / "nowhere" / "x.html"
    assert main(["report", stored_as("a.json", stored.report(stored.claim())), "-o", str(path)]) == 2
    shown = capsys.readouterr()
    assert "1 claim: 1 supported" in shown.out
    assert f"cannot write to {path}" in shown.err


@pytest.mark.parametrize(
    "change, said",
    [
        ({"schema_version": 2}, "schema_version: 2"),
        ({"claims": [{"id": "x"}]}, "claims/0"),
        ({"exit_status": "0"}, "exit_status"),
        ({"surprise": 1}, "the whole"),
    ],
    ids=str,
)
def test_a_report_that_is_none_is_refused_with_the_place(stored_as, capsys, change, said):
    assert main(["report", stored_as("a.json", {**stored.report(stored.claim()), **change})]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("number", ["1e999", "NaN", "9" * 5000])
def test_numbers_that_no_float_holds_are_refused(stored_as, tmp_path, capsys, number):
    text = json.dumps(stored.report(stored.claim())).replace('"estimate": 0.75', f'"estimate": {number}')
    (tmp_path / "a.json").write_text(text)
    assert main(["report", str(tmp_path / "a.json")]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_parts_within_parts_without_end_are_refused(stored_as, capsys):
    deep = stored.comparison()
    for _ in range(200):
        deep = stored.comparison(parts=[deep])
    assert main(["report", stored_as("a.json", stored.report(stored.claim(comparisons=[deep])))]) == 2
    assert "is no report that can be read" in capsys.readouterr().err


def test_more_entries_than_a_run_has_are_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("circuitcheck.report.journal._MOST", 10)
    path = tmp_path / "x.jsonl"
    path.write_text("".join(json.dumps({"kind": "started", "node": "a"}) + "\n" for _ in range(10)))
    assert main(["report", str(path)]) == 2
    assert "has 11 lines, and a journal of 10 at most is read" in capsys.readouterr().err


def test_a_population_larger_than_any_float_is_a_number(stored_as):
    claims = [stored.claim(prompts=10**30)]
    assert main(["report", stored_as("a.json", stored.report(*claims))]) == 0
