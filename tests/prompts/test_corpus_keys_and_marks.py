"""Further positions that each row of running text names, and marks of its token, against a walk through every token."""

import re
from collections import Counter

import pytest
from corpus_by_hand import documents, row, walk, write

import circuitcheck as cc
from circuitcheck.errors import BadTask
from circuitcheck.prompts import STREAMS

TEXTS = documents(24, longest=24, seed=3)
CONTEXT = 17


@pytest.fixture(scope="module")
def models(one_session, tiny_gpt2):
    with cc.use_session(one_session):
        return {bos: cc.load(str(tiny_gpt2), bos=bos) for bos in ("never", "always")}


@pytest.fixture(scope="module")
def model(models):
    return models["never"]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write(tmp_path_factory.mktemp("corpus") / "text.jsonl", TEXTS)


def everything(task, model, seed=0):
    return [prompt for stream in STREAMS for prompt in task.iterate(model, stream=stream, seed=seed)]


def before_dot(token):
    return token.before.rstrip().endswith("then")


def wanted(text, begin, end, i):
    """o, in the text of a token."""
    return "o" in text[begin:end]


KEYS = {
    "regex": (r"[on]", lambda text, begin, end, i: any(each in text[begin:end] for each in "on")),
    "compiled": (re.compile("M|J"), lambda text, begin, end, i: any(each in text[begin:end] for each in "MJ")),
    "after": (cc.after('"'), lambda text, begin, end, i: text[:end].endswith('"')),
    "function": (before_dot, lambda text, begin, end, i: text[:begin].rstrip().endswith("then")),
}


def rows_by_hand(model, keys, picks=wanted):
    """Each row that has all of its keys: window, END, next token, and the last token of each key that is before END and in
    the window."""
    found = []
    for text in TEXTS:
        ids, spans = walk(model, text)
        bos = (0,) if model.ref.bos == "always" else ()
        piece = CONTEXT - len(bos)
        for i, (begin, end) in enumerate(spans[:-1]):
            start = i - i % piece
            named = [[j for j in range(start, i) if key(text, *spans[j], j)] for key in keys]
            if picks(text, begin, end, i) and all(named):
                places = tuple(len(bos) + each[-1] - start for each in named)
                found.append((bos + ids[start : start + piece], len(bos) + i - start, ids[i + 1], *places))
    return Counter(found)


@pytest.mark.parametrize("bos", ["never", "always"])
@pytest.mark.parametrize("name", KEYS)
def test_a_key_is_the_last_such_token_before_end_in_the_window(file, models, name, bos):
    predicate, key = KEYS[name]
    task = cc.corpus(file, where="o", context=CONTEXT, per_document=None, keys={"KEY": cc.last(predicate)})
    expected = rows_by_hand(models[bos], [key])
    assert 0 < len(expected) < sum(rows_by_hand(models[bos], []).values()), "rows without a key are left out"
    found = Counter((*row(prompt), *prompt.positions["KEY"]) for prompt in everything(task, models[bos]))
    assert found == expected


def test_a_row_has_all_of_several_keys(file, model):
    keys = {name.upper(): cc.last(predicate) for name, (predicate, _) in KEYS.items()}
    task = cc.corpus(file, where="o", context=CONTEXT, per_document=None, keys=keys)
    found = Counter((*row(each), *(each.positions[name][0] for name in keys)) for each in everything(task, model))
    assert found == rows_by_hand(model, [key for _, key in KEYS.values()])
    assert task.explain(model)


def test_a_key_is_a_position_that_interventions_and_metrics_name(file, model):
    task = cc.corpus(file, where="o", context=CONTEXT, keys={"KEY": cc.last("n")}).on_stream("test")
    plain, at_key, at_end = (
        task.loss(view).values(6) for view in (model, *(model.ablate("L0.mlp", kind="zero", at=at) for at in ("KEY", "END")))
    )
    assert (abs(at_key - plain) > 1e-4).any()
    assert (abs(at_key - at_end) > 1e-4).any()
    with pytest.raises(cc.UnknownPosition, match="KEY"):
        task.loss(model.ablate("L0.mlp", kind="zero", at="KYE")).values(2)


# --- marks


