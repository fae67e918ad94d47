"""What people get wrong in record files: each bad row is named by file and line, and told what is wrong with it."""

import json
import re

import pyarrow as pa
import pytest
from bad.record_files import FORMATS, encoded, line_of, parquet, row, write

import circuitcheck as cc
from circuitcheck.errors import BadRecord

GONE = object()
FIRST, SECOND, LAST = row("Mary", "John"), row("John", "Tom"), row("Tom", "James")
CLEAN, ABC = SECOND["text"], SECOND["counterfactuals"]["abc"]


def at(**changed):
    return {"positions": SECOND["positions"] | changed}


def against(**changed):
    return {"counterfactuals": {"abc": ABC} | changed}


# What is wrong, the row's differences from SECOND, the formats that can say it, what any clear message mentions.
ROWS = [
    ("text missing", {"text": GONE}, "jsonl parquet", "text"),
    ("text missing", {"text": None}, "jsonl", "text"),
    ("text empty", {"text": ""}, "jsonl csv parquet", "text"),
    ("text empty", {"text": "  "}, "jsonl csv parquet", "text"),
    ("text type", {"text": 3}, "jsonl", "text"),
    ("text type", {"text": [CLEAN]}, "jsonl", "text"),
    ("text not Unicode", {"text": CLEAN + " \ud800"}, "jsonl", r"surrogate|unicode|utf|character|\\ud800"),
    ("text repeated", FIRST, "jsonl csv parquet", "text|row|prompt", "repeat|same|already|twice|again|duplicate"),
    ("answer missing", {"answer": GONE}, "jsonl parquet", "answer"),
    ("answer missing", {"answer": None}, "jsonl", "answer"),
    ("answer empty", {"answer": ""}, "jsonl csv parquet", "answer"),
    ("answer type", {"answer": 3}, "jsonl", "answer"),
    ("answer type", {"answer": [" John"]}, "jsonl", "answer"),
    ("answer glued to the text", {"answer": "John"}, "jsonl csv parquet", "answer", "John"),
    ("distractor is answer", {"distractor": " John"}, "jsonl csv parquet", "distractor", "answer"),
    ("distractor empty", {"distractor": ""}, "jsonl", "distractor"),
    ("distractor type", {"distractor": 3}, "jsonl", "distractor"),
    ("distractor glued to the text", {"distractor": "Tom"}, "jsonl csv parquet", "distractor", "Tom"),
    ("two spaces before the answer", {"text": CLEAN + " "}, "jsonl csv parquet", "space", "answer"),
    ("counterfactual for counterfactuals", {"counterfactual": ABC}, "jsonl", "counterfactuals"),
    ("templates for template", {"templates": "met"}, "jsonl", "write template"),
    ("counterfactuals type", {"counterfactuals": ABC}, "jsonl", "counterfactuals"),
    ("counterfactuals type", {"counterfactuals": [ABC]}, "jsonl", "counterfactuals"),
    ("counterfactual type", against(abc=3), "jsonl", "abc"),
    ("counterfactual empty", against(abc=""), "jsonl parquet", "abc"),
    ("counterfactual missing", {"counterfactuals": GONE}, "jsonl csv parquet", "abc"),
    ("counterfactual missing", {"counterfactuals": {}}, "jsonl", "abc"),
    ("counterfactual is the text", against(abc=CLEAN), "jsonl csv parquet", "abc", "text|same|equal|nothing|differ"),
    ("counterfactual called clean", against(clean=ABC), "jsonl", "clean"),
    ("counterfactual called END", against(END=ABC), "jsonl", "(?-i:END)"),
    ("positions type", {"positions": "John"}, "jsonl", "positions"),
    ("positions type", {"positions": ["John", "Tom"]}, "jsonl", "positions"),
    ("position type", at(S1=5), "jsonl", r"\bS1\b"),
    ("position type", at(S1=True), "jsonl", r"\bS1\b"),
    ("position type", at(S1={"start": 5, "end": 9}), "jsonl", r"\bS1\b"),
    ("position missing", {"positions": GONE}, "jsonl csv parquet", r"\b(S1|IO)\b"),
    ("position missing", {"positions": {"S1": "John"}}, "jsonl csv parquet", r"\bIO\b"),
    ("position empty", at(S1=""), "jsonl parquet", r"\bS1\b"),
    ("position text absent", at(S1="Mary"), "jsonl csv parquet", r"\bS1\b", "Mary"),
    ("position text ambiguous", at(S1="n"), "jsonl csv parquet", r"\bS1\b", r"\bn\b"),
    ("span outside the text", at(IO=[14, 99]), "jsonl csv parquet", r"\bIO\b", r"\b99\b"),
    ("span outside the text", at(IO=[-3, 2]), "jsonl csv parquet", r"\bIO\b", r"-3\b"),
    ("span reversed", at(IO=[17, 14]), "jsonl csv parquet", r"\bIO\b", r"\b17\b"),
    ("span empty", at(IO=[14, 14]), "jsonl csv parquet", r"\bIO\b", r"\b14\b"),
    ("span of one end", at(IO=[14]), "jsonl parquet", r"\bIO\b"),
    ("span of three ends", at(IO=[14, 15, 17]), "jsonl parquet", r"\bIO\b"),
    ("span type", at(IO=["14", "17"]), "jsonl", r"\bIO\b"),
    ("span type", at(IO=[14.5, 17.5]), "jsonl", r"\bIO\b"),
    ("span type", at(IO=[14, None]), "jsonl parquet", r"\bIO\b"),
    ("position called END", at(END="Tom"), "jsonl", "(?-i:END)"),
    ("stream unknown", {"stream": "train"}, "jsonl csv parquet", "stream", "train"),
    ("stream unknown", {"stream": "Test"}, "jsonl csv parquet", "stream", r"\bTest\b"),
    ("stream type", {"stream": 3}, "jsonl", "stream"),
    ("template type", {"template": ["met"]}, "jsonl", "template"),
    ("cluster type", {"cluster": {"pair": "John"}}, "jsonl", "cluster"),
]
# What is wrong, the line itself, what any clear message mentions.
LINES = [
    ("not JSON", "jsonl", b'{"text": "Then John met', "JSON"),
    ("not JSON", "jsonl", b"{'text': 'Then John met Tom and', 'answer': ' John'}", "JSON"),
    ("not JSON", "jsonl", b"Then John met Tom and, John", "JSON"),
    ("number too long", "jsonl", b'{"text": ' + b"1" * 5000 + b"}", "digit|number|JSON|text"),
    ("no object", "jsonl", b'["Then John met Tom and", " John"]', "object|mapping"),
    ("no object", "jsonl", b'"Then John met Tom and"', "object|mapping"),
    ("no object", "jsonl", b"null", "object|mapping"),
    ("not UTF-8", "jsonl", '{"text": "Then José met Tom and", "answer": " José"}'.encode("latin-1"), "UTF-8|utf8|encod"),
    ("too few cells", "csv", b"Then John met Tom and", "answer|cell|column|field"),
    (
        "too many cells",
        "csv",
        b"Then John met Tom and, John, Tom,test,Then Tom met John and,John,14:17,Tom",
        "cell|column|field|more",
    ),
]


