"""Every built-in task under every tokenizer: what holds of all prompts, whatever the words."""

import os
import re
import subprocess
import sys
from collections import defaultdict
from functools import cache
from hashlib import sha256
from itertools import cycle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers_at_hand import BUILTIN, TRAINED, encode, hub, pool_items, read, smollm2

import circuitcheck as cc
from circuitcheck.prompts import STREAMS

N = 32
OPPOSITES = """endothermic ectothermic herbivorous carnivorous bipedal quadrupedal nocturnal diurnal aquatic
terrestrial edible poisonous heavy light hot cold wet dry old young rich poor strong weak fast slow loud quiet wild
tame clean dirty sharp blunt smooth rough brave timid bright dark soft hard sweet bitter tall short thick thin warm
cool happy sad kind cruel wise foolish safe dangerous lazy busy""".split()
OPPOSITE = dict(zip(OPPOSITES[::2] + OPPOSITES[1::2], OPPOSITES[1::2] + OPPOSITES[::2], strict=True))
CAPITALS = """France Paris Germany Berlin Italy Rome Spain Madrid England London Russia Moscow China Beijing Japan
Tokyo Egypt Cairo Greece Athens Austria Vienna Poland Warsaw Sweden Stockholm Ireland Dublin Cuba Havana Peru Lima
Iran Tehran Iraq Baghdad Turkey Ankara India Delhi Canada Ottawa Norway Oslo Finland Helsinki Portugal Lisbon
Hungary Budapest Belgium Brussels Denmark Copenhagen Kenya Nairobi Syria Damascus Chile Santiago Ukraine Kiev
Scotland Edinburgh Wales Cardiff Taiwan Taipei Lebanon Beirut Indonesia Jakarta Philippines Manila Korea Seoul
Venezuela Caracas Thailand Bangkok""".split()
CAPITAL = dict(zip(CAPITALS[::2], CAPITALS[1::2], strict=True))
WOMEN = set(
    """Mary Sarah Anna Emma Kate Laura Susan Alice Lisa Linda Karen Jane Jennifer Jessica Rachel Rebecca Michelle Amy Maria
    Helen Julia Claire Emily Elizabeth Victoria Diana Lucy Grace Sophie""".split()
)
OF_ANY_LENGTH = {"syllogism": ("X", "Y", "nouns0", "Nouns", "nouns"), "greater_than": ("YY",)}
PRINT_DIGESTS = """
import sys
sys.path[:0] = sys.argv[1:]
from test_builtin_tasks import digests
print(*digests(), sep="\\n")
"""


@pytest.fixture(scope="session")
def smollm2_tokenizer():
    return smollm2()


def pairs():
    """Every task under every tokenizer; three and four entities, which are two or five in another number, under one."""
    for name in BUILTIN:
        for tokenizer in ("bpe", "smollm2", "wordpiece-uncased", "unigram"):
            if name[-1] not in "34" or tokenizer == "bpe":
                marks = [pytest.mark.slow] if tokenizer == "smollm2" else []  # its file is parsed for 8 s
                yield pytest.param((name, tokenizer), marks=marks)


@pytest.fixture(scope="module", params=pairs(), ids="-".join)
def pair(request):
    name, tokenizer = request.param
    return name, request.getfixturevalue("smollm2_tokenizer") if tokenizer == "smollm2" else hub(tokenizer)


def of(*names):
    """For tests of what one task's text says."""
    return pytest.mark.parametrize(
        "pair", [each for each in pairs() if each.values[0][0] in names], indirect=True, ids="-".join
    )


@pytest.fixture(scope="module")
def name(pair):
    return pair[0]


@pytest.fixture(scope="module")
def tokenizer(pair):
    return pair[1]


@pytest.fixture(scope="module")
def prompts(name, tokenizer):
    return drawn(name, tokenizer)


task = cache(lambda name: BUILTIN[name]())


@cache
def drawn(name, tokenizer, stream="test", seed=0, start=0, stop=N):
    return tuple(task(name).definition.prompts(tokenizer, seed=seed, stream=stream, rows=range(start, stop)))


