"""What people get wrong when they define a task: each mistake is refused at once, and in words of its own."""

import re
from contextlib import suppress

import pytest

import circuitcheck as cc
from circuitcheck.errors import BadTask, EmptyPool

NAMES = ["Mary", "John", "Tom", "James"]
CAPITAL = {"France": "Paris", "Italy": "Rome", "Spain": "Madrid", "Japan": "Tokyo"}
MET = "Then {S1} of {C1} met {S2} of {C2} in"
GOOD = {
    "templates": {"met": MET, "saw": "Then {S1} of {C1} saw {S2} of {C2} in"},
    "pools": {"people": NAMES, "country": CAPITAL},
    "draw": {"giver": "people", "taker": "people", "newcomer": "people", "home": "country", "away": "country"},
    "derive": {"city": ("home", CAPITAL), "other": ("away", CAPITAL)},
    "slots": {"S1": "giver", "S2": "taker", "C1": "home", "C2": "away"},
    "answer": "city",
    "distractor": "other",
    "counterfactuals": {"swap": {"C1": "C2", "C2": "C1"}, "abc": {"S1": "newcomer"}},
}
YEARS = {
    "templates": {"war": "The war went from {LOW} through {YEAR} to {HIGH} and"},
    "derive": {},
    "slots": {"LOW": "low", "YEAR": "year", "HIGH": "high"},
    "answer": "high",
    "distractor": None,
    "counterfactuals": {},
    "tokens": None,
    "answer_tokens": None,
}
NUMBERS = {
    "number": ["10", "20", "30", "40"],
    "early": ["1", "2", "3"],
    "also early": ["1", "2", "3"],
    "one": ["1"],
    "also one": ["1"],
}

ARGUMENTS = [*GOOD, "name", "candidates", "tokens", "answer_tokens", "constraints", "chat", "second_cluster", "pairs"]
ODD = [
    None,
    3,
    1.5,
    "x",
    b"x",
    ["x"],
    [["x"]],
    [None],
    {1: "x"},
    {"x": 1},
    {"x": ["y"]},
    {"x": {"y": ["z"]}},
    {"x"},
    object(),
]


def text(template, **others):
    return {"templates": {"met": template, **others}}


def template(*args, **kwargs):
    return lambda: {"templates": [cc.Template(*args, **kwargs)]}


def years(*constraints, low="number", year="number", high="number"):
    draw = {"low": low, "year": year, "high": high}
    numbers = YEARS | {"draw": draw, "pools": {name: NUMBERS[name] for name in draw.values()}}
    return lambda: numbers | {"constraints": [getattr(cc, kind)(*variables) for kind, *variables in constraints]}


def pool(*items):
    return {"pools": {"people": list(items), "country": CAPITAL}}


def derived(city):
    return {"derive": GOOD["derive"] | {"city": city}}


def swap(changed, name="swap"):
    return {"counterfactuals": {name: changed}}


