"""Files that are no files, never end, or hold what no reader expects: refused in words, at once."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import circuitcheck as cc
from circuitcheck.errors import BadRecord, BadTask, CircuitCheckError

READ = {"records": cc.Task.from_records, "corpus": lambda path: cc.corpus(str(path))}
readers = pytest.mark.parametrize("read", READ.values(), ids=READ)


def fifo(path):
    os.mkfifo(path)


def device(path):
    path.symlink_to("/dev/zero")


def file_of_the_system(path):
    path.symlink_to("/proc/self/mem")


def listening(path):
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.close()


@readers
@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
@pytest.mark.parametrize("make", [fifo, device, file_of_the_system, listening])
def test_what_is_no_file_is_not_opened(tmp_path, monkeypatch, read, suffix, make):
    monkeypatch.chdir(tmp_path)
    path = Path(f"x{suffix}")  # a short name: sockets take no more
    make(path)
    with pytest.raises(BadRecord, match=rf"x{suffix} (is a device or a pipe|cannot be read)"):
        read(path)


@readers
def test_a_name_that_is_too_long(read):
    with pytest.raises(BadRecord, match="cannot be read"):
        read("x" * 5000 + ".jsonl")


def test_a_file_of_records_larger_than_memory(tmp_path):
    path = tmp_path / "x.jsonl"
    with path.open("wb") as stream:
        stream.truncate(1 << 36)
    with pytest.raises(BadRecord, match="65536 MB, and 64 MB at most"):
        cc.Task.from_records(path)


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    "name, content, message",
    [
        ("x.txt", b"word " * 1_000_000, r"document 1 has 4,999,999|document 1 has 5,000,000"),
        ("x.txt", b"\0" * 1_000, r"x\.txt is no text: it holds zero bytes"),
        ("x.jsonl", b'"' + b"a" * (1 << 25) + b'"', r"x\.jsonl has a line of more than 32 MB"),
        ("x.csv", b"text\n" + b"a" * (1 << 25) + b"a", r"x\.csv has a line of more than 32 MB"),
        ("x.txt", b"\n" * 20_000_000, r"x\.txt holds no text"),
        ("x.csv", b"text\n\xff\xfe\n", r"x\.csv: the line at byte 5 is not UTF-8"),
    ],
)
def test_documents_that_would_fill_the_memory(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises((BadRecord, BadTask), match=message):
        cc.corpus(str(path)).prompts(1, model=cc.load("organism"))


@pytest.mark.slow
def test_a_table_that_unpacks_to_more_than_memory(tmp_path):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "x.parquet"
    text = arrow.array(["x" * 400_000] * 1000).dictionary_encode()
    parquet.write_table(arrow.table({"text": text, "answer": ["a"] * 1000}), path)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(BadRecord, match="holds more than 8,388,608 characters"):
        cc.Task.from_records(path)


@pytest.mark.slow
@readers
@pytest.mark.sampled(1)
def test_a_text_of_a_table_that_no_reader_holds(tmp_path, read):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "x.parquet"
    parquet.write_table(arrow.table({"text": ["a " * 10_000_000] * 20, "answer": ["a"] * 20}), path, compression="zstd")
    with pytest.raises(BadRecord, match=r"^x\.parquet: a text has 20,000,000 bytes"):
        read(path).prompts(1, model=cc.load("organism"))


def test_texts_within_a_tables_mappings_count_as_well(tmp_path):
    """A few bytes of a dictionary stand for gigabytes there, too: no batch of rows may write out all of them."""
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "x.parquet"
    one_text = arrow.DictionaryArray.from_arrays(arrow.array([0] * 1000, arrow.int32()), arrow.array(["x" * 8_000_000]))
    others = arrow.MapArray.from_arrays(arrow.array(range(1001), arrow.int32()), arrow.array(["abc"] * 1000), one_text)
    table = arrow.table({"text": [f"a {i}" for i in range(1000)], "answer": [" b"] * 1000, "counterfactuals": others})
    parquet.write_table(table, path, compression="zstd", store_schema=False)
    assert path.stat().st_size < 10_000
    script = f"""
import resource
import circuitcheck as cc
import pyarrow.parquet
held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + (1 << 30),) * 2)
try: cc.Task.from_records({str(path)!r})
except cc.BadRecord as error: print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert "holds more than 8,388,608 characters" in done.stdout, done.stderr


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("x.jsonl", b'{"text": "a", "answer": " b"}\n' * 51, "has more than 50 rows.*keep a random part"),
        ("x.csv", b"text,answer\n" + b"a, b\n" * 51, "has more than 50 rows"),
        ("x.jsonl", b"\n" * 501, "has more than 500 lines"),
        ("x.csv", b"text,answer\n" + b"\n" * 501, "has more than 500 lines"),
    ],
)
def test_more_rows_than_are_read(tmp_path, monkeypatch, name, content, message):
    monkeypatch.setattr("circuitcheck.prompts.records.rows._MOST_ROWS", 50)
    monkeypatch.setattr("circuitcheck.prompts.records.rows._MOST_LINES", 500)
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BadRecord, match=message):
        cc.Task.from_records(path, strict=False)