def form(tokenizer, text, span):
    """Whether a space is a part of the first token, and how many tokens there are."""
    return read(tokenizer, text, span)[:1].isspace(), len(span)


def fillings(frame, text):
    """What a text holds in the slots of a template."""
    pieces = re.split(r"\{(\w+)\}", frame)
    pattern = "".join(f"(?P<{piece}>\\w+?)" if i % 2 else re.escape(piece) for i, piece in enumerate(pieces))
    return re.fullmatch(pattern, text).groupdict()


def digests():
    """One line for each task, under one of the tokenizers: a digest of all there is in some prompts."""
    for each, name in zip((each for each in BUILTIN if each[-1] not in "345"), cycle(TRAINED), strict=False):
        shown = [
            (
                *(prompt.text, prompt.tokens, prompt.positions, prompt.slots, prompt.template, prompt.index),
                *(prompt.answer, prompt.distractor, prompt.answer_ids, prompt.distractor_ids),
                *((key, other.text, other.tokens) for key, other in prompt.counterfactuals.items()),
            )
            for prompt in drawn(each, hub(name), "discovery", 3, 20, 40)
        ]
        yield f"{each} {name} {sha256(repr(shown).encode()).hexdigest()}"


@pytest.mark.parametrize("trained", TRAINED)
def test_a_fifth_of_the_words_are_several_tokens_under_a_trained_tokenizer(trained):
    def count(text):
        return len(hub(trained).encode(text).ids)

    several = [item for item in pool_items() if count(f"of {item}") > count("of") + 1]
    assert len(several) >= len(pool_items()) / 5


@pytest.mark.sampled(12)
def test_each_task_has_prompts_enough_under_each_tokenizer(name, tokenizer):
    sizes = [task(name).definition.size(tokenizer, stream) for stream in STREAMS]
    assert min(sizes) >= 2 * N


@pytest.mark.sampled(12)
def test_a_named_span_holds_the_text_of_its_slot(prompts, name, tokenizer):
    for prompt in prompts:
        assert encode(tokenizer, prompt.text).ids == prompt.tokens
        named = [slot for slot in prompt.slots if slot in prompt.positions]
        assert set(named) >= set(task(name).definition.positions) & set(prompt.slots)
        for slot in named:
            assert read(tokenizer, prompt.text, prompt.positions[slot]).lstrip() == prompt.slots[slot]


@pytest.mark.sampled(6)
def test_positions_are_those_declared_and_end_is_the_last_token(prompts, name):
    for prompt in prompts:
        assert set(prompt.positions) >= set(task(name).definition.positions)
        assert prompt.positions["END"] == (len(prompt.tokens) - 1,)


def test_answers_continue_the_tokens_of_the_text(prompts, name, tokenizer):
    for prompt in prompts:
        assert len(prompt.answer_ids) == len(prompt.distractor_ids)
        assert len(prompt.answer_ids) == 1 or name in OF_ANY_LENGTH
        assert (prompt.answer_id, prompt.distractor_id) == (prompt.answer_ids[0], prompt.distractor_ids[0])
        assert tokenizer.encode(prompt.text + prompt.answer).ids == prompt.tokens + prompt.answer_ids
        assert tokenizer.encode(prompt.text + prompt.distractor).ids == prompt.tokens + prompt.distractor_ids


def test_the_answer_is_not_the_distractor(prompts):
    for prompt in prompts:
        assert prompt.answer != prompt.distractor
        assert prompt.answer_id != prompt.distractor_id


def test_counterfactuals_are_other_prompts_of_the_same_length(prompts, name, tokenizer):
    declared = task(name).definition.counterfactual_names
    assert declared
    for prompt in prompts:
        assert tuple(prompt.counterfactuals) == tuple(declared)
        for other in prompt.counterfactuals.values():
            assert encode(tokenizer, other.text).ids == other.tokens != prompt.tokens
            assert len(other.tokens) == len(prompt.tokens)


