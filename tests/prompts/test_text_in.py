"""Text in, nothing lost: a prompt reads as its template says, and a position is where its slot's text stands."""

import re
import unicodedata

import numpy as np
import pytest
from how_many import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import save_tokenizer
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.processors import TemplateProcessing
from tokenizers_at_hand import TRAINED, Slow, everything, hub, read
from transformers import PreTrainedTokenizerFast

import circuitcheck as cc
from circuitcheck.engine.torch.loading.tokenizer import HubTokenizer
from circuitcheck.errors import BadTask, CircuitCheckError

NAMES = ("Mary", "John", "Tom", "James", "Sarah", "David")
UNICODE = (
    "José",
    unicodedata.normalize("NFD", "José"),
    "Ångström",
    unicodedata.normalize("NFD", "Ångström"),
    "Nguyễn Văn",
    "李明",
    "さくら",
    "김민수",
    "👩‍🚀",
    "🇫🇷",
    "محمد",
    "דָּנִי",
    "Ωmega",
    "𝔘𝔫𝔦",
)
any_tokenizer = pytest.mark.parametrize("name", sorted(TRAINED))


def met(text, names=NAMES, **more):
    """Two of the names, the first of which is the answer."""
    template = text if isinstance(text, cc.Template) else cc.Template("t", text)
    draw, slots = {"a": "name", "b": "name"}, {"A": "a", "B": "b"}
    return cc.Task.define(
        "met", templates=[template], pools={"name": names}, draw=draw, slots=slots, answer="a", distractor="b", **more
    )


def alone(text, items, **more):
    """One item of any kind, after which Mary is said."""
    derive = {"answer": ("A", dict.fromkeys(items, "Mary"))}
    return cc.Task.define(
        "alone", templates={"t": text}, pools={"item": items}, draw={"A": "item"}, derive=derive, answer="answer", **more
    )


def length(tokenizer, before, item):
    """Tokens of the item; the space before it is a part of it, also where it is a token of its own."""
    return sum(end > len(before) - before.endswith(" ") for _, end in tokenizer.encode(before + item).offsets)


@any_tokenizer
@pytest.mark.parametrize(
    "text",
    [
        'He said: "{A} met {B}" and',
        "Both (({A}), [{B}]) and",
        "{A} met {B} and",
        "{A}, {B}; and",
        "{A}'s friend is {B}'s friend and",
        "First:\n{A}\n- {B}...\nThen",
        "It was {A}/{B} and",
        "Who? {A}! Not {B}",
        "{A}",
        "Nobody\t{A} met\u00a0{B} and",
    ],
)
def test_slots_stand_anywhere(name, text):
    text = text if "{B}" in text else text + " and {B}"
    prompts = everything(met(text, tokens=None), hub(name))
    assert {prompt.slots["A"] for prompt in prompts} == set(NAMES)
    for prompt in prompts:
        assert prompt.text == text.format(**prompt.slots)
        for slot in ("A", "B"):
            assert read(hub(name), prompt.text, prompt.positions[slot]).strip() == prompt.slots[slot]


@any_tokenizer
@pytest.mark.parametrize("text", ["Then un{A} met {B} and", "Then {A}ish and {B}s met, and"])
def test_a_slot_inside_a_word_has_tokens_of_its_own_or_the_item_is_dropped(name, text):
    try:
        prompts = everything(met(text, tokens=None), hub(name))
    except BadTask:
        return
    for prompt in prompts:
        for slot in ("A", "B"):
            assert read(hub(name), prompt.text, prompt.positions[slot]).strip() == prompt.slots[slot]


@pytest.mark.parametrize("one, other", ["64", "50", "17", "29"])
def test_tokens_are_the_tokenizers_own_also_where_just_one_pair_of_values_merges(one, other):
    digits = tuple("0123456789")
    vocabulary = [*dict.fromkeys("Code: ab"), *digits, *(f" {digit}" for digit in digits), f" {one} {other}"]
    merges = [*((" ", digit) for digit in digits), (f" {one}", f" {other}")]
    backend = Tokenizer(BPE({token: number for number, token in enumerate(vocabulary)}, merges))
    tokenizer = HubTokenizer(PreTrainedTokenizerFast(tokenizer_object=backend), "never", "merging")
    task = cc.Task.define(
        "digits",
        templates={"t": "Code: {A} {B}"},
        pools={"a": digits, "b": digits, "letter": ("a", "b")},
        draw={"A": "a", "B": "b", "x": "letter"},
        answer="x",
        answer_prefix="",
        tokens=None,
    )
    try:
        prompts = everything(task, tokenizer)
    except BadTask:
        return
    assert all(prompt.tokens == tokenizer.encode(prompt.text).ids for prompt in prompts)


