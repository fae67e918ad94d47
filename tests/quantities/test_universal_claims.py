"""cc.forall: what a search finds, what it concludes from finding nothing, the prompt it shows, and what it remembers."""

import math
import re
from functools import cache
from itertools import product

import numpy as np
import pytest
from how_many import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import binom

import circuitcheck as cc
from circuitcheck.engine.protocol import ModelCard, Table
from circuitcheck.errors import NotComparable
from circuitcheck.places import Architecture
from circuitcheck.plan import ModelRef
from circuitcheck.prompts import Encoding
from circuitcheck.session import CounterexampleStore

TAIL = 0.025


class Words:
    """A token is a word with the space before it."""

    name, fingerprint, unknown = "words", "words", None

    def __init__(self):
        self.ids, self.alike = {}, object()

    def encode(self, text):
        spans = [match.span() for match in re.finditer(r" ?\S+", text)]
        return Encoding(tuple(self.ids.setdefault(text[a:b], len(self.ids)) for a, b in spans), tuple(spans))

    def encode_many(self, texts, *, chat=False):
        return [self.encode(text) for text in texts]

    def decode(self, ids):
        return "".join(list(self.ids)[number] for number in ids)


class NoNetwork:
    """An engine without a model: metrics see prompts and no logits."""

    words = Words()

    def load(self, spec, *, dtype, device, bos):
        return self.card(ModelRef(spec, spec, dtype, bos))

    def card(self, ref):
        return ModelCard(ref, Architecture(1, 1, 1, 64), {}, "cpu")

    def tokenizer(self, ref):
        return self.words

    def verify(self, ref):
        pass

    def run(self, plan, rows):
        prompts = plan.prompts.prompts(self.words, rows)
        values = [cell.metric.function(None, prompts) for cell in plan.cells]
        return Table(np.array(values, dtype=float), ((),) * len(values), len(rows))


FRAMES = {"met": "Then {A} met {B} in {C} and", "saw": "Now {A} saw {B} in {C} and"}


def task_of(names, places, *hidden):
    return cc.Task.define(
        "people",
        templates=FRAMES,
        pools={"name": [f"n{i}" for i in range(names)], "place": [f"p{i}" for i in range(places)]},
        draw={"A": "name", "B": "name", "C": "place"} | dict.fromkeys(hidden, "place"),
        answer="A",
        distractor="B",
        counterfactuals={f"other-{variable}": {"C": variable} for variable in hidden},
    ).on_stream("test")


SMALL, LARGE = task_of(4, 3), task_of(44, 40, "D", "E")
SIZE = 2 * 4 * 3 * 3
COMBINATIONS = [
    (frame, f"n{a}", f"n{b}", f"p{c}") for frame, a, b, c in product(FRAMES, range(4), range(4), range(3)) if a != b
]


def use(store=None, **changes):
    """A session without a network."""
    options = {} if store is None else {"counterexamples": CounterexampleStore(store)}
    return cc.use_session(cc.Session(cc.Settings(**changes), make_engine=lambda _: NoNetwork(), **options))


@cache
def planted(violates, name="planted", value=-1.0):
    """1 on each prompt, but `value` where `violates(template, A, B, C)`."""

    def function(_logits, prompts):
        return [value if violates(*shown(prompt)) else 1.0 for prompt in prompts]

    return cc.metric(function, name=name)


def measured(task, violates, spec="fake", **how):
    return task.metric(planted(violates, **how), cc.load(spec))


def shown(prompt):
    return (prompt.template, *(prompt.slots[slot] for slot in "ABC"))


def search(task, violates, *, store=None, rate=0.001, prompts=None, **changes):
    with use(store, **changes):
        return cc.forall(measured(task, violates) > 0, rate=rate, prompts=prompts).decide()


def text_of(frame, a, b, c):
    return FRAMES[frame].format(A=a, B=b, C=c)