def merged(changes):
    return {key: value for key, value in (SECOND | changes).items() if value is not GONE}


def bad_rows(suffix):
    rows = [(wrong, merged(changes), patterns) for wrong, changes, kinds, *patterns in ROWS if suffix in kinds.split()]
    return rows + [(wrong, line, patterns) for wrong, kind, line, *patterns in LINES if kind == suffix]


CASES = [(suffix, *case) for suffix in FORMATS for case in bad_rows(suffix)]


def refusal(path, **options):
    with pytest.raises(BadRecord) as caught:
        cc.Task.from_records(path, **options)
    return str(caught.value)


def refusal_of_a_file(path, content, **options):
    if content is not None:
        path.write_bytes(content)
    return refusal(path, **options)


def wording(message):
    """A message without the names of files, which depend on the test."""
    return re.sub(r"\S*prompts\.\w+(:\d+)?", "", message)


def lacking(message, patterns):
    return [pattern for pattern in patterns if not re.search(pattern, wording(message), re.IGNORECASE)]


def shared(messages):
    """Messages that several different mistakes were given."""
    return {message: wrong for message, wrong in messages.items() if len(wrong) > 1}


def numbered(cases):
    names = ["-".join(part for part in case if isinstance(part, str)).replace(" ", "-") for case in cases]
    return [pytest.param(case, id=f"{i}-{name}") for i, (case, name) in enumerate(zip(cases, names, strict=True))]