def test_a_table_says_how_many_rows_it_has_before_one_is_read(tmp_path, monkeypatch):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "x.parquet"
    parquet.write_table(arrow.table({"text": ["a b"] * 2_000_000, "answer": [" c"] * 2_000_000}), path)
    monkeypatch.setattr("circuitcheck.prompts.records.rows._rows_at_once", None)  # a row that is read is an error
    with pytest.raises(BadRecord, match="has 2,000,000 rows, and 50,000 at most are read"):
        cc.Task.from_records(path)


@pytest.mark.parametrize("groups", [True, False], ids=["row groups", "columns"])
@readers
def test_a_table_of_more_parts_than_are_read(tmp_path, monkeypatch, read, groups):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("circuitcheck.prompts.records.rows._MOST_GROUPS", 10)
    path = tmp_path / "x.parquet"
    more = {} if groups else {f"c{number}": ["v"] * 20 for number in range(999)}
    table = arrow.table({"text": [f"a {i}" for i in range(20)], "answer": [" b"] * 20, **more})
    parquet.write_table(table, path, row_group_size=1 if groups else 20)
    message = "has 20 row groups, and 10 at most" if groups else "has 1,001 columns, and 1,000 at most"
    with pytest.raises(BadRecord, match=message):
        read(path)


@readers
def test_a_cell_of_csv_that_is_never_closed(tmp_path, monkeypatch, read):
    monkeypatch.setattr("circuitcheck.prompts.records.rows.LONGEST_TEXT", 1_000)
    monkeypatch.setattr("circuitcheck.prompts.corpora.tables.LONGEST_TEXT", 1_000)
    path = tmp_path / "x.csv"
    path.write_text('text,answer\n"' + "a,\n" * 1_000)
    with pytest.raises(BadRecord, match=r"is not CSV \(field larger than field limit \(1000\)\)"):
        read(path)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"answer": " b" * 5_001}, "an answer or a distractor of more than 10,000 characters"),
        ({"distractor": " b" * 5_001}, "an answer or a distractor of more than 10,000 characters"),
        ({"counterfactuals": {"c": "b" * 500_001}}, "a counterfactual 'c' of 500,001 characters; expected 500,000"),
        ({"counterfactuals": {f"c{i}": f"b {i}" for i in range(201)}}, "has 201 counterfactuals; expected 200"),
        ({"positions": {f"p{i}": [0, 1] for i in range(201)}}, "has 201 positions; expected 200"),
    ],
    ids=["answer", "distractor", "counterfactual", "counterfactuals", "positions"],
)
def test_a_row_that_would_be_read_for_minutes(tmp_path, changes, message):
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps({"text": "a b", "answer": " c", **changes}))
    with pytest.raises(BadRecord, match=message):
        cc.Task.from_records(path)


def test_a_table_of_more_cells_than_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr("circuitcheck.prompts.records.parsing._MOST_CELLS", 100)
    path = tmp_path / "x.csv"
    names = [f"more{number}" for number in range(8)]
    path.write_text("\n".join(",".join(row) for row in [["text", "answer", *names]] + [["a", " b"] + ["c"] * 8] * 11))
    with pytest.raises(BadRecord, match="holds more than 100 cells in its rows"):
        cc.Task.from_records(path, strict=False)


@pytest.mark.parametrize("name, before", [("x.txt", ""), ("x.csv", "text\n"), ("x.jsonl", "")])
@pytest.mark.parametrize("change", [Path.unlink, lambda path: path.write_text("another\n")], ids=["gone", "written"])
def test_documents_of_a_file_that_changes_while_it_is_used(tmp_path, name, before, change):
    path = tmp_path / name
    texts = [f"Once there was a cat number {number}" for number in range(40)]
    lines = [json.dumps({"text": text}) for text in texts] if name == "x.jsonl" else texts
    path.write_text(before + ("\n\n" if name == "x.txt" else "\n").join(lines))
    corpus = cc.corpus(path)
    change(path)
    with pytest.raises(BadRecord, match=r"document 1 cannot be read any more \((No such file|it was written to)"):
        corpus.prompts(1, model="organism")


@pytest.mark.parametrize("read", [*READ.values(), cc.read_batches], ids=[*READ, "batches"])
def test_the_home_of_nobody(read):
    with pytest.raises(BadRecord, match=r"~no-such-user/x\.csv"):
        read("~no-such-user/x.csv")


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
@pytest.mark.parametrize("make", [fifo, lambda path: path.symlink_to("/dev/full"), Path.mkdir])
def test_records_are_not_written_into_what_is_no_file(tmp_path, suffix, make):
    make(tmp_path / f"x{suffix}")
    with pytest.raises(BadRecord, match="cannot be written .what is there is no regular file"):
        cc.tasks.ioi().to_records(tmp_path / f"x{suffix}", 2, model="organism")


@pytest.mark.parametrize("name", ["no-folder/x.jsonl", "x" * 5000 + ".jsonl", "x\0.jsonl", "x\ud800.jsonl"])
def test_records_are_not_written_where_no_file_can_be(tmp_path, name):
    with pytest.raises(BadRecord, match="cannot be written"):
        cc.tasks.ioi().to_records(tmp_path / name, 2, model="organism")