SOUND = [
    ("words", {}),
    ("numbers that increase", years(("increasing", "low", "year", "high"))),
    ("texts that could coincide", years(("different", "low", "year"), low="early", year="also early")),
]
# What is wrong, the definition's differences from GOOD, and what any clear message about it mentions.
CASES = [
    ("no templates", {"templates": {}}, "template"),
    ("templates type", {"templates": None}, "templates"),
    ("templates type", {"templates": 7}, "templates"),
    ("templates type", {"templates": MET}, "templates"),
    ("templates type", {"templates": [MET]}, "template"),
    ("template type", text(None), "met"),
    ("template type", text(["Then {S1} met {S2}"]), "met"),
    ("template empty", text(""), "met", "empty|blank|no text|nothing"),
    ("template empty", text("  "), "met", "empty|blank|no text|nothing|space"),
    ("template ends in space", text(MET + " "), "met", "space"),
    ("template ends in space", text(MET + "\n"), "met", "space|line|newline"),
    ("template id", {"templates": {"": MET}}, "template"),
    ("template id", template(3, MET), "template", "3"),
    ("templates of one id", lambda: {"templates": [cc.Template("met", MET), cc.Template("met", MET + " a")]}, "met"),
    ("templates of one text", text(MET, again=MET), "met", "again"),
    ("slot unknown", text("Then {S1} of {Where} met {S2} in"), "met", r"\bWhere\b"),
    ("slot nameless", text("Then {} met {S2} in"), "met|''"),
    ("slot twice", text("Then {S1} met {S2} and {S1} in"), "met", r"\bS1\b", "twice|once|again|two"),
    ("slot is END", text("Then {S1} met {END} in") | {"slots": GOOD["slots"] | {"END": "taker"}}, "(?-i:END)"),
    ("brace open", text("Then {S1 met {S2} in"), "met"),
    ("brace closed", text("Then {S1} met {S2}} in"), "met"),
    ("slot format", text("Then {S1!r} met {S2:>9} in"), "met"),
    ("template's slot unknown", template("met", MET, slots={"Where": "giver"}), "met", r"\bWhere\b"),
    ("template's variable unknown", template("met", MET, slots={"S1": "zz"}), r"\bzz\b"),
    ("template's slots type", template("met", MET, slots="S1"), "slots"),
    ("template's slots type", template("met", MET, slots=None), "slots"),
    ("reply ends in space", template("met", MET, reply="It is the city of "), "met", "reply", "space"),
    ("reply type", template("met", MET, reply=3), "reply"),
    ("pools type", {"pools": [NAMES]}, "pools"),
    ("pool type", {"pools": {"people": "MaryJohn", "country": CAPITAL}}, "people"),
    ("a set of items", {"pools": {"people": set(NAMES), "country": CAPITAL}}, "people", "set", "list"),
    ("a set of templates", {"templates": {cc.Template("met", MET)}}, "templates", "set", "list"),
    ("a set of candidates", {"candidates": {"city", "other"}}, "candidates", "set", "list"),
    ("a set of constraints", {"constraints": {cc.different("home", "away")}}, "constraints", "set", "list"),
    ("pool type", {"pools": {"people": None, "country": CAPITAL}}, "people"),
    ("pool empty", pool(), "people", "empty|no item|0 item|too few|holds nothing"),
    ("pool too small", pool("Mary", "John"), "people"),
    ("item type", pool(1, 2, 3, 4), "people", r"\b1\b"),
    ("item type", pool(*NAMES, None), "people", "None"),
    ("item empty", pool(*NAMES, ""), "people", "empty|blank|''"),
    ("item empty", pool(*NAMES, "  "), "people", "empty|blank|space"),
    ("item twice", pool(*NAMES, "Mary"), "people", "Mary"),
    ("item with space", pool(*NAMES, " Emma"), "people", "Emma", "space"),
    ("item with space", pool(*NAMES, "Emma "), "people", "Emma", "space"),
    ("pool unknown", {"draw": GOOD["draw"] | {"taker": "poeple"}}, r"\btaker\b", "poeple"),
    ("pool unknown", {"pools": {"people": NAMES}}, "country"),
    ("draw type", {"draw": None}, "draw"),
    ("draw type", {"draw": ["giver", "taker", "home", "away"]}, "draw"),
    ("draw from type", {"draw": GOOD["draw"] | {"taker": ["people"]}}, r"\btaker\b"),
    ("variable twice", {"derive": GOOD["derive"] | {"giver": ("home", CAPITAL)}}, r"\bgiver\b"),
    ("derive type", {"derive": ["city"]}, "derive"),
    ("derive not a pair", derived(CAPITAL), "city"),
    ("derive not a pair", derived("home"), "city"),
    ("derive not a pair", derived(("home",)), "city"),
    ("derive not a pair", derived(("home", CAPITAL, "away")), "city"),
    ("derive not a pair", derived(None), "city"),
    ("derive mapping type", derived(("home", list(CAPITAL.values()))), "city"),
    ("derive source unknown", derived(("zz", CAPITAL)), "city", r"\bzz\b"),
    ("derive lacks an item", derived(("home", {"France": "Paris", "Italy": "Rome", "Spain": "Madrid"})), "city", "Japan"),
    ("derive to a number", derived(("home", CAPITAL | {"Japan": 7})), "city", "Japan|7"),
    ("derive to nothing", derived(("home", CAPITAL | {"Japan": ""})), "city", "Japan|empty|blank"),
    ("derive from itself", derived(("city", CAPITAL)), "city"),
    ("derive in a circle", {"derive": {"city": ("other", CAPITAL), "other": ("city", CAPITAL)}}, "city|'other'"),
    ("slots type", {"slots": "S1"}, "slots"),
    ("slot holds unknown", {"slots": GOOD["slots"] | {"S2": "zz"}}, r"\bS2\b", r"\bzz\b"),
    ("slot holds type", {"slots": GOOD["slots"] | {"S2": None}}, r"\bS2\b"),
    ("answer unknown", {"answer": "zz"}, "answer", r"\bzz\b"),
    ("answer unknown", {"answer": "S1"}, "answer", r"\bS1\b"),
    ("answer type", {"answer": None}, "answer"),
    ("answer type", {"answer": ["city"]}, "answer"),
    ("distractor unknown", {"distractor": "zz"}, "distractor", r"\bzz\b"),
    ("distractor is answer", {"distractor": "city"}, "answer", "distractor"),
    ("candidate unknown", {"candidates": ("zz",)}, "candidate", r"\bzz\b"),
    ("candidates type", {"candidates": "other"}, "candidates"),
    ("answer prefix type", {"answer_prefix": 3}, "answer_prefix"),
    ("counterfactuals type", {"counterfactuals": ["swap"]}, "counterfactuals"),
    ("counterfactual type", swap("S1"), "swap"),
    ("counterfactual type", swap(None), "swap"),
    ("counterfactual name", swap({"S1": "newcomer"}, name=""), "counterfactual"),
    ("counterfactual is clean", swap({"S1": "newcomer"}, name="clean"), "clean"),
    ("counterfactual is END", swap({"S1": "newcomer"}, name="END"), "(?-i:END)"),
    ("counterfactual slot unknown", swap({"Where": "newcomer"}), "swap", "Where"),
    ("counterfactual variable unknown", swap({"S1": "zz"}), "swap", r"\bzz\b"),
    ("counterfactual variable type", swap({"S1": 3}), "swap", r"\b3\b|\bS1\b"),
    ("counterfactual variable type", swap({"S1": ["newcomer"]}), "swap", "newcomer"),
    ("counterfactual changes nothing", swap({}), "swap"),
    ("counterfactual changes nothing", swap({"S1": "S1"}), "swap"),
    ("counterfactual changes nothing", swap({"S1": "giver"}), "swap"),
    ("tokens not positive", {"tokens": 0}, "tokens", r"\b0\b"),
    ("tokens not positive", {"tokens": -1}, "tokens", r"-1\b"),
    ("tokens not positive", {"tokens": {"S1": 0}}, r"\bS1\b", r"\b0\b"),
    ("tokens type", {"tokens": "one"}, "tokens", r"\bone\b"),
    ("tokens type", {"tokens": 1.5}, "tokens", r"1\.5"),
    ("tokens type", {"tokens": {"S1": "two"}}, r"\bS1\b", r"\btwo\b"),
    ("tokens slot unknown", {"tokens": {"Where": 1}}, "tokens", "Where"),
    ("answer tokens", {"answer_tokens": 0}, "answer", "tokens", r"\b0\b"),
    ("answer tokens", {"answer_tokens": "1"}, "answer", "tokens"),
    ("second cluster unknown", {"second_cluster": "zz"}, r"\bzz\b"),
    ("pair unknown", {"pairs": ("giver", "zz")}, "pair", r"\bzz\b"),
    ("pair of one", {"pairs": ("giver",)}, "pair", "giver"),
    ("chat type", {"chat": "no"}, "chat", r"\bno\b"),
    ("constraint type", {"constraints": "different"}, "constraint"),
    ("constraint type", {"constraints": [("giver", "taker")]}, "constraint"),
    ("constraint variable type", years(("different", 1, 2)), "constraint|different", r"\b1\b"),
    ("constraint on one variable", years(("different", "low")), "low|different", "two|one|1|2"),
    ("different: unknown", years(("different", "low", "zz")), r"\bzz\b"),
    ("constraint on one variable", years(("increasing", "low")), "low|increasing", "two|one|1|2"),
    ("increasing: unknown", years(("increasing", "low", "YEAR")), r"\bYEAR\b"),
    ("increasing: words", lambda: {"constraints": [cc.increasing("giver", "taker")]}, r"Mary|\bgiver\b|name", "number|int"),
    ("task name", {"name": ""}, "name"),
    ("task name", {"name": None}, "name"),
]

