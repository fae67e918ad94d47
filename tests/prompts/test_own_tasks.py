"""Tasks that users define: which prompts there are, against counting by hand, and what each part of a definition does."""

import re
from itertools import combinations, permutations, product

import pytest
from how_many import examples
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tiny import save_tiny_gpt2, save_tokenizer
from tokenizers_at_hand import everything, read

import circuitcheck as cc
from circuitcheck.errors import BadTask, EmptyPool
from circuitcheck.prompts import STREAMS

ONE_TOKEN = ("Mary", "John", "Tom", "James", "Sarah", "David", "store", "park", "book")
TWO_TOKENS = tuple(word + "x" for word in ONE_TOKEN)
OTHERS = "Paul Mark Anna Emma Jack Kate Laura Peter Susan Robert Michael William Alice George Henry Charles Daniel Lisa"
ANSWERS = dict(zip(ONE_TOKEN + TWO_TOKENS, OTHERS.split(), strict=True))
NAMES = ("Mary", "John", "Tom", "James", "Sarah", "David")
words = st.lists(st.sampled_from(ONE_TOKEN + TWO_TOKENS), min_size=2, max_size=6, unique=True)


def length(tokenizer, word):
    return len(tokenizer.encode("of " + word).ids) - len(tokenizer.encode("of").ids)


def define(**changes):
    """Two of six names, the first of which is the answer."""
    parts = {
        "templates": {"met": "Then {A} met {B} and", "saw": "Now {A} saw {B} and"},
        "pools": {"name": NAMES},
        "draw": {"A": "name", "B": "name"},
        "answer": "A",
        "distractor": "B",
    }
    return cc.Task.define("mine", **parts | changes)


@st.composite
def definitions(draw):
    """Variables of two pools, some of which no template shows, in one to three templates that show the same ones."""
    pools = {"p": draw(words), "q": draw(words)}
    variables = {name: draw(st.sampled_from("pq")) for name in ["a", "b", "c"][: draw(st.integers(1, 3))]}
    hidden = {"n": variables["a"]} if draw(st.booleans()) else {}
    order = [draw(st.permutations(sorted(variables))) for _ in range(draw(st.integers(1, 3)))]
    pairs = [pair for pair in combinations(variables, 2) if variables[pair[0]] != variables[pair[1]]]
    return {
        "templates": {
            f"t{i}": f"Case {'again ' * i}of " + " or ".join(f"{{{v}}}" for v in each) for i, each in enumerate(order)
        },
        "pools": pools,
        "draw": variables | hidden,
        "derive": {"answer": ("a", {word: ANSWERS[word] for word in pools[variables["a"]]})},
        "answer": "answer",
        "constraints": [cc.different(*pair) for pair in pairs],
        "counterfactuals": {"fresh": {"a": "n"}} if hidden else {},
        "tokens": draw(st.sampled_from([None, 1, 2])),
    }


def by_hand(parts, tokenizer):
    """Each combination of what the templates show, as a mapping: there is one if all variables can be filled with it."""
    fits = {
        variable: [word for word in parts["pools"][pool] if parts["tokens"] in (None, length(tokenizer, word))]
        for variable, pool in parts["draw"].items()
    }
    found = {}
    for chosen in product(*fits.values()):
        values = dict(zip(fits, chosen, strict=True))
        for one, other in combinations(values, 2):
            same_pool = parts["draw"][one] == parts["draw"][other]
            both_shown = "n" not in (one, other)
            if values[one] == values[other] and (same_pool or both_shown):
                break
            if same_pool and length(tokenizer, values[one]) != length(tokenizer, values[other]):
                break
        else:
            values.pop("n", None)
            found[tuple(values.items())] = values
    return list(found.values())


@given(definitions())
@settings(max_examples=examples(60), deadline=None)
def test_the_streams_hold_each_combination_in_each_template_once(ioi_tokenizer, parts):
    expected = by_hand(parts, ioi_tokenizer)
    assume(expected)
    prompts = everything(cc.Task.define("random", **parts), ioi_tokenizer)
    texts = [(prompt.template, prompt.text) for prompt in prompts]
    assert sorted(texts) == sorted(
        (name, text.format(**values)) for name, text in parts["templates"].items() for values in expected
    )