def texts(task, model):
    return sorted(prompt.text for prompt in task.iterate(model, stream="test"))


@pytest.mark.parametrize("suffix", FORMATS)
def test_what_the_bad_rows_differ_from_is_good(tmp_path, tiny_gpt2, suffix):
    rows = [FIRST, SECOND, LAST]
    task = cc.Task.from_records(write(tmp_path, rows, suffix))
    assert len(task.rejected) == 0
    assert texts(task, cc.load(str(tiny_gpt2), bos="always")) == sorted(each["text"] for each in rows)


@pytest.mark.parametrize("case", numbered(CASES))
def test_a_bad_row_is_named_by_file_and_line_and_told_what_is_wrong(tmp_path, case):
    suffix, _, bad, patterns = case
    message = refusal(str(write(tmp_path, [FIRST, bad, LAST], suffix)))
    assert f"prompts.{suffix}:{line_of(1, suffix)}:" in message
    assert not lacking(message, patterns), message


@pytest.mark.parametrize("case", numbered(CASES))
def test_a_bad_row_among_good_ones_is_left_out_and_counted_where_that_is_asked_for(tmp_path, case):
    suffix, _, bad, _ = case
    task = cc.Task.from_records(write(tmp_path, [FIRST, bad, LAST], suffix), strict=False)
    assert len(task.rejected) == 1


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_bad_row_is_named_and_no_good_one(tmp_path, suffix):
    bad = [each for _, each, _ in bad_rows(suffix)]
    message = refusal(write(tmp_path, [FIRST, *bad, LAST], suffix))
    named = {int(line) for line in re.findall(rf"(?m)^\W*prompts\.{suffix}:(\d+):", message)}
    assert named == {line_of(i, suffix) for i in range(1, len(bad) + 1)}


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_good_rows_are_kept_and_the_bad_ones_counted(tmp_path, tiny_gpt2, suffix):
    model = cc.load(str(tiny_gpt2), bos="always")
    bad = [each for _, each, _ in bad_rows(suffix)]
    task = cc.Task.from_records(write(tmp_path, [FIRST, *bad, LAST], suffix), strict=False)
    assert len(task.rejected) == len(bad)
    assert texts(task, model) == sorted([FIRST["text"], LAST["text"]])
    assert re.search(rf"\b{len(bad)}\b", str(task.explain(model)))


@pytest.mark.parametrize("suffix", FORMATS)
def test_different_mistakes_get_different_messages(tmp_path, suffix):
    messages = {}
    for wrong, bad, _ in bad_rows(suffix):
        messages.setdefault(wording(refusal(write(tmp_path, [FIRST, bad, LAST], suffix))), set()).add(wrong)
    assert not shared(messages)


def test_of_many_rows_with_one_mistake_a_few_are_named(tmp_path):
    glued = [SECOND | {"text": f"{number} {CLEAN}", "answer": f"Tom{number}"} for number in range(40)]
    message = refusal(write(tmp_path, [FIRST, *glued, SECOND | {"answer": ""}], "jsonl"))
    assert "41 of 42 rows cannot be used" in message
    assert len(message.splitlines()) == 1 + 1 + 3 + 1
    assert "prompts.jsonl:42: " in message.splitlines()[1]
    assert message.endswith("... and 37 more like these, from prompts.jsonl:5 to prompts.jsonl:41")


def test_a_cluster_in_two_streams_is_refused(tmp_path):
    rows = [FIRST | {"cluster": "pair"}, LAST | {"cluster": "pair", "stream": "discovery"}]
    message = refusal(write(tmp_path, rows, "jsonl"))
    assert re.search(r"prompts\.jsonl:\d:", message)
    assert not lacking(message, ["pair", "stream|discovery"]), message


