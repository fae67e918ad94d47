"""The mistakes of a notebook on syllogisms (SEEDS.md, study B), made again: each is an error, or said of the result."""

import json

import pytest

import circuitcheck as cc
from circuitcheck.errors import BadIntervention, BadMetric, BadSweep

WORDS = ("Mary", "John", "Tom", "James", "Sarah", "David", "Paul", "Mark")
OPPOSITE = dict(zip(WORDS, (WORDS[n ^ 1] for n in range(8)), strict=True))  # pairs that stand side by side
SHIFTED = dict(zip(WORDS, WORDS[1:] + WORDS[:1], strict=True))  # the next one in the list, whichever it is


def syllogism(shown=OPPOSITE, places=("store", "park", "school", "office"), **more):
    """The word after X is the one that `shown` makes of it; scored is the opposite."""
    return cc.Task.define(
        "opposites",
        templates={"t": "All in the {P} are {X}, not {Y}, and so they are"},
        pools={"word": WORDS, "place": places},
        draw={"X": "word", "P": "place"},
        derive={"opposite": ("X", OPPOSITE), "named": ("X", shown)},
        slots={"Y": "opposite" if shown is OPPOSITE else "named"},
        answer="X",
        distractor="opposite",
        counterfactuals={"swap": {"X": "Y", "Y": "X"}},
        **more,
    ).on_stream("test")


def said(question):
    return " ".join(question.decide(samples=32).warnings)


@pytest.fixture(scope="module")
def heads(shared_session, model):
    """What every head writes, on prompts of the discovery stream."""
    axes = cc.axis("layer", "L0-2"), cc.axis("head", "H0, H1, H2, H3")
    with cc.use_session(shared_session):
        task = syllogism().on_stream("discovery")
        return task.sweep(lambda task, layer, head: task.attribution(model, layer + head), *axes).estimate(8)


@pytest.fixture(scope="module")
def other(shared_session, tmp_path_factory):
    from tiny import save_tiny_gpt2

    with cc.use_session(shared_session):
        return cc.load(str(save_tiny_gpt2(tmp_path_factory.mktemp("other") / "gpt2")))


# Numbers of two models side by side


@pytest.mark.parametrize(
    "use",
    [
        lambda model, found: model.ablate(found, kind="zero"),
        lambda model, found: model.patch(found),
        lambda model, found: model.patch_path(found, into="logits"),
        lambda model, found: model.patch_path("L0H1", into=found),
        lambda model, found: model.knock_out_attention(found, query="END", key="X"),
        lambda model, found: syllogism().attribution(model, found),
        lambda model, found: cc.sweeps.paths(syllogism(), model, found, reads="v"),
    ],
)
def test_heads_found_in_one_model_are_not_taken_for_those_of_another(heads, other, use):
    found = heads.top(2, marked=False)
    with pytest.raises(BadIntervention, match=r"was found in .*, and this is .*: the same numbers are other heads here"):
        use(other, found)
    assert "zero ablation" in repr(other.ablate(list(found), kind="zero"))


def test_heads_go_back_into_their_own_model(heads, model):
    assert "zero ablation" in repr(model.ablate(heads.top(2, marked=False), kind="zero"))


def test_numbers_of_two_models_are_not_drawn_against_each_other(heads, other):
    task = syllogism().on_stream("discovery")
    theirs = task.sweep(lambda task, layer, head: task.attribution(other, layer + head), *heads.axes).estimate(8)
    with pytest.raises(BadSweep, match="two grids of other models"):
        theirs.plot_against(heads)


def test_numbers_of_two_tasks_of_one_name_are_not_drawn_against_each_other(heads, model):
    task = syllogism(places=("store", "park", "school", "garden")).on_stream("discovery")
    theirs = task.sweep(lambda task, layer, head: task.attribution(model, layer + head), *heads.axes).estimate(8)
    assert theirs.origin.task == heads.origin.task
    with pytest.raises(BadSweep, match="two grids of other prompts"):
        theirs.plot_against(heads)


# A list of opposites that is shifted by one


def test_a_shifted_list_of_distractors_is_said_of_every_result(model):
    warned = said(syllogism(SHIFTED).logit_diff(model) > -99)
    assert "the slot Y names the distractor for 4 of 8 values of 'X', and another distractor's word for the rest" in warned
    assert "is a list shifted" not in said(syllogism().logit_diff(model) > -99)