@given(definitions())
@settings(max_examples=examples(25), deadline=None)
def test_what_leaves_nothing_is_an_error_and_not_an_empty_stream(ioi_tokenizer, parts):
    assume(not by_hand(parts, ioi_tokenizer))
    with pytest.raises(BadTask):
        everything(cc.Task.define("random", **parts), ioi_tokenizer)


@given(
    names=st.lists(st.sampled_from(ONE_TOKEN + TWO_TOKENS), min_size=5, max_size=9, unique=True),
    tokens=st.sampled_from([None, 1, 2, {"A": None, "B": None}]),
)
@settings(max_examples=examples(25), deadline=None)
def test_counterfactuals_say_what_their_slots_hold_instead_in_as_many_tokens(ioi_tokenizer, names, tokens):
    task = define(
        pools={"name": names},
        draw={"A": "name", "B": "name", "n": "name"},
        derive={"answer": ("A", ANSWERS), "other": ("B", ANSWERS)},
        answer="answer",
        distractor="other",
        counterfactuals={"swap": {"A": "B", "B": "A"}, "fresh": {"B": "n"}},
        tokens=tokens,
    )
    try:
        prompts = everything(task, ioi_tokenizer)
    except EmptyPool:
        prompts = []
    counts = [len({word for word in names if length(ioi_tokenizer, word) == k}) for k in (1, 2)]
    assert bool(prompts) == (max(counts) >= 3 if tokens in (None, {"A": None, "B": None}) else counts[tokens - 1] >= 3)
    for prompt in prompts:
        frame = task_text(task, prompt.template)
        a, b = prompt.slots["A"], prompt.slots["B"]
        assert prompt.counterfactuals["swap"].text == frame.format(A=b, B=a)
        (fresh,) = [n for n in names if frame.format(A=a, B=n) == prompt.counterfactuals["fresh"].text]
        assert len({a, b, fresh}) == 3
        for other in prompt.counterfactuals.values():
            assert tuple(ioi_tokenizer.encode(other.text).ids) == other.tokens != prompt.tokens
            assert len(other.tokens) == len(prompt.tokens)


def task_text(task, template):
    return {each.id: each.text for each in task.definition.templates}[template]


@given(st.lists(st.lists(st.integers(1, 120).map(str), min_size=2, max_size=4, unique=True), min_size=3, max_size=3))
@settings(max_examples=examples(25), deadline=None)
def test_increasing_compares_numbers_also_with_one_that_is_not_shown(ioi_tokenizer, pools):
    allowed = {each for each in product(*pools) if int(each[0]) < int(each[1]) < int(each[2])}
    assume(allowed)
    task = cc.Task.define(
        "years",
        templates={"t": "Between {low} and {middle} there is"},
        pools=dict(zip("abc", pools, strict=True)),
        draw={"low": "a", "middle": "b", "high": "c"},
        answer="high",
        constraints=[cc.increasing("low", "middle", "high")],
        tokens=None,
        answer_tokens=None,
    )
    prompts = everything(task, ioi_tokenizer)
    found = {(prompt.slots["low"], prompt.slots["middle"], prompt.answer.removeprefix(" ")) for prompt in prompts}
    assert found <= allowed
    assert {each[:2] for each in found} == {each[:2] for each in allowed}


def test_no_text_comes_twice_where_the_answer_is_not_shown(ioi_tokenizer):
    task = define(templates={"t": "Then {A} met"}, answer="B", distractor="A")
    texts = [prompt.text for prompt in everything(task, ioi_tokenizer)]
    assert sorted(texts) == sorted({f"Then {name} met" for name in NAMES})