def test_two_columns_of_one_name_in_a_table(tmp_path):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "x.parquet"
    parquet.write_table(arrow.table([["a"], ["b"], [" c"]], names=["text", "text", "answer"]), path)
    with pytest.raises(BadRecord, match="the table has text more than once"):
        cc.Task.from_records(path)


@pytest.mark.parametrize(
    "row, message",
    [
        ('{"text": "a b", "text": "c d", "answer": " e"}', "'text' is there more than once"),
        (r'{"text": "a b", "answer": " e", "cluster": "\ud800"}', "a cluster with half a character"),
        (r'{"text": "a b", "answer": " e", "counterfactuals": {"\ud800": "c d"}}', "a name in counterfactuals with half"),
        ('{"text": "a b", "answer": " e", "more": "' + "x" * (1 << 25) + '"}', "a line of more than 32 MB"),
    ],
    ids=["twice", "cluster", "name", "long"],
)
def test_a_row_that_means_two_things_or_none(tmp_path, row, message):
    path = tmp_path / "x.jsonl"
    path.write_text(row)
    with pytest.raises(BadRecord, match=message):
        cc.Task.from_records(path)


def test_an_error_is_fit_to_print_and_brief():
    said = str(BadTask("a name \x1b[2J and one of a million letters: " + "x" * 1_000_000))
    assert said == rf"a name \x1b[2J and one of a million letters: {'x' * 100}... (1,000,000 letters)"


def test_a_record_that_no_model_reads(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps({"text": "word " * 200_000, "answer": " a"}))
    with pytest.raises(BadRecord, match="a text of 1,000,000 characters"):
        cc.Task.from_records(path)


@readers
def test_json_as_deep_as_python_is_not(tmp_path, read):
    path = tmp_path / "x.jsonl"
    path.write_text('{"text": ' + "[" * 100_000 + "]" * 100_000 + ', "answer": " a"}\n')
    with pytest.raises(BadRecord, match="is not JSON"):
        read(path).prompts(1, model=cc.load("organism"))


@readers
def test_a_lone_surrogate(tmp_path, read):
    path = tmp_path / "x.jsonl"
    rows = [json.dumps({"text": f"half \udc80 of a character {i}", "answer": " store"}) for i in range(64)]
    path.write_text("\n".join(rows))
    with pytest.raises((BadTask, BadRecord), match="lone surrogate"):
        read(path).prompts(1, model=cc.load("organism"))


@readers
@pytest.mark.parametrize("damage", [slice(20, 60), slice(4, 20)])
def test_a_parquet_page_that_is_damaged(tmp_path, read, damage):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "x.parquet"
    table = arrow.table({"text": [f"Mary went to the {i}" * 40 for i in range(400)], "answer": [" store"] * 400})
    parquet.write_table(table, path)
    content = bytearray(path.read_bytes())
    content[damage] = b"\xff" * (damage.stop - damage.start)
    path.write_bytes(bytes(content))
    with pytest.raises(BadRecord, match=r"x\.parquet"):
        read(path).prompts(1, model=cc.load("organism"))


TEMPLATES = {
    "endless": "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
    "recursion": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "its own error": "{{ raise_exception('no') }}",
    "escape": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "undefined": "{{ messages[7].content.nothing }}",
    "no syntax": "{% for %}",
    "power": "{{ (7 ** (7 ** 9)) % 10 }}",
    "product": "{{ messages[0]['content'] * 2000000 }}",
    "memory": "{{ ('a' * 1000).center(10 ** 11) }}",
    "long": "{{ 'a' * 200000 }}{{ messages[0]['content'] }}",
}


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
@pytest.mark.sampled(1)
def test_a_chat_template_that_means_harm(template):
    model = cc.load("organism")
    tokenizer = cc.current_session().engine.tokenizer(model.ref).inner
    tokenizer.chat_template = template
    task = cc.Task.define(
        "t",
        templates={"a": "{A} met {B}. {C} saw"},
        pools={"n": ["Mary", "John", "Tom", "James"]},
        draw={"A": "n", "B": "n"},
        slots={"C": "B"},
        answer="A",
        distractor="B",
        chat=True,
    )
    with pytest.raises(CircuitCheckError, match="chat template"):
        task.prompts(1, model=model, stream="test")


@pytest.mark.parametrize("name, target", [("config.json", "/dev/zero"), ("tokenizer.json", "/proc/self/mem")])
@pytest.mark.slow
def test_a_checkpoint_whose_file_is_none(tiny_llama, tmp_path, name, target):
    """In a process of its own, which ends after 60 s: what hangs here cannot be interrupted."""
    folder = Path(shutil.copytree(tiny_llama, tmp_path / "copy"))
    (folder / name).unlink()
    (folder / name).symlink_to(target)
    script = f"import circuitcheck as cc\ntry: cc.load({str(folder)!r})\nexcept cc.CircuitCheckError as error: print(error)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert f"{name} is a pipe or a device" in done.stdout or "config.json is no file" in done.stdout