TOY = {
    "templates": {"met": "Then {S1} met {S2} and"},
    "pools": {"people": NAMES},
    "draw": {"giver": "people", "taker": "people"},
    "slots": {"S1": "giver", "S2": "taker"},
    "answer": "giver",
    "distractor": "taker",
}
ANY_LENGTH = {"tokens": None, "answer_tokens": None}
SAME = {"derive": {"nick": ("giver", {name: name for name in NAMES})}, "distractor": "nick"}
STRANGE = {name: name + "zqx" for name in NAMES}
UNREADABLE = [
    ("no item fits", {"pools": {"people": ["Zxqva", "Qwyrk", "Vbnmz", "Plokq"]}}, EmptyPool, "people"),
    ("too few items fit", {"pools": {"people": ["Mary", "Zxqva", "Qwyrk", "Vbnmz"]}}, EmptyPool, "people"),
    ("no item is so long", {"tokens": 3}, EmptyPool, "people"),
    ("no item is so long", {"tokens": {"S1": 3}}, EmptyPool, "people"),
    ("no two of one length", {"pools": {"people": ["Mary", "Zqx", "Qwzxqwzxq"]}} | ANY_LENGTH, EmptyPool, "people"),
    ("no answer fits", {"derive": {"nick": ("giver", STRANGE)}, "answer": "nick"}, BadTask, "Maryzqx|nick|answer"),
    ("no answer fits", {"derive": {"nick": ("taker", STRANGE)}, "distractor": "nick"}, BadTask, "Maryzqx|nick|distractor"),
    ("BOS in the text", {"templates": {"met": "<|endoftext|>Then {S1} met {S2} and"}}, BadTask, "BOS"),
    ("no chat template", {"chat": True}, BadTask, "chat"),
    ("distractor always reads as the answer", SAME, BadTask, "distractor"),
    ("constraints never met", years(("different", "low", "year"), low="one", year="also one"), BadTask, "constraint|differ"),
    ("constraints never met", years(("increasing", "low", "year"), year="early"), BadTask, "constraint|low < year"),
    ("constraints never met", years(("increasing", "low", "high"), ("increasing", "high", "low")), BadTask, "constraint"),
]


