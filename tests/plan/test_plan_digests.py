"""Digests: stable over processes, different for different meanings."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitcheck.digest import canonical, digest
from circuitcheck.places import Position, Site
from circuitcheck.plan import Ablate, Accuracy, Cell, LogitDiff, ModelRef, Plan, Resample, StreamMean, View
from circuitcheck.prompts import PromptStream
from circuitcheck.prompts.builtin.ioi import ioi

REF = ModelRef("gpt2", "f" * 32, "float32", "tokenizer")
END = (Position("END"),)
ABLATE = Ablate((Site("z", 0, 1),), "zero", END)
VIEW = View(REF, "clean", (ABLATE,))
PLAN = Plan(REF, PromptStream(ioi(), "test", 0), (Cell(VIEW, LogitDiff()),))

scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False)
simple = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)

PRINT_DIGESTS = """
from circuitcheck.places import Position, Site
from circuitcheck.plan import Ablate, Cell, LogitDiff, ModelRef, Plan, View
from circuitcheck.digest import digest
from circuitcheck.prompts import PromptStream
from circuitcheck.prompts.builtin.ioi import ioi
ref = ModelRef("gpt2", "f" * 32, "float32", "tokenizer")
view = View(ref, "clean", (Ablate((Site("z", 0, 1),), "zero", (Position("END"),)),))
print(Plan(ref, PromptStream(ioi(), "test", 0), (Cell(view, LogitDiff()),)).digest, digest(frozenset({"IO", "S1", "S2"})))
"""


def typed(value):
    """`value` with every part's type, floats bit for bit: equal exactly where the data are the same."""
    if isinstance(value, float):
        return ("float", value.hex())
    if isinstance(value, tuple):
        return ("list", tuple(typed(item) for item in value))
    if isinstance(value, dict):
        return ("map", tuple(sorted((key, typed(item)) for key, item in value.items())))
    return (type(value).__name__, value)


@given(simple, simple)
def test_the_canonical_form_is_injective(one, other):
    assert (canonical(one) == canonical(other) and digest(one) == digest(other)) == (typed(one) == typed(other))


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_floats_are_told_apart_to_the_last_bit(one, other):
    assert (digest(one) == digest(other)) == (one.hex() == other.hex())


@pytest.mark.parametrize(
    "one, other",
    [
        (1, 1.0),
        (1, True),
        (0, False),
        (0, None),
        ("1", 1),
        ("", None),
        (0.1, "0x1.999999999999ap-4"),
        ((), ""),
        ((1, 2), (12,)),
    ],
)
def test_look_alikes_have_other_digests(one, other):
    assert digest(one) != digest(other)


@given(st.dictionaries(st.text(max_size=3), scalars, max_size=5))
def test_the_order_of_a_mapping_does_not_matter(mapping):
    assert digest(mapping) == digest(dict(reversed(mapping.items())))


def test_what_has_no_stable_form_is_refused():
    with pytest.raises(TypeError, match="no stable form"):
        digest(object())


def test_digests_are_equal_in_a_fresh_process_with_another_hash_seed():
    expected = f"{PLAN.digest} {digest(frozenset({'IO', 'S1', 'S2'}))}"
    for seed in ("1", "4242"):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        run = [sys.executable, "-c", PRINT_DIGESTS]
        assert subprocess.run(run, env=environment, capture_output=True, text=True, check=True).stdout.strip() == expected


@pytest.mark.parametrize(
    "change",
    [
        {"sites": (Site("z", 0, 2),)},
        {"sites": (Site("z", 1, 1),)},
        {"sites": (Site("mlp_out", 0),)},
        {"sites": (Site("z", 0, 1), Site("z", 0, 2))},
        {"kind": "mean"},
        {"kind": "counterfactual"},
        {"at": None},
        {"at": (Position("END", -1),)},
        {"at": (Position("END", span=True),)},
        {"at": (Position("S2"),)},
        {"source": "abc"},
        {"n": 128},
        {"stream": StreamMean("t", 256, 0)},
        {"stream": Resample("t", 256, 0)},
        {"matching": ("IO",)},
        {"allow_vacuous": True},
    ],
)
def test_any_field_of_an_ablation_changes_its_digest_and_its_views(change):
    other = replace(ABLATE, **change)
    assert other.digest != ABLATE.digest
    assert View(REF, "clean", (other,)).digest != VIEW.digest


@pytest.mark.parametrize("change", [{"n": 2}, {"seed": 1}, {"task": "u"}, {"by": "tokens"}])
@pytest.mark.parametrize("stream", [StreamMean("t", 256, 0), Resample("t", 256, 0)], ids=["mean", "resample"])
def test_any_field_of_a_stream_changes_the_digest(stream, change):
    assert replace(ABLATE, stream=replace(stream, **change)).digest != replace(ABLATE, stream=stream).digest


@pytest.mark.parametrize(
    "other",
    [
        View(replace(REF, fingerprint="e" * 32), "clean", (ABLATE,)),
        View(REF, "abc", (ABLATE,)),
        View(REF, "clean", ()),
        View(REF, "clean", (ABLATE, ABLATE)),
    ],
)
def test_any_field_of_a_view_changes_its_digest(other):
    assert other.digest != VIEW.digest


def test_the_order_of_interventions_changes_the_digest():
    mean = replace(ABLATE, kind="mean")
    assert View(REF, "clean", (ABLATE, mean)).digest != View(REF, "clean", (mean, ABLATE)).digest


@pytest.mark.parametrize(
    "change",
    [
        {"prompts": PLAN.prompts.other("discovery")},
        {"prompts": PLAN.prompts.other("test", 1)},
        {"batch": 16},
        {"cells": (Cell(VIEW, Accuracy()),)},
        {"cells": (Cell(View(REF), LogitDiff()),)},
        {"cells": (Cell(VIEW, LogitDiff()), Cell(VIEW, Accuracy()))},
        {"prompts": replace(PLAN.prompts, task=replace(ioi(), name="ioi2"))},
        {"prompts": replace(PLAN.prompts, task=replace(ioi(), templates=ioi().templates[:-1]))},
        {"prompts": replace(PLAN.prompts, task=replace(ioi(), answer="s", distractor="io"))},
        {"prompts": replace(PLAN.prompts, task=replace(ioi(), counterfactuals=ioi().counterfactuals[:1]))},
    ],
)
def test_any_field_of_a_plan_changes_its_digest(change):
    assert replace(PLAN, **change).digest != PLAN.digest


def test_equal_plans_made_twice_have_one_digest():
    again = Plan(
        REF, PromptStream(ioi(), "test", 0), (Cell(View(REF).then(Ablate((Site("z", 0, 1),), "zero", END)), LogitDiff()),)
    )
    assert again.digest == PLAN.digest
    assert again == PLAN


def test_a_plan_refuses_cells_of_another_model():
    stranger = Cell(View(replace(REF, fingerprint="e" * 32)), LogitDiff())
    with pytest.raises(ValueError, match="another model"):
        Plan(REF, PromptStream(ioi(), "test", 0), (stranger,))