COLUMNS = {name: [each[name] for each in (FIRST, LAST)] for name in ("text", "answer", "positions", "counterfactuals")}
HEADER, LINE = b"text,answer", b"Then Mary met John and, Mary"
# What is wrong with the whole file, its name, its bytes, what any clear message mentions.
FILES = [
    ("no such file", "prompts.jsonl", None),
    ("no such file", "prompts.csv", None),
    ("no such file", "prompts.parquet", None),
    ("unknown kind", "prompts.tsv", encoded([FIRST], "jsonl"), "jsonl"),
    ("unknown kind", "prompts.json", encoded([FIRST], "jsonl"), "jsonl"),
    ("unknown kind", "prompts", encoded([FIRST], "jsonl"), "jsonl"),
    ("no rows", "prompts.jsonl", b"", "empty|no row|no record|no prompt|nothing"),
    ("no rows", "prompts.jsonl", b"\n \n"),
    ("no rows", "prompts.csv", b""),
    ("no rows", "prompts.csv", HEADER, "empty|no row|no record|no prompt|nothing"),
    ("no rows", "prompts.parquet", parquet(text=pa.array([], "string"), answer=pa.array([], "string"))),
    ("array of rows", "prompts.jsonl", json.dumps([FIRST, LAST], indent=1).encode(), "JSON|object"),
    ("UTF-16", "prompts.jsonl", encoded([FIRST], "jsonl").decode().encode("utf-16"), "UTF-8|utf8|encod"),
    ("not UTF-8", "prompts.csv", HEADER + "\nThen José met Tom and, José".encode("latin-1"), "UTF-8|utf8|encod"),
    ("UTF-16", "prompts.csv", encoded([FIRST], "csv").decode().encode("utf-16"), "UTF-8|utf8|encod"),
    ("no header", "prompts.csv", LINE + b"\n" + LINE, "header|column", "text"),
    ("no text column", "prompts.csv", b"prompt,answer\n" + LINE, "text"),
    ("no answer column", "prompts.csv", b"text,label\n" + LINE, "answer"),
    ("semicolons", "prompts.csv", (HEADER + b"\n" + LINE).replace(b",", b";"), "text|answer|column"),
    ("column twice", "prompts.csv", b"text,text,answer\n" + LINE + b", Mary", "text"),
    ("position column nameless", "prompts.csv", HEADER + b",position:\n" + LINE + b",Mary", "position"),
    ("position column END", "prompts.csv", HEADER + b",position:END\n" + LINE + b",and", "(?-i:END)"),
    ("counterfactual column clean", "prompts.csv", HEADER + b",counterfactual:clean\n" + LINE + b",Then", "clean"),
    ("quote unclosed", "prompts.csv", HEADER + b'\n"' + LINE + b"\n" + LINE),
    ("not Parquet", "prompts.parquet", encoded([FIRST], "jsonl")),
    ("not Parquet", "prompts.parquet", b""),
    ("not Parquet", "prompts.parquet", parquet(**COLUMNS)[:-40]),
    ("no text column", "prompts.parquet", parquet(answer=COLUMNS["answer"]), "text"),
    ("no answer column", "prompts.parquet", parquet(text=COLUMNS["text"]), "answer"),
    ("texts of numbers", "prompts.parquet", parquet(**COLUMNS | {"text": [1, 2]}), "text"),
    ("texts of bytes", "prompts.parquet", parquet(**COLUMNS | {"text": [b"one", b"two"]}), "text"),
    ("answers of numbers", "prompts.parquet", parquet(**COLUMNS | {"answer": [1.5, 2]}), "answer"),
    ("positions of text", "prompts.parquet", parquet(**COLUMNS | {"positions": ["Mary", "Tom"]}), "positions"),
    ("counterfactuals of text", "prompts.parquet", parquet(**COLUMNS | {"counterfactuals": ["a", "b"]}), "counterfactuals"),
    ("streams of numbers", "prompts.parquet", parquet(**COLUMNS | {"stream": [1, 2]}), "stream"),
]


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("case", numbered(FILES))
def test_a_file_that_gives_nothing_is_refused_however_lenient(tmp_path, case, strict):
    _, name, content, *patterns = case
    message = refusal_of_a_file(tmp_path / name, content, strict=strict)
    assert name in message
    assert not lacking(message, patterns), message


def test_a_folder_is_refused(tmp_path):
    (tmp_path / "prompts.jsonl").mkdir()
    message = refusal(tmp_path / "prompts.jsonl")
    assert "prompts.jsonl" in message
    assert not lacking(message, ["folder|directory|not a file|no file"]), message


@pytest.mark.parametrize("path", [None, 3, b"prompts.jsonl", [FIRST]], ids=["none", "number", "bytes", "rows"])
def test_what_is_no_path_is_refused(path):
    assert not lacking(refusal(path), ["path|file"]), path


