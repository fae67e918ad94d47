"""`circuitcheck store`: what is kept, and letting go of it."""

import sqlite3
import time

import pytest
from stored_blocks import KEY, block

from circuitcheck.cli import main
from circuitcheck.engine.protocol import ModelCard
from circuitcheck.places import Architecture
from circuitcheck.plan import ModelRef
from circuitcheck.store import Key, Store

OTHER = Key("values", ("other",), "gpt2 (bfloat16, cuda:0)", "greater-than")
CARD = ModelCard(ModelRef("gpt2", "0", "float32", "never"), Architecture(1, 1, 1, 1), {}, "cpu")
YEAR = 366 * 86_400


@pytest.fixture
def folder(tmp_path):
    old, new = Store(tmp_path, 100, lambda: time.time() - YEAR), Store(tmp_path, 100)
    old.keep([(KEY, block(0)), (KEY, block(8)), (Key("values", ("third",), KEY.model, KEY.subject), block(0))])
    new.keep([(OTHER, block(0))])
    new.keep_record(Key("model", ("gpt2",), "gpt2"), CARD)
    for store in (old, new):
        store.close()
    return tmp_path


def test_it_shows_models_tasks_and_days(folder, capsys):
    assert main(["store", str(folder)]) == 0
    head, ioi, other, last = (line.split() for line in sorted(capsys.readouterr().out.splitlines(), key=order))
    assert head[:5] == ["model", "task", "cells", "values", "kB"]
    assert ioi[:6] == ["organism", "(float32,", "cpu)", "ioi", "2", "24"]
    assert other[3:6] == ["greater-than", "1", "8"]
    assert ioi[-1] < other[-1] == time.strftime("%Y-%m-%d", time.gmtime())
    assert last[:3] == ["1", "model", "known"]


def order(line):
    return [line.startswith(start) for start in ("1 model", "gpt2", "organism")]


def shown(folder, capsys):
    capsys.readouterr()
    assert main(["store", str(folder)]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, stays, entries",
    [
        (["--older-than", "30"], {"gpt2"}, 3),
        (["--older-than", "500"], {"gpt2", "organism"}, 0),
        (["--all"], set(), 5),
        (["--max-mb", "1"], {"gpt2", "organism"}, 0),
        (["--max-mb", "0"], set(), 5),
    ],
)
def test_pruning(folder, capsys, arguments, stays, entries):
    assert main(["store", "prune", str(folder), *arguments]) == 0
    assert capsys.readouterr().out.startswith(f"{entries} entries went")
    said = shown(folder, capsys)
    assert {name for name in ("gpt2", "organism") if f"{name} (" in said} == stays


def test_everything_means_files_that_were_left_behind_too(folder, capsys):
    (folder / "values-3.db").write_bytes((folder / "values-0.db").read_bytes())
    main(["store", "prune", str(folder), "--all"])
    assert [each.name for each in folder.iterdir()] == ["values-3.db"]
    assert (folder / "values-3.db").stat().st_size < 20_000


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["prune"], "prune what?"),
        (["--all"], "circuitcheck store prune"),
        (["one", "two"], "one store at a time"),
        (["prune", "--older-than", "-1"], "0 or more"),
        (["prune", "--older-than", "nan"], "0 or more"),
    ],
)
def test_what_cannot_be_done_is_said(arguments, words, capsys):
    assert main(["store", *arguments]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("name", ["nothing", "file", "nul\0", "x" * 5000])
def test_where_there_is_no_store(tmp_path, capsys, name):
    (tmp_path / "file").write_text("")
    assert main(["store", str(tmp_path / name)]) == 1
    assert "there is no store of values in" in capsys.readouterr().err
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_the_usual_folder_is_that_of_the_project(folder, tmp_path_factory, monkeypatch, capsys):
    project = tmp_path_factory.mktemp("project")
    (project / "pyproject.toml").write_text("")
    (project / ".circuitcheck").mkdir()
    (project / ".circuitcheck" / "values").symlink_to(folder, target_is_directory=True)
    (project / "inside").mkdir()
    monkeypatch.chdir(project / "inside")
    assert main(["store"]) == 0
    assert "organism" in capsys.readouterr().out


def test_damaged_texts_and_numbers_are_shown_as_they_can_be(folder, capsys):
    connection = sqlite3.connect(folder / "values-0.db")
    connection.execute("UPDATE entries SET model = CAST(x'ff1b5b' AS TEXT), made = 'text', used = 1e300, stop = x'00'")
    connection.commit()
    connection.close()
    assert "\x1b" not in shown(folder, capsys)


def test_a_damaged_file_is_told(tmp_path, capsys):
    (tmp_path / "values-0.db").write_bytes(b"x" * 9000)
    assert main(["store", str(tmp_path)]) == 0
    assert "0 models known" in capsys.readouterr().out