@any_tokenizer
def test_line_endings_stay_as_they_are(name):
    text = "One\r\nTwo, \r {A}\rThree\n\n\n{B}\r\n\r\nand\n\r then"
    for prompt in everything(met(text, tokens=None), hub(name)):
        assert prompt.text == text.format(**prompt.slots)
        assert name != "bpe" or hub(name).decode(prompt.tokens) == prompt.text
        for slot in ("A", "B"):
            assert read(hub(name), prompt.text, prompt.positions[slot]).strip() == prompt.slots[slot]


@pytest.mark.parametrize("name", ["bpe", "unigram"])
@pytest.mark.parametrize("text", ["They spoke to {A} and to", "{A}, “Zoë” (東京)", "“{A}”—"])
def test_letters_of_every_script_are_where_the_position_says(name, text):
    for prompt in everything(alone(text, UNICODE, tokens=None), hub(name)):
        assert prompt.text == text.format(A=prompt.slots["A"])
        assert read(hub(name), prompt.text, prompt.positions["A"]).strip() == prompt.slots["A"]
        assert name != "bpe" or hub(name).decode(prompt.tokens) == prompt.text


@pytest.mark.parametrize(
    "name, text", [("bpe", "They spoke to {A} and to"), ("bpe", "“{A}”—"), ("unigram", "They spoke to {A} and to")]
)
def test_letters_of_every_script_survive(name, text):
    """This unigram's NFKC makes one name of what is composed and decomposed."""
    told_apart = unicodedata.normalize if name == "unigram" else lambda _, item: item
    found = {prompt.slots["A"] for prompt in everything(alone(text, UNICODE, tokens=None), hub(name))}
    assert {told_apart("NFC", item) for item in found} == {told_apart("NFC", item) for item in UNICODE}


@pytest.mark.parametrize("before", ["They saw ", 'He said: "', ""])
def test_a_number_of_tokens_keeps_the_items_that_have_it_where_they_stand(before):
    lengths = {item: length(hub("bpe"), before, item) for item in UNICODE}
    for count in set(lengths.values()):
        prompts = everything(alone(before + "{A} and", UNICODE, tokens={"A": count}), hub("bpe"))
        assert {prompt.slots["A"] for prompt in prompts} == {item for item in UNICODE if lengths[item] == count}
        assert all(len(prompt.positions["A"]) == count for prompt in prompts)


@pytest.mark.parametrize(
    "name, alike",
    [
        ("unigram", ("José", unicodedata.normalize("NFD", "José"))),
        ("wordpiece-uncased", ("Mary", "mary")),
        ("wordpiece-cased", ("李明", "王芳")),
    ],
)
def test_names_that_the_tokenizer_takes_for_one_are_never_answer_and_distractor(name, alike):
    task = met("Then {A} met {B} and", (*alike, "John", "Tom"), tokens=None, answer_tokens=None)
    for prompt in everything(task, hub(name)):
        assert {prompt.slots["A"], prompt.slots["B"]} != set(alike)
        assert prompt.answer_ids != prompt.distractor_ids


@pytest.mark.parametrize("name, bos", [("unigram", "<s>"), ("wordpiece-uncased", "[CLS]")])
@pytest.mark.parametrize(
    "text, reply", [("BOS Then {A} met {B} and", ""), ("{A} met BOS {B} and", ""), ("{A}, {B}", "BOS and")]
)
def test_a_text_that_holds_the_bos_is_refused(name, bos, text, reply):
    template = cc.Template("t", text.replace("BOS", bos), reply=reply.replace("BOS", bos))
    with pytest.raises(BadTask, match="BOS"):
        everything(met(template, tokens=None), hub(name))