def test_no_prompt_comes_twice_in_a_stream_or_in_two(name, tokenizer):
    found = [prompt for stream in STREAMS for prompt in drawn(name, tokenizer, stream, stop=2 * N)]
    assert len({prompt.text for prompt in found}) == len(found)
    assert len({prompt.tokens for prompt in found}) == len(found)


def test_a_template_has_one_token_form_at_each_position(name, tokenizer):
    forms = defaultdict(set)
    for prompt in drawn(name, tokenizer, stop=2 * N):
        for position, span in prompt.positions.items():
            if position not in OF_ANY_LENGTH.get(name, ()):
                forms[prompt.template, position].add(form(tokenizer, prompt.text, span))
    assert all(len(each) == 1 for each in forms.values()), {key: each for key, each in forms.items() if len(each) > 1}


def test_counterfactuals_have_their_words_where_the_prompt_has_its_own(prompts, name, tokenizer):
    frames = {template.id: template.text for template in task(name).definition.templates}
    for prompt in prompts:
        assert fillings(frames[prompt.template], prompt.text) == prompt.slots
        for other in prompt.counterfactuals.values():
            for slot, word in fillings(frames[prompt.template], other.text).items():
                span = prompt.positions[slot]
                assert read(tokenizer, other.text, span).lstrip() == word
                assert form(tokenizer, other.text, span) == form(tokenizer, prompt.text, span)


def test_there_are_eight_frames_or_more_in_tasks_of_running_text(name):
    frames = {template.id.partition("/")[0] for template in task(name).definition.templates}
    assert len(frames) >= 8 or name == "induction"


@pytest.mark.parametrize("task", ["entity_binding", *(each for each in BUILTIN if "-" not in each)])
def test_the_docstring_names_the_positions_and_counterfactuals(task):
    make = getattr(cc.tasks, task)
    definition = make().definition
    named = [each for each in definition.positions if not each[-1].isdigit()]
    assert all(re.search(rf"\b{each}\b", make.__doc__) for each in (*named, *definition.counterfactual_names))


@given(row=st.integers(0, N - 1), seed=st.integers(0, 1))
@settings(max_examples=3, deadline=None)
def test_a_prompt_does_not_depend_on_how_many_are_drawn(name, tokenizer, row, seed):
    alone = drawn(name, tokenizer, "test", seed, row, row + 1)
    assert alone == drawn(name, tokenizer, "test", seed)[row : row + 1]
    assert [prompt.index for prompt in alone] == [row]


@of("greater_than")
def test_the_answer_is_a_later_year_by_its_first_token_and_the_distractor_an_earlier_one(prompts, tokenizer):
    for prompt in prompts:
        (shown,) = re.findall(r"17(\d\d)\b", prompt.text)
        assert prompt.text.endswith(" 17")
        assert int(prompt.distractor) < int(shown) < int(prompt.answer)
        known = len(prompt.answer) if len(prompt.answer_ids) == 1 else 1
        assert prompt.distractor[:known] < shown[:known] < prompt.answer[:known]


@of(*(each for each in BUILTIN if each.startswith(("capital", "fruit"))))
def test_the_answer_belongs_to_who_is_asked_about_and_the_distractor_to_somebody_else(prompts, name):
    kind, count = name.split("-")
    for prompt in prompts:
        facts = re.search(r"Context: (.*)\n", prompt.text)[1].removesuffix(".").split(". ")
        things = CAPITAL if kind == "capital" else {each: each for each in task(name).definition.pools[1].items}
        told = {fact.split()[0]: things[next(word for word in fact.split()[1:] if word in things)] for fact in facts}
        asked, answering = re.search(r"Question: (.*)\nAnswer: (\w+) ", prompt.text).groups()
        assert len(told) == len(set(told.values())) == int(count)
        assert answering in asked.removesuffix("?").split()
        assert prompt.answer == " " + told.pop(answering)
        assert prompt.distractor.removeprefix(" ") in told.values()