def test_a_value_for_which_a_counterfactual_has_none_that_is_allowed_is_in_no_prompt(ioi_tokenizer):
    task = define(
        templates={"t": "In {year} {A} met {B} and"},
        pools={"name": NAMES, "year": ["1", "2", "3"]},
        draw={"A": "name", "B": "name", "year": "year", "next": "year"},
        constraints=[cc.increasing("year", "next")],
        counterfactuals={"later": {"year": "next"}},
        tokens={"year": None},  # a digit's space is a token of its own here
    )
    prompts = everything(task, ioi_tokenizer)
    assert {prompt.slots["year"] for prompt in prompts} == {"1", "2"}
    assert all(prompt.counterfactuals["later"].text > prompt.text for prompt in prompts)


def test_variables_of_different_pools_may_coincide_unless_they_are_to_differ(ioi_tokenizer):
    parts = {"pools": {"one": NAMES[:4], "two": NAMES[2:]}, "draw": {"A": "one", "B": "two"}, "distractor": None}
    free = everything(define(**parts), ioi_tokenizer)
    apart = everything(define(**parts, constraints=[cc.different("A", "B")]), ioi_tokenizer)
    assert {(p.slots["A"], p.slots["B"]) for p in free} == set(product(NAMES[:4], NAMES[2:]))
    assert {(p.slots["A"], p.slots["B"]) for p in apart} == {
        pair for pair in product(NAMES[:4], NAMES[2:]) if len(set(pair)) == 2
    }


def test_an_answer_never_equals_its_distractor_where_two_items_become_the_same(ioi_tokenizer):
    becomes = dict(zip(NAMES, ["Paul", "Paul", "Mark", "Mark", "Anna", "Emma"], strict=True))
    task = define(derive={"x": ("A", becomes), "y": ("B", becomes)}, answer="x", distractor="y")
    pairs = {(prompt.slots["A"], prompt.slots["B"]) for prompt in everything(task, ioi_tokenizer)}
    assert pairs == {(a, b) for a, b in permutations(NAMES, 2) if becomes[a] != becomes[b]}


def test_what_a_slot_shows_may_be_derived_and_its_variable_the_answer(ioi_tokenizer):
    task = define(
        templates={"t": "It says {city} and"}, draw={"A": "name"}, derive={"city": ("A", ANSWERS)}, distractor=None
    )
    found = {(prompt.slots["city"], prompt.answer) for prompt in everything(task, ioi_tokenizer)}
    assert found == {(ANSWERS[name], " " + name) for name in NAMES}


def test_a_template_may_fill_a_slot_with_another_variable(ioi_tokenizer):
    templates = [
        cc.Template("same", "Then {A}, {B}: {Q} and"),
        cc.Template("other", "Now {A}, {B}: {Q} and", slots={"Q": "B"}),
    ]
    prompts = everything(define(templates=templates, slots={"Q": "A"}), ioi_tokenizer)
    assert len(prompts) == 2 * 30
    for prompt in prompts:
        assert prompt.slots["Q"] == prompt.slots["A" if prompt.template == "same" else "B"]
        assert read(ioi_tokenizer, prompt.text, prompt.positions["Q"]) == " " + prompt.slots["Q"]
        assert prompt.answer == " " + prompt.slots["A"]


def test_a_position_is_a_slot_that_all_templates_have_and_what_one_does_not_show_repeats_none_of_its_prompts(ioi_tokenizer):
    task = define(templates={"met": "Then {A} met {B} and", "alone": "Now {A} came, and"}, distractor=None)
    prompts = everything(task, ioi_tokenizer)
    assert set(task.positions) == {"A", "END"}
    assert len({prompt.text for prompt in prompts}) == len(prompts) > 0


def test_a_reply_follows_the_text_directly(ioi_tokenizer):
    templates = [
        cc.Template("with", "Who met {B}?", reply="\nIt was {A}, not"),
        cc.Template("without", "Then {A} met {B} and"),
    ]
    for prompt in everything(define(templates=templates), ioi_tokenizer):
        a, b = prompt.slots["A"], prompt.slots["B"]
        assert prompt.text == (f"Who met {b}?\nIt was {a}, not" if prompt.template == "with" else f"Then {a} met {b} and")