def test_an_item_that_is_the_bos_never_becomes_a_second_one():
    try:
        prompts = everything(met("Then {A} met {B} and", ("<s>", *NAMES), tokens=None), hub("unigram"))
    except BadTask:
        return
    assert not any("<s>" in prompt.text for prompt in prompts)


def chatty(folder, *, bos=True, prepends=True, content="m.content"):
    inner = save_tokenizer(folder)
    begin = "{{ bos_token }}" if bos else ""
    inner.chat_template = (
        begin + "{% for m in messages %}[{{ m.role }}] {{ " + content + " }} [end]\n{% endfor %}"
        "{% if add_generation_prompt %}[assistant]{% endif %}"
    )
    if prepends:
        special = [(inner.bos_token, 0)]
        inner.backend_tokenizer.post_processor = TemplateProcessing(single=f"{inner.bos_token} $A", special_tokens=special)
    return inner


@pytest.mark.parametrize(
    "bos, prepends, policy",
    [
        (True, False, "tokenizer"),
        (True, True, "tokenizer"),
        (True, True, "always"),
        (False, True, "tokenizer"),
        (False, False, "always"),
    ],
)
@pytest.mark.parametrize("reply", ["", " The answer is"])
def test_chat_asks_as_the_tokenizers_template_does_with_one_bos(tmp_path, bos, prepends, policy, reply):
    tokenizer = HubTokenizer(chatty(tmp_path, bos=bos, prepends=prepends), policy, "chatty")
    task = met(cc.Template("who", "{A} met {B}. Who?", reply=reply), chat=True)
    for prompt in everything(task, tokenizer)[:6]:
        a, b = prompt.slots["A"], prompt.slots["B"]
        assert prompt.text.removeprefix("<|endoftext|>") == f"[user] {a} met {b}. Who? [end]\n[assistant]{reply}"
        assert [i for i, token in enumerate(prompt.tokens) if token == 0] == [0]
        assert tokenizer.decode(tuple(prompt.tokens[i] for i in prompt.positions["A"])) == " " + a
        assert prompt.positions["END"] == (len(prompt.tokens) - 1,)
        assert tokenizer.decode(prompt.tokens[1:] + prompt.answer_ids).endswith(f"[assistant]{reply} {a}")


def test_chat_asks_what_the_template_makes_of_the_message(tmp_path):
    inner = chatty(tmp_path, content="m.content | trim")
    task = met(cc.Template("who", "{A} met {B}. Who?\n", reply=" The answer is"), chat=True)
    for prompt in everything(task, HubTokenizer(inner, "tokenizer", "trims"))[:6]:
        a, b = prompt.slots["A"], prompt.slots["B"]
        assert prompt.text.removeprefix(inner.bos_token) == f"[user] {a} met {b}. Who? [end]\n[assistant] The answer is"


@pytest.mark.parametrize(
    "today, said",
    [
        ("{{ strftime_now('%B %d, %Y') }}", "July 26, 2024"),
        ("{% if strftime_now is defined %}{{ strftime_now('%-d %b %y, %A') }}{% endif %}", "26 Jul 24, Friday"),
        ("{{ date_string }}", "26 Jul 2024"),
        ("{{ strftime_now('%Y') | int + 1 }}", "2025"),
    ],
)
def test_chat_templates_see_the_same_day_for_ever(tmp_path, today, said):
    inner = chatty(tmp_path)
    inner.chat_template = f"\n  {{% set a = 1 %}}  {today}.\n{inner.chat_template}"
    prompt = everything(met("{A} met {B}. Who?", chat=True), HubTokenizer(inner, "tokenizer", "dated"))[0]
    assert prompt.text.startswith(f"\n  {said}.\n")
    plain = inner.apply_chat_template([{"role": "user", "content": "x"}], tokenize=False, date_string="")
    assert plain.startswith("\n  ")


def test_chat_needs_a_chat_template(ioi_tokenizer):
    with pytest.raises(CircuitCheckError, match="chat template"):
        everything(met("Then {A} met {B} and", chat=True), ioi_tokenizer)


@pytest.mark.parametrize("items", [("Mary", "", "John"), {"Mary": "x", "": "y", "John": "z"}])
def test_an_empty_item_is_refused(items):
    with pytest.raises(BadTask, match="empty"):
        alone("Then {A} and", tuple(items))