def in_stream(task, n, seed=0):
    with use(seed=seed):
        return [shown(prompt) for prompt in task.prompts(n, model=cc.load("fake"), seed=seed)]


def rare(frame, a, b, c):
    return (a, b) == ("n5", "n11")


def never(*_):
    return False


def searched(rate, confidence=0.95):
    """The fewest prompts of which none violates with a probability of at most one tail, where `rate` of them do."""
    n = 1
    while (1 - rate) ** n > (1 - confidence) / 2:
        n += 1
    return n


@pytest.mark.slow
@pytest.mark.parametrize(
    "share, rate, searches, violates",
    [
        (1 / 44, 1 / 44.5, 70, lambda frame, a, b, c: a == "n7"),
        (1 / (44 * 43), 1 / 2000, 7, rare),
    ],
    ids=["one-in-forty-four", "one-in-two-thousand"],
)
def test_a_rare_violation_is_found_as_often_as_promised_and_its_rate_lies_in_the_interval(share, rate, searches, violates):
    found = [search(LARGE, violates, seed=seed, rate=rate).decision for seed in range(searches)]
    refuted = sum(decision.verdict == "refuted" for decision in found)
    covered = sum(decision.low <= share <= decision.high for decision in found)
    assert {decision.verdict for decision in found} <= {"refuted", "supported"}
    assert max(decision.n for decision in found) <= searched(rate)
    assert refuted >= binom.ppf(1e-3, searches, 1 - TAIL)
    assert covered >= binom.ppf(1e-3, searches, 1 - 2 * TAIL)


@pytest.mark.parametrize("seed", range(6))
def test_the_first_prompt_that_violates_ends_the_search_with_its_interval(seed):
    def violates(frame, a, b, c):
        return a in ("n1", "n2") or c == "p3"

    n = 1 + [violates(*each) for each in in_stream(LARGE, 200, seed)].index(True)
    result = search(LARGE, violates, seed=seed)
    decision = result.decision
    assert (decision.verdict, decision.n) == ("refuted", n)
    assert decision.low == pytest.approx(1 - (1 - TAIL) ** (1 / n))
    assert decision.high == pytest.approx(1 if n == 1 else 1 - TAIL ** (1 / (n - 1)))
    assert f"#{n - 1}" in result.describe()


def test_a_number_that_is_none_is_neither_a_violation_nor_none():
    result = search_with_value(math.nan)
    assert result.decision.verdict == "inconclusive"
    assert "6 of 23 prompts gave a value that is no finite number" in result.decision.reason


@pytest.mark.parametrize("value, verdict", [(0.0, "refuted"), (1e-9, "supported"), (-math.inf, "refuted")])
def test_the_threshold_itself_is_no_more_than_itself(value, verdict):
    assert search_with_value(value).decision.verdict == verdict


def search_with_value(value):
    with use():
        return cc.forall(measured(SMALL, lambda frame, a, b, c: c == "p2", value=value) > 0, rate=0.15).decide()


def test_each_form_of_comparison_holds_on_every_prompt_or_not():
    with use():
        quantity = measured(SMALL, lambda frame, a, b, c: c == "p2")
        cases = [
            (quantity > -2, "supported"),
            (quantity < 1.5, "supported"),
            (quantity < 0.5, "refuted"),
            (quantity == cc.approx(0, abs=1.5), "supported"),
            (quantity == cc.approx(0.5, abs=0.6), "refuted"),
        ]
        for comparison, verdict in cases:
            assert cc.forall(comparison, rate=0.15).decide().decision.verdict == verdict


@pytest.mark.parametrize("rate", [0.2, 0.05, 0.01])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_without_a_violation_the_bound_is_what_so_many_prompts_can_exclude(rate, confidence):
    decision = search(LARGE, never, rate=rate, confidence=confidence).decision
    n = searched(rate, confidence)
    assert (decision.verdict, decision.n, decision.census) == ("supported", n, False)
    assert decision.low == decision.estimate == 0
    assert decision.high == pytest.approx(1 - ((1 - confidence) / 2) ** (1 / n))
    assert rate * 0.9 < decision.high <= rate