def test_words_that_are_no_distractors_are_none_of_its_business(model):
    """A country that is its own capital, say; or a list with nothing in common with the distractors."""
    for shown in (OPPOSITE | {"Mary": "store"}, dict(zip(WORDS, WORDS[2:] + WORDS[:2], strict=True))):
        assert not syllogism(shown).definition.facts.flags


# A filter on success


def test_a_filter_is_counted_and_a_claim_of_what_it_filtered_by_is_told_so(model):
    task = syllogism()
    kept = task.where(task.logit_diff(model) > 0, prompts=64)
    same, another = said(kept.logit_diff(model) > 0), said(kept.logit_diff(model.on("swap")) > -99)
    count = kept.definition.masks[0]
    assert 0 < len(count.kept) < count.considered
    for warned in (same, another):
        assert f"prompts were chosen: {len(count.kept)} of {count.considered}" in warned
    assert "kept by the very number that is claimed" in same
    assert "very number" not in another
    twice = kept.where(kept.logit_diff(model.on("swap")) > -99)
    assert "kept by the very number that is claimed" in said(twice.logit_diff(model) > 0)


# Mirrored pairs, counted twice


def test_a_prompt_and_its_swap_are_not_two_prompts(model):
    task, paired = syllogism(), syllogism(pairs=("X", "opposite"))
    size = task.definition.size(model.tokenizer, "test")
    prompts = task.prompts(size, model=model)
    texts = {prompt.text for prompt in prompts}
    mirrored = sum(prompt.counterfactuals["swap"].text in texts for prompt in prompts)
    assert 0.1 * size < mirrored < size
    assert f"{mirrored} of {size} prompts are the counterfactual of another of them" in said(task.logit_diff(model) > -99)
    assert "counterfactual of another" not in said(paired.logit_diff(model) > -99)


def written(file, pairs, alone=0, cluster=False):
    """A task of the test stream: pairs of rows that mirror each other, and rows without their mirror."""
    rows = []
    for number in range(pairs + alone):
        for x, y in [("Mary", "John"), ("John", "Mary")][: 2 if number < pairs else 1]:
            texts = [f"All in the {number} are {one}, not {two}, and so they are" for one, two in ((x, y), (y, x))]
            row = {"text": texts[0], "answer": f" {x}", "distractor": f" {y}", "counterfactuals": {"swap": texts[1]}}
            rows.append(row | {"stream": "test"} | ({"cluster": str(number)} if cluster else {}))
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return cc.Task.from_records(file).on_stream("test")


@pytest.mark.parametrize(
    "how, told",
    [({"pairs": 6}, 12), ({"pairs": 6, "cluster": True}, 0), ({"pairs": 1, "alone": 18}, 2), ({"pairs": 1, "alone": 19}, 0)],
)
def test_rows_that_mirror_each_other_are_one_where_they_say_so_and_a_few_are_left_alone(tmp_path, model, how, told):
    warned = said(written(tmp_path / "pairs.jsonl", **how).logit_diff(model) > -99)
    assert (f"{told} of " in warned and "are the counterfactual of another of them" in warned) is bool(told)


def test_a_sweep_says_it_too(tmp_path, model, caplog):
    def cut(task, layer):
        return task.logit_diff(model.ablate(f"{layer}.mlp", kind="zero", at="END"))

    for cluster in (False, True):
        caplog.clear()
        written(tmp_path / f"{cluster}.jsonl", 6, cluster=cluster).sweep(cut, cc.axis("layer", ["L0", "L1"])).estimate(12)
        assert ("12 of 12 prompts are the counterfactual of another" in caplog.text) is not cluster


# Heads chosen and tested on the same prompts


def test_heads_that_were_chosen_on_the_prompts_of_a_claim_are_said_to_be(shared_session, model, heads):
    """On the discovery stream the same search costs nothing."""
    task = syllogism()
    for stream, looked in (("test", 12), ("discovery", 0)):
        with cc.use_session(cc.Session(make_engine=lambda _: shared_session.engine)):
            sweep = task.sweep(lambda task, layer, head: task.attribution(model, layer + head), *heads.axes)
            best = sweep.on_stream(stream).estimate(8).top(2, marked=False)
            assert best.selected == f"selected on {stream}, 2 of 12"
            result = (task.attribution(model, best) < 99).decide(samples=32)
            assert (result.looks.views if result.looks else 0) == looked
    with pytest.raises(BadSweep, match="chosen on prompts that claims need"):
        sweep.on_stream("test").estimate(8).claims("test_never.py")


def test_a_query_has_no_contribution(model):
    with pytest.raises(BadMetric, match="no direct path"):
        syllogism().attribution(model, "L1H1.q")