@of(*(each for each in BUILTIN if each.startswith(("capital", "fruit"))))
def test_swap_gives_everybody_what_another_had_and_other_what_nobody_had(prompts, name):
    frames = {template.id: template.text for template in task(name).definition.templates}
    for prompt in prompts:
        slots = [slot for slot in prompt.slots if slot.startswith("A")]
        swap, other = (fillings(frames[prompt.template], prompt.counterfactuals[key].text) for key in ("swap", "other"))
        assert sorted(swap[slot] for slot in slots) == sorted(prompt.slots[slot] for slot in slots)
        assert all(swap[slot] != prompt.slots[slot] for slot in slots)
        assert not {other[slot] for slot in slots} & set(prompt.slots.values())
        assert all(each[slot] == prompt.slots[slot] for each in (swap, other) for slot in prompt.slots if slot not in slots)


@of("induction")
def test_the_answer_followed_the_earlier_occurrence_of_the_last_word(prompts, tokenizer):
    for prompt in prompts:
        *before, last = prompt.text.split()
        assert before.count(last) == 1
        assert prompt.answer == " " + before[before.index(last) + 1]
        assert prompt.distractor.removeprefix(" ") in before
        (previous,) = prompt.positions["PREV"]
        assert read(tokenizer, prompt.text, (previous,)).strip() == last
        assert prompt.tokens[previous + 1] == prompt.answer_id
        assert prompt.tokens[previous] == prompt.tokens[-1]
        *same, new = prompt.counterfactuals["unseen"].text.split()
        assert same == before
        assert new not in before


@of("quoted_speech")
def test_the_second_quotation_ends_as_the_first_did_before_its_verb(prompts, tokenizer):
    for prompt in prompts:
        verb, speaker = re.fullmatch(r'[^"]*"[^"]+" (\w+) (\w+)\. "[^"]+"', prompt.text).groups()
        assert prompt.answer == " " + verb
        assert read(tokenizer, prompt.text, prompt.positions["SAYS"]).strip() == verb
        assert read(tokenizer, prompt.text, prompt.positions["END"]).endswith('"')
        assert speaker in prompt.text.split('"')[0]
        assert prompt.counterfactuals["verb"].text == prompt.text.replace(f'" {verb} ', f'"{prompt.distractor} ')


@of("syllogism")
def test_swap_exchanges_two_opposite_adjectives(prompts):
    for prompt in prompts:
        x, y = prompt.answer.removeprefix(" "), prompt.distractor.removeprefix(" ")
        assert OPPOSITE[x] == y
        exchanged = " ".join({x: y, y: x}.get(word, word) for word in re.split(r"(\W+)", prompt.text))
        assert exchanged == " ".join(re.split(r"(\W+)", prompt.counterfactuals["swap"].text))
        assert prompt.text.index(f" {x}") < prompt.text.index(f" {y}")
        assert prompt.text.lower().split().count(prompt.slots["nouns"]) == 2
        assert prompt.text.count(prompt.slots["category"]) == 2


@of("gendered_pronoun")
def test_the_pronoun_is_that_of_the_name_and_swap_has_a_name_of_the_other(prompts, name):
    frames = {template.id: template.text for template in task(name).definition.templates}
    for prompt in prompts:
        expected = [" she", " he"] if prompt.slots["NAME"] in WOMEN else [" he", " she"]
        assert [prompt.answer, prompt.distractor] == expected
        assert not {"he", "she", "his", "her", "him"} & set(re.findall(r"\w+", prompt.text))
        swapped = fillings(frames[prompt.template], prompt.counterfactuals["swap"].text)
        assert (swapped.pop("NAME") in WOMEN) != (prompt.slots["NAME"] in WOMEN)
        assert swapped.items() <= prompt.slots.items()


@pytest.mark.slow
def test_prompts_are_the_same_in_another_process():
    here = Path(__file__).parent
    run = [sys.executable, "-c", PRINT_DIGESTS, str(here), str(here.parent)]
    there = subprocess.run(run, env=os.environ | {"PYTHONHASHSEED": "77"}, capture_output=True, text=True, check=True)
    ours = list(digests())
    assert there.stdout.splitlines()[-len(ours) :] == ours