def test_marks_say_of_each_row_whether_a_predicate_chooses_its_token(file, model):
    marks = {name: predicate for name, (predicate, _) in KEYS.items()}
    task = cc.corpus(file, where="o", context=CONTEXT, per_document=None, marks=marks)
    expected = []
    for text in TEXTS:
        ids, spans = walk(model, text)
        for i, (begin, end) in enumerate(spans[:-1]):
            if wanted(text, begin, end, i):
                said = tuple("yes" if key(text, begin, end, i) else "no" for _, key in KEYS.values())
                expected.append((ids[i - i % CONTEXT :][:CONTEXT], i % CONTEXT, ids[i + 1], *said))
    found = Counter((*row(each), *(each.slots[name] for name in marks)) for each in everything(task, model))
    assert found == Counter(expected)
    assert {each[4] for each in expected} == {"yes", "no"}


@pytest.mark.parametrize("seed", [0, 3])
def test_marks_move_no_row(file, model, seed):
    """Nor do they leave one out: what a claim is judged on does not depend on what is asked of it."""
    plain, marked = (
        cc.corpus(file, where="o", context=CONTEXT, per_document=3, documents=20, marks=marks)
        for marks in (None, {"quote": cc.after('"'), "name": "M"})
    )
    for stream in STREAMS:
        rows, same = (list(map(row, task.iterate(model, stream=stream, seed=seed))) for task in (plain, marked))
        assert rows == same
    assert plain.definition.digest != marked.definition.digest
    assert marked.definition.digest != cc.corpus(file, where="o", marks={"quote": cc.after('"')}).definition.digest


def test_keys_are_part_of_the_digest(file):
    tasks = [
        cc.corpus(file, keys=keys) for keys in (None, {"KEY": cc.last("a")}, {"KEY": cc.last("b")}, {"A": cc.last("a")})
    ]
    assert len({task.definition.digest for task in tasks}) == 4


def test_a_mark_is_a_metric(file, model):
    task = cc.corpus(file, context=CONTEXT, marks={"name": "M|J|T"}).on_stream("test")
    prompts = task.prompts(20, model=model)
    found = task.metric(cc.marked("name"), model).values(20)
    assert found.tolist() == [float(prompt.slots["name"] == "yes") for prompt in prompts]
    assert set(found) == {0, 1}


# --- how many rows


def test_without_a_limit_every_token_is_a_row(file, model):
    task = cc.corpus(file, context=CONTEXT, per_document=None)
    tokens = sum(len(walk(model, text)[0]) - 1 for text in TEXTS)
    assert len(everything(task, model)) == tokens > 16 * len(TEXTS)
    assert len(everything(cc.corpus(file, context=CONTEXT), model)) < tokens


# --- what is refused

BAD_KEYS = {
    "no names": [cc.last("a")],
    "no last": {"KEY": "a"},
    "no text": {3: cc.last("a")},
    "END": {"END": cc.last("a")},
    "offset": {"KEY-1": cc.last("a")},
    "span": {"KEY*": cc.last("a")},
}


@pytest.mark.parametrize("keys", BAD_KEYS.values(), ids=BAD_KEYS)
def test_bad_keys_are_refused(file, keys):
    with pytest.raises((BadTask, cc.UnknownPosition), match=r"keys|position"):
        cc.corpus(file, keys=keys)


@pytest.mark.parametrize("given", [None, cc.last("a"), 3, "("], ids=["nothing", "last of last", "number", "no regex"])
def test_the_last_of_what_is_no_predicate_is_refused(given):
    with pytest.raises(BadTask, match=r"cc\.last|where="):
        cc.last(given)


@pytest.mark.parametrize("marks", [["a"], {"": "a"}, {3: "a"}, {"x": 3}, {"x": "("}, "a"], ids=repr)
def test_bad_marks_are_refused(file, marks):
    with pytest.raises(BadTask, match=r"marks=|where="):
        cc.corpus(file, marks=marks)


@pytest.mark.parametrize("most", [0, -1, True, 2.5, "all"])
def test_bad_limits_are_refused(file, most):
    with pytest.raises(BadTask, match="per_document"):
        cc.corpus(file, per_document=most)