@pytest.mark.slow
def test_one_in_a_thousand_is_what_is_searched_for_by_default():
    assert search(LARGE, never).decision.n == searched(0.001) == 3688


@pytest.mark.parametrize("prompts", [100, 367])
def test_fewer_prompts_than_the_rate_needs_decide_nothing_and_say_what_they_exclude(prompts):
    decision = search(LARGE, never, rate=0.01, prompts=prompts).decision
    assert (decision.verdict, decision.n) == ("inconclusive", prompts)
    assert decision.high == pytest.approx(1 - TAIL ** (1 / prompts))
    assert decision.high > 0.01


def test_all_prompts_of_the_stream_exclude_no_more_than_so_many_prompts_do():
    """Half of the combinations: with D violators among all, none is seen with a probability of 2^-D."""
    decision = search(SMALL, never).decision
    assert (decision.verdict, decision.n, decision.census) == ("inconclusive", SIZE // 2, False)
    assert decision.high == pytest.approx(1 - TAIL ** (2 / SIZE))
    assert "there are no more prompts" in decision.reason


def test_a_small_rate_does_not_make_a_part_of_the_prompts_all_of_them():
    decision = search(SMALL, never, rate=0.2).decision
    assert (decision.n, decision.census) == (searched(0.2), False)
    assert decision.high > 0


ITEMS = {"frame": tuple(FRAMES), "A": ("n0", "n1", "n2", "n3"), "B": ("n0", "n1", "n2", "n3"), "C": ("p0", "p1", "p2")}


@st.composite
def conjunctions(draw):
    parts = draw(st.lists(st.sampled_from(list(ITEMS)), min_size=1, unique=True))
    return {part: draw(st.sampled_from(ITEMS[part])) for part in parts}


def any_of(*conjunctions):
    def violates(*values):
        prompt = dict(zip(ITEMS, values, strict=True))
        return any(conjunction.items() <= prompt.items() for conjunction in conjunctions)

    return violates


def refuting(violates):
    """The prompt that a search of the whole stream shows, None where none violates."""
    result = search(SMALL, violates)
    if not any(violates(*each) for each in in_stream(SMALL, SIZE // 2)):
        assert result.decision.verdict == "inconclusive"
        return None
    (contrary,) = result.contrary
    (prompt,) = [each for each in COMBINATIONS if (each[0], text_of(*each)) == (contrary.template, contrary.text)]
    assert (result.decision.verdict, contrary.value) == ("refuted", -1.0)
    return prompt


@given(violation=conjunctions())
@example(violation={"A": "n3"})
@example(violation={"A": "n2", "C": "p1"})
@example(violation={"frame": "saw", "B": "n0"})
@settings(max_examples=examples(40), deadline=None)
def test_the_prompt_shown_is_the_first_of_all_that_violate(violation):
    violates = any_of(violation)
    assert refuting(violates) in (None, next((each for each in COMBINATIONS if violates(*each)), None))


@given(violations=st.lists(conjunctions(), min_size=2, max_size=3))
@example(violations=[{"A": "n3"}, {"B": "n2", "frame": "saw"}])
@settings(max_examples=examples(40), deadline=None)
@pytest.mark.slow
def test_where_there_are_several_ways_to_violate_no_part_of_the_prompt_shown_could_come_earlier(violations):
    violates = any_of(*violations)
    prompt = refuting(violates)
    assert prompt is None or violates(*prompt)
    for part, items in enumerate(ITEMS.values() if prompt else ()):
        for earlier in items[: items.index(prompt[part])]:
            other = (*prompt[:part], earlier, *prompt[part + 1 :])
            assert other not in COMBINATIONS or not violates(*other)


class Changing:
    """A violation that is elsewhere later on."""

    def __init__(self):
        self.now = rare

    def __call__(self, *prompt):
        return self.now(*prompt)


@pytest.mark.parametrize("options", [{}, {"seed": 7}, {"confidence": 0.9}, {"samples": 64}, {"batch": 16}], ids=str)
def test_a_violation_is_tried_first_in_another_session(tmp_path, options):
    first, again = (search(LARGE, rare, store=tmp_path, **each) for each in ({}, options))
    assert first.decision.verdict == again.decision.verdict == "refuted"
    assert first.contrary == again.contrary
    assert "stored counterexample" in again.describe()
    assert "stored counterexample" not in first.describe()


def test_it_is_tried_first_on_another_model(tmp_path):
    search(LARGE, rare, store=tmp_path)
    with use(tmp_path):
        result = cc.forall(measured(LARGE, rare, spec="another") > 0).decide()
    assert "stored counterexample" in result.describe()
    assert [each.text for each in result.contrary] == [text_of("met", "n5", "n11", "p0")]


def test_without_a_folder_it_is_remembered_for_the_session():
    with use() as session:
        first = cc.forall(measured(LARGE, rare) > 0).decide()
        before = session.forward_passes
        again = cc.forall(measured(LARGE, rare) > 0).decide()
        assert "stored counterexample" in again.describe()
        assert again.contrary == first.contrary
        assert session.forward_passes < before + 5


def test_a_violation_that_is_none_any_more_leads_to_the_search_that_would_have_been(tmp_path):
    violates = Changing()
    search(LARGE, violates, store=tmp_path)
    for violates.now in (never, lambda frame, a, b, c: a == "n9"):
        assert search(LARGE, violates, rate=0.01, store=tmp_path) == search(LARGE, violates, rate=0.01)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"null", b'{"cases": [[]]}'])
def test_a_file_that_cannot_be_read_is_none(tmp_path, content):
    expected = search(LARGE, rare, store=tmp_path)
    (file,) = tmp_path.rglob("*.json")
    file.write_bytes(content)
    assert search(LARGE, rare, store=tmp_path) == expected
    assert "stored counterexample" in search(LARGE, rare, store=tmp_path).describe()


def test_stored_values_that_no_prompt_has_are_none(tmp_path):
    expected = search(LARGE, rare, store=tmp_path)
    (file,) = tmp_path.rglob("*.json")
    file.write_text(file.read_text().replace("n11", "n99"))
    assert search(LARGE, rare, store=tmp_path) == expected


def test_another_question_does_not_try_it(tmp_path):
    search(LARGE, rare, store=tmp_path)
    with use(tmp_path):
        result = cc.forall(measured(LARGE, never, name="other") > 0, rate=0.1).decide()
    assert result == search_with_name("other")


def search_with_name(name):
    with use():
        return cc.forall(measured(LARGE, never, name=name) > 0, rate=0.1).decide()


@pytest.mark.parametrize(
    "refused",
    [
        lambda q: q / q > 0,
        lambda q: q.median() > 0,
        lambda q: q.quantile(0.1) > 0,
        lambda q: cc.all_of(q > 0, q < 2),
        lambda q: q,
        lambda q: True,
        lambda q: None,
    ],
    ids=["ratio", "median", "quantile", "composite", "quantity", "truth", "none"],
)
def test_what_is_no_comparison_of_a_number_per_prompt_is_refused(refused):
    with use(), pytest.raises(NotComparable):
        cc.forall(refused(measured(SMALL, never)))


@pytest.mark.parametrize("options", [{"rate": 0}, {"rate": 1}, {"rate": -0.1}, {"rate": math.nan}, {"prompts": 0}])
def test_rates_and_numbers_that_mean_nothing_are_refused(options):
    with use(), pytest.raises(ValueError):
        cc.forall(measured(SMALL, never) > 0, **options).decide()