def define(changes, base=GOOD):
    arguments = base | (changes() if callable(changes) else changes)
    return cc.Task.define(arguments.pop("name", "toy"), **arguments)


def refusal(changes):
    with pytest.raises(BadTask) as caught:
        define(changes)
    return str(caught.value)


def refusal_of_a_model(changes, folder, kind=BadTask):
    task = define(changes, TOY)
    with pytest.raises(kind) as caught:
        task.prompts(1, model=cc.load(str(folder), bos="always"))
    return str(caught.value)


def lacking(message, patterns):
    return [pattern for pattern in patterns if not re.search(pattern, message, re.IGNORECASE)]


def shared(messages):
    """Messages that several different mistakes were given."""
    return {message: wrong for message, wrong in messages.items() if len(wrong) > 1}


def numbered(cases):
    return [pytest.param(*case[1:], id=f"{i}-{case[0].replace(' ', '-')}") for i, case in enumerate(cases)]


@pytest.mark.parametrize("changes", numbered(SOUND))
def test_what_the_bad_definitions_differ_from_is_good(changes):
    assert isinstance(define(changes), cc.Task)


@pytest.mark.parametrize("case", numbered((wrong, (changes, patterns)) for wrong, changes, *patterns in CASES))
def test_a_bad_definition_is_refused_when_it_is_made_and_told_what_is_wrong(case):
    changes, patterns = case
    message = refusal(changes)
    assert not lacking(message, patterns), message


def test_different_mistakes_get_different_messages():
    messages = {}
    for wrong, changes, *_ in CASES:
        messages.setdefault(refusal(changes), set()).add(wrong)
    assert not shared(messages)


def test_no_message_is_pythons_own():
    told = [refusal(changes) for _, changes, *_ in CASES]
    leaks = r"object at 0x|unhashable|not iterable|not subscriptable|has no attribute|unpack|lambda|positional argument"
    assert not [message for message in told if re.search(leaks, message) or len(message) < 20]


@pytest.mark.parametrize("argument", ARGUMENTS)
def test_no_argument_however_odd_gives_an_error_of_pythons(argument):
    for odd in ODD:
        with suppress(BadTask):
            define({argument: odd})


@pytest.mark.parametrize("changes", numbered([("toy", {}), ("any length", ANY_LENGTH), *SOUND[1:]]))
def test_what_the_unreadable_definitions_differ_from_can_be_read(tiny_gpt2, changes):
    assert len(define(changes, TOY).prompts(1, model=cc.load(str(tiny_gpt2), bos="always"))) == 1


@pytest.mark.parametrize("changes, kind, pattern", numbered(UNREADABLE))
@pytest.mark.sampled(5)
def test_what_a_tokenizer_cannot_read_is_refused_when_it_is_there(tiny_gpt2, changes, kind, pattern):
    message = refusal_of_a_model(changes, tiny_gpt2, kind)
    assert not lacking(message, [pattern]), message


def test_different_things_that_a_tokenizer_cannot_read_get_different_messages(tiny_gpt2):
    messages = {}
    for wrong, changes, *_ in UNREADABLE:
        messages.setdefault(refusal_of_a_model(changes, tiny_gpt2), set()).add(wrong)
    assert not shared(messages)