def test_an_empty_derived_text_is_refused():
    with pytest.raises(BadTask, match="empty"):
        cc.Task.define(
            "derived",
            templates={"t": "Then {A} met {B} and"},
            pools={"name": ("Mary", "John")},
            draw={"A": "name"},
            derive={"B": ("A", {"Mary": "Tom", "John": ""})},
            answer="A",
        )


def test_positions_of_several_tokens_are_what_interventions_act_on(tiny_gpt2, ioi_tokenizer):
    candidates = (first + second + third for first in "BDFG" for second in "qxz" for third in "vjk")
    items = [item for item in candidates if length(ioi_tokenizer, "of ", item) == 3][:6]
    answers = dict(zip(items, NAMES, strict=True))
    task = cc.Task.define(
        "three",
        templates={"t": "Then {A} {B} and"},
        pools={"item": items},
        draw={"A": "item", "B": "item"},
        derive={"answer": ("A", answers), "other": ("B", answers)},
        answer="answer",
        distractor="other",
        tokens=3,
    )
    model = cc.load(str(tiny_gpt2))

    def at(positions):
        return task.logit_diff(model.ablate("L0.mlp", kind="zero", at=positions)).values(7)

    np.testing.assert_allclose(at("A[:]"), at("A-2, A-1, A"), rtol=1e-5)
    np.testing.assert_allclose(at("A+1"), at("B-2"), rtol=1e-5)
    np.testing.assert_allclose(at("A+3"), at("B"), rtol=1e-5)
    assert np.abs(at("A") - at("A-1")).min() > 1e-4


@pytest.mark.parametrize("name", [*sorted(TRAINED), "slow"])
@given(st.lists(st.text(st.sampled_from("Mary and é李\u0301🚀\r\n"), max_size=9), max_size=4))
@settings(max_examples=20, deadline=None)
def test_many_texts_are_encoded_as_each_of_them(name, texts):
    tokenizer = HubTokenizer(Slow(), "always", "slow") if name == "slow" else hub(name)
    assert list(tokenizer.encode_many(texts)) == [tokenizer.encode(text) for text in texts]


@given(
    st.lists(
        st.sampled_from([" Mary", "Mary", " and", "é", "e\u0301", "李", "👩‍🚀", "\r\n", " ", "م", '"'])
        | st.characters(codec="utf-8")
    ).map("".join)
)
@settings(max_examples=examples(30), deadline=None)
def test_without_offsets_from_the_tokenizer_they_come_from_what_it_decodes(text):
    encoding = HubTokenizer(Slow(), "never", "slow").encode(text)
    start = token = 0
    for piece in Slow().pieces(text):
        count = len(Slow().tokens_of(piece))
        covered = encoding.offsets[token : token + count]
        assert (min(covered)[0], max(end for _, end in covered)) == (start, start + len(piece))
        start, token = start + len(piece), token + count
    assert token == len(encoding.ids)


@pytest.mark.parametrize("bos", ["never", "always"])
def test_positions_are_right_without_offsets_from_the_tokenizer(bos):
    slow = HubTokenizer(Slow(), bos, "slow")
    text = 'Then "{A}"\r\nand (again {A_}) and'.replace("{A_}", "Zoë")
    prompts = everything(alone(text, (*UNICODE, *NAMES), tokens=None), slow)
    assert len(prompts) == len(UNICODE) + len(NAMES)
    for prompt in prompts:
        span = prompt.positions["A"]
        assert slow.decode(tuple(prompt.tokens[i] for i in span)).strip() == prompt.slots["A"]
        assert prompt.positions["END"] == (len(prompt.tokens) - 1,)


def test_a_tokenizer_without_offsets_that_loses_text_is_refused_in_words():
    lossy = HubTokenizer(Slow(lossy=True), "never", "lossy")
    assert lossy.decode(lossy.encode("all lower case").ids) == "all lower case"
    with pytest.raises(CircuitCheckError, match=re.compile(r"decod|give.* back|offset", re.IGNORECASE)):
        everything(met("Then {A} met {B} and", tokens=None, answer_tokens=None), lossy)
