"""The prompts of indirect object identification, one by one."""

import pytest

from circuitcheck.prompts.builtin.ioi import ioi

N = 320


@pytest.fixture(scope="module")
def prompts(ioi_tokenizer):
    return ioi().prompts(ioi_tokenizer, seed=0, stream="test", rows=range(N))


def words_at(tokenizer, tokens, indices):
    return tokenizer.decode(tuple(tokens[i] for i in indices)).strip()


def test_there_are_at_least_eight_frames(prompts):
    frames = {prompt.template.rpartition("/")[0] for prompt in prompts}
    assert len(frames) >= 8


def test_both_name_orders_occur_in_every_frame(prompts):
    orders = {(prompt.template.rpartition("/")[0], prompt.positions["IO"] < prompt.positions["S1"]) for prompt in prompts}
    assert len(orders) == 2 * len({frame for frame, _ in orders})


def test_each_named_span_is_the_slots_text(prompts, ioi_tokenizer):
    for prompt in prompts:
        for slot, text in prompt.slots.items():
            assert words_at(ioi_tokenizer, prompt.tokens, prompt.positions[slot]) == text


def test_end_is_the_last_token(prompts):
    assert all(prompt.positions["END"] == (len(prompt.tokens) - 1,) for prompt in prompts)


def test_tokens_spell_the_text(prompts, ioi_tokenizer):
    assert all(ioi_tokenizer.decode(prompt.tokens) == prompt.text for prompt in prompts)


def test_the_subject_comes_twice_and_is_not_the_indirect_object(prompts):
    for prompt in prompts:
        assert prompt.slots["S1"] == prompt.slots["S2"] != prompt.slots["IO"]
        assert prompt.text.split().count(prompt.slots["S1"]) + prompt.text.split().count(prompt.slots["S1"] + ",") == 2


def test_the_answer_is_the_indirect_object_and_the_distractor_the_subject(prompts):
    for prompt in prompts:
        assert prompt.answer == " " + prompt.slots["IO"]
        assert prompt.distractor == " " + prompt.slots["S1"]
        assert prompt.answer_id != prompt.distractor_id


def test_answers_are_single_tokens(prompts, ioi_tokenizer):
    for prompt in prompts:
        assert ioi_tokenizer.encode(prompt.answer).ids == (prompt.answer_id,) == prompt.answer_ids
        assert ioi_tokenizer.encode(prompt.distractor).ids == (prompt.distractor_id,) == prompt.distractor_ids


def test_counterfactuals_are_as_long_and_differ_only_at_the_names(prompts):
    for prompt in prompts:
        names = {prompt.positions[slot][0] for slot in ("IO", "S1", "S2")}
        for other in prompt.counterfactuals.values():
            assert len(other.tokens) == len(prompt.tokens)
            changed = {i for i, pair in enumerate(zip(prompt.tokens, other.tokens, strict=True)) if len(set(pair)) == 2}
            assert changed == names


def test_abc_has_three_new_names_none_of_them_twice(prompts, ioi_tokenizer):
    for prompt in prompts:
        other = prompt.counterfactuals["abc"]
        names = [words_at(ioi_tokenizer, other.tokens, prompt.positions[slot]) for slot in ("IO", "S1", "S2")]
        assert len({*names, prompt.slots["IO"], prompt.slots["S1"]}) == 5
        assert all(name in other.text for name in names)


def test_swap_exchanges_the_names(prompts, ioi_tokenizer):
    for prompt in prompts:
        other = prompt.counterfactuals["swap"]
        names = [words_at(ioi_tokenizer, other.tokens, prompt.positions[slot]) for slot in ("IO", "S1", "S2")]
        assert names == [prompt.slots["S1"], prompt.slots["IO"], prompt.slots["IO"]]


def test_run_gives_the_tokens_of_a_base(prompts):
    prompt = prompts[0]
    assert prompt.run("clean") == prompt.tokens
    assert prompt.run("abc") == prompt.counterfactuals["abc"].tokens


def test_the_task_declares_its_positions_and_counterfactuals():
    assert set(ioi().positions) == {"IO", "S1", "S2", "place", "object", "END"}
    assert ioi().counterfactual_names == ("abc", "swap")