def test_different_faults_of_files_get_different_messages(tmp_path):
    messages = {}
    for wrong, name, content, *_ in FILES:
        messages.setdefault(wording(refusal_of_a_file(tmp_path / name, content)), set()).add(wrong)
    assert not shared(messages)


# What only a tokenizer can tell.
SPACED = {"text": CLEAN + " ", "answer": "John", "distractor": "Tom"}
UNREADABLE = [
    ("counterfactual longer", against(abc="Then Tom and James met John and"), "abc", "token|long|length"),
    ("counterfactual shorter", row("James", "Mary") | against(abc="Then John and"), "abc", "token|long|short|length"),
    ("answer merges with the text", SPACED | against(abc=ABC + " "), "answer"),
    ("position inside a token", row("Tom", "Mary") | {"positions": {"S1": [6, 7], "IO": "Mary"}}, r"\bS1\b"),
    ("BOS in the text", {"text": "<|endoftext|>" + CLEAN} | at(IO="Tom"), "BOS"),
]
UNREAD = [(wrong, merged(changes), patterns) for wrong, changes, *patterns in UNREADABLE]


@pytest.mark.parametrize("case", numbered(UNREAD))
def test_what_only_a_tokenizer_can_tell_is_refused_when_it_is_there(tmp_path, tiny_gpt2, case):
    _, bad, patterns = case
    path = write(tmp_path, [FIRST, bad, LAST], "jsonl")
    with pytest.raises(BadRecord) as caught:
        cc.Task.from_records(path).prompts(1, model=cc.load(str(tiny_gpt2), bos="always"))
    assert "prompts.jsonl:2:" in str(caught.value)
    assert not lacking(str(caught.value), patterns), str(caught.value)


def test_what_only_a_tokenizer_can_tell_is_left_out_where_that_is_asked_for(tmp_path, tiny_gpt2):
    model = cc.load(str(tiny_gpt2), bos="always")
    path = write(tmp_path, [FIRST, *(bad for _, bad, _ in UNREAD), LAST], "jsonl")
    task = cc.Task.from_records(path, strict=False)
    assert texts(task, model) == sorted([FIRST["text"], LAST["text"]])
    assert re.search(rf"\b{len(UNREAD)}\b", str(task.explain(model)))


@pytest.mark.parametrize(
    "text, words",
    [
        ('{"prompt": "a b", "target": " c"}\n' * 3, ["no text and no answer", "every row, as"]),
        ('{\n  "text": "a b",\n  "answer": " c"\n}\n', ["one object per line"]),
        ('[{"text": "a b", "answer": " c"}]', ["one object per line"]),
    ],
)
def test_what_is_wrong_with_a_whole_file_is_said_once(tmp_path, text, words):
    (tmp_path / "mine.jsonl").write_text(text)
    with pytest.raises(BadRecord) as raised:
        cc.Task.from_records(tmp_path / "mine.jsonl")
    assert [each for each in words if each not in str(raised.value)] == []
    assert len(str(raised.value).splitlines()) <= 2


@pytest.mark.parametrize(
    "missing, meant", [("missing.jsonl", None), ("prompt.jsonl", "prompts.jsonl"), ("list.json", "list.jsonl")]
)
def test_a_file_that_is_not_there_is_compared_with_those_that_are(tmp_path, missing, meant):
    for name in ("list.jsonl", "prompts.jsonl"):
        (tmp_path / name).touch()
    with pytest.raises(BadRecord) as raised:
        cc.Task.from_records(tmp_path / missing)
    assert ("Did you mean" in str(raised.value)) == (meant is not None)
    assert meant is None or f"Did you mean {meant!r}?" in str(raised.value)


@pytest.mark.parametrize("population", [False, True])
def test_a_mean_over_no_reference_rows_says_where_rows_went(tmp_path, population):
    organism = cc.load("organism")
    rows = [{"text": f"The {word} is", "answer": " red", "stream": "test"} for word in ("king", "river", "moon", "house")]
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(each) + "\n" for each in rows))
    task = cc.Task.from_records(tmp_path / "mine.jsonl", population=population).on_stream("test")
    with pytest.raises(cc.BadTask, match="4 to test, 0 to discovery, 0 to reference.* the stream 'reference'"):
        task.accuracy(organism.ablate("L0H0", kind="mean", n=2)).estimate(4)
