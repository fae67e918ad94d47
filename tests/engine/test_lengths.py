"""Which prompts of different lengths are run together: laws of the grouping, whatever the lengths are."""

from itertools import pairwise
from types import SimpleNamespace

from how_many import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitcheck.engine.torch.running.lengths import joined

SIZE, FEW, LONGER = 4, 8, 1.25
several = st.integers(1, 6)
few = st.dictionaries(st.integers(1, 70), several, min_size=1, max_size=FEW)
many = st.dictionaries(st.integers(1, 70), several, min_size=FEW + 1, max_size=40)


def grouped(of_length, may_run_on=lambda tokens, length: True):
    """(lengths of the groups before, and after), of so many texts of each length."""
    prompts, groups = [], []
    for length in sorted(of_length):
        groups.append(list(range(len(prompts), len(prompts) + of_length[length])))
        prompts += [SimpleNamespace(tokens=(number,) * length) for number in range(of_length[length])]
    after = joined(prompts, groups, SIZE, may_run_on)
    assert [index for group in after for index in group] == list(range(len(prompts)))
    return [[len(prompts[index].tokens) for index in group] for group in after]


def are_near(shorter, longer):
    return longer[0] <= LONGER * shorter[0] and (shorter[0] - 1).bit_length() == (longer[0] - 1).bit_length()


@settings(max_examples=examples(200), deadline=None)
@given(many)
def test_no_prompt_is_followed_by_much(of_length):
    for lengths in grouped(of_length):
        assert lengths[-1] <= LONGER * lengths[0]
        assert (lengths[0] - 1).bit_length() == (lengths[-1] - 1).bit_length()  # no power of 2 lies between them


@settings(max_examples=examples(200), deadline=None)
@given(few)
def test_few_lengths_are_put_together_where_one_pass_holds_them(of_length):
    after = grouped(of_length)
    assert all(len(lengths) <= SIZE for lengths in after if len(set(lengths)) > 1)
    for shorter, longer in pairwise(after):
        assert not are_near(shorter, longer) or len(shorter) + of_length[longer[0]] > SIZE


@settings(max_examples=examples(200), deadline=None)
@given(many)
def test_what_is_left_apart_of_many_has_a_reason(of_length):
    for shorter, longer in pairwise(grouped(of_length)):
        assert not are_near(shorter, longer) or (len(shorter) >= SIZE and of_length[longer[0]] >= SIZE)


@settings(max_examples=examples(100), deadline=None)
@given(many, st.sets(st.integers(1, 70)))
def test_what_must_not_be_followed_is_not(of_length, fragile):
    for lengths in grouped(of_length, lambda tokens, length: len(tokens) not in fragile):
        assert lengths[0] not in fragile or len(set(lengths)) == 1
