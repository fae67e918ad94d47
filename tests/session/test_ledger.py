"""The ledger: what was asked and looked at before, by any process, one line each."""

import json
import os

import pytest

from circuitcheck.session import Asked, Ledger, Looked
from circuitcheck.session import ledger as ledgers


def asked(question="q", *, claim="one", seed=0, budget=512, verdict="inconclusive"):
    return Asked(question, claim, seed, budget, verdict, "q < 1")


def looked(view, stream="test", templates=("a", "b")):
    return Looked(view, "model", stream, templates, f"{view} of it")


@pytest.fixture
def file(tmp_path):
    return tmp_path / "kept" / "ledger.jsonl"


def test_askings_come_back_in_the_order_first_asked_and_once_each(file):
    ledger = Ledger(file)
    for seed in (3, 1, 3, 2):
        ledger.note(asked(seed=seed))
    assert [each.seed for each in ledger.asked("q")] == [3, 1, 2]
    assert ledger.asked("another") == ()
    assert len(file.read_text().splitlines()) == 3


def test_another_ledger_on_the_file_sees_what_was_noted_before_and_since(file):
    one, other = Ledger(file), Ledger(file)
    one.note(asked(seed=1))
    assert [each.seed for each in other.asked("q")] == [1]
    one.note(asked(seed=2))
    other.note(asked(seed=3))
    assert [each.seed for each in one.asked("q")] == [each.seed for each in other.asked("q")] == [1, 2, 3]


def test_looks_are_found_where_they_share_a_template(file):
    ledger = Ledger(file)
    for each in (looked("x"), looked("y", templates=("b",)), looked("z", templates=("c",)), looked("w", "discovery")):
        ledger.note(each)
    assert Ledger(file).looked("model", "test", ["b"]) == {"x": "x of it", "y": "y of it"}
    assert Ledger(file).looked("model", "discovery", ["a"]).keys() == {"w"}
    assert Ledger(file).looked("another", "test", ["b"]) == {}


def test_without_a_file_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ledger = Ledger()
    ledger.note(asked())
    assert ledger.asked("q") == (asked(),)
    assert list(tmp_path.iterdir()) == []


DAMAGED = [
    "",
    "no json",
    "[1, 2]",
    "null",
    '{"kind": "asked"}',
    '{"kind": "looked", "view": "v", "model": "m", "stream": "test", "templates": 3}',
    json.dumps({"kind": "asked", **vars(asked()), "seed": "0"}),
    json.dumps({"kind": "asked", **vars(asked()), "more": 1}),
    json.dumps({"kind": "asked", **vars(asked()), "question": ["q"]}),
    "[" * 100_000,
]


@pytest.mark.parametrize("line", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_line_hides_only_itself(file, line):
    Ledger(file).note(asked(seed=1))
    with file.open("a") as stream:
        stream.write(line + "\n")
    Ledger(file).note(asked(seed=2))
    assert [each.seed for each in Ledger(file).asked("q")] == [1, 2]


def test_a_line_that_another_process_is_still_writing_is_read_when_it_is_whole(file):
    Ledger(file).note(asked(seed=1))
    whole = file.read_bytes()
    file.write_bytes(whole + whole.replace(b'"seed":1', b'"seed":2')[:-20])
    ledger = Ledger(file)
    assert [each.seed for each in ledger.asked("q")] == [1]
    file.write_bytes(whole + whole.replace(b'"seed":1', b'"seed":2'))
    assert [each.seed for each in ledger.asked("q")] == [1, 2]


def fifo(path):
    os.mkfifo(path)


def folder(path):
    path.mkdir()


def file_in_the_way(path):
    path.parent.rmdir()
    path.parent.write_text("a file where the folder should be")


def zeros(path):
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [fifo, folder, file_in_the_way, zeros])
def test_what_is_no_file_costs_only_what_later_runs_could_have_said(file, make):
    file.parent.mkdir()
    make(file)
    ledger = Ledger(file)
    ledger.note(asked())
    assert ledger.asked("q") == (asked(),)


def test_of_a_long_file_the_end_is_read(file, monkeypatch):
    for seed in range(20):
        Ledger(file).note(asked(seed=seed))
    length = len(file.read_bytes().splitlines()[-1]) + 1
    with monkeypatch.context() as patch:
        patch.setattr(ledgers, "_MOST_READ", 5 * length + 10)
        ledger = Ledger(file)
        assert [each.seed for each in ledger.asked("q")] == [15, 16, 17, 18, 19]
        Ledger(file).note(asked(seed=20))
        assert [each.seed for each in ledger.asked("q")] == [15, 16, 17, 18, 19, 20]
    monkeypatch.setattr(ledgers, "_MOST_LINES", 3)
    assert [each.seed for each in Ledger(file).asked("q")] == [18, 19, 20]


def test_a_question_asked_a_hundred_thousand_times_is_no_more_work_than_others(file):
    """Counted in comparisons of entries, of which a list takes billions."""
    entries = [asked(seed=seed) for seed in range(2000)]
    compared = []

    class Watched(Asked):
        def __eq__(self, other):
            compared.append(1)
            return super().__eq__(other)

        __hash__ = Asked.__hash__

    ledger = Ledger()
    for each in entries:
        ledger.note(Watched(**vars(each)))
    assert len(ledger.asked("q")) == 2000
    assert len(compared) < 2000