def test_an_answer_may_follow_without_a_space(ioi_tokenizer):
    task = define(templates={"quoted": 'Then {A} met {B}: "'}, answer_prefix="", tokens=1, answer_tokens=None)
    for prompt in everything(task, ioi_tokenizer):
        assert prompt.answer == prompt.slots["A"]
        assert ioi_tokenizer.encode(prompt.text + prompt.answer).ids == prompt.tokens + prompt.answer_ids


@pytest.mark.parametrize("part", ["answer", "distractor", "candidates"])
def test_what_is_in_the_running_has_one_token(ioi_tokenizer, part):
    """Here the answer, the distractor or a candidate is a name, of which the slots would take any."""
    running = {"answer": "C", "distractor": "D", "candidates": []} | {part: ["A"] if part == "candidates" else "A"}
    task = define(
        templates={"t": "Then {A} met {B}, {C} and {D} and"},
        pools={"name": [*NAMES, *TWO_TOKENS], "other": ["Paul", "Anna"]},
        draw={"A": "name", "B": "name", "C": "other", "D": "other"},
        tokens=None,
        **running,
    )
    assert {prompt.slots["A"] for prompt in everything(task, ioi_tokenizer)} == set(NAMES)


def test_explain_names_each_dropped_item_why_and_the_streams_sizes(tiny_gpt2, ioi_tokenizer):
    strange = [first + second + third for first in "BDFG" for second in "qxz" for third in "vjk"]
    task = define(pools={"name": [*NAMES, *strange]})
    model = cc.load(str(tiny_gpt2))
    told = str(task.explain(model))
    assert all(re.search(rf"\b{item}\b", told) for item in strange if length(ioi_tokenizer, item) != 1)
    assert not any(re.search(rf"\b{name}\b", told) for name in NAMES)
    assert "token" in told
    for stream in STREAMS:
        size = task.definition.size(ioi_tokenizer, stream)
        assert re.search(rf"{stream}\D*\b{size}\b|\b{size}\b\D*{stream}", told)


def test_explain_has_nothing_to_name_where_all_fits(tiny_gpt2):
    told = str(define().explain(cc.load(str(tiny_gpt2))))
    assert not any(name in told for name in NAMES)


@pytest.fixture
def two_models(tmp_path):
    """Two models whose tokenizers have other names for single tokens."""
    folders = [save_tiny_gpt2(tmp_path / name) for name in ("one", "two")]
    for folder, names in zip(folders, (NAMES[:5], NAMES[1:]), strict=True):
        save_tokenizer(folder, names)
    return [cc.load(str(folder)) for folder in folders]


def test_for_models_keeps_what_fits_them_all_so_that_their_prompts_are_the_same(two_models):
    def texts(task, model):
        return [(prompt.text, prompt.answer, prompt.distractor) for prompt in task.iterate(model)]

    assert texts(define(), two_models[0]) != texts(define(), two_models[1])
    both = define().for_models(*two_models)
    one, two = (texts(both, model) for model in two_models)
    assert one == two
    assert {word for text, _, _ in one for word in NAMES if word in text} == set(NAMES[1:5])
    assert both.logit_diff(two_models[0]).values(len(one)).shape == both.logit_diff(two_models[1]).values(len(one)).shape


def test_for_one_model_keeps_what_fits_it(two_models):
    names = {prompt.slots["A"] for prompt in define().for_models(two_models[1]).iterate(two_models[1])}
    assert names == set(NAMES[1:])


def test_iterate_gives_the_prompts_of_sample_and_ends_with_the_stream(tiny_gpt2, ioi_tokenizer):
    task, model = define().on_stream("test"), cc.load(str(tiny_gpt2))
    assert list(task.iterate(model, 7)) == list(task.prompts(7, model=model))
    size = task.definition.size(ioi_tokenizer, "test")
    whole = list(task.iterate(model))
    assert [prompt.index for prompt in whole] == list(range(size))
    assert whole == list(task.prompts(size, model=model))


def test_iterate_takes_only_what_is_asked_for(tiny_gpt2):
    prompts = cc.tasks.ioi().iterate(cc.load(str(tiny_gpt2)))
    assert [next(prompts).index for _ in range(3)] == [0, 1, 2]
