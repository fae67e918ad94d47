"""Sweeps: the numbers of loops by hand, and what must not be taken for an effect, or for none."""

import json
import math
import re

import numpy as np
import pytest

import circuitcheck as cc
from circuitcheck.errors import BadSweep, UnknownCounterfactual
from circuitcheck.quantities.sweeps import measuring

NAMES = ("Mary", "John", "Tom", "James", "Sarah", "David", "Paul", "Mark")


@pytest.fixture(scope="module")
def seen():
    """One template, so that a position is one token's index."""
    return cc.Task.define(
        "seen",
        templates={"t": "When {A} and {B} went to the {P}, {B2} gave a ball to"},
        pools={"name": NAMES, "place": ("store", "park", "school", "office")},
        draw={"A": "name", "B": "name", "C": "name", "P": "place"},
        slots={"B2": "B"},
        answer="A",
        distractor="B",
        counterfactuals={"other": {"A": "C"}},
    )


@pytest.fixture
def patched(model, seen):
    return cc.sweeps.patch_layers(seen, model, against="other")


@pytest.fixture
def grid(patched):
    return patched.estimate(24)


def random_numbers(key, shift=0.0, bad=()):
    """A metric that has nothing to do with the model: numbers by the prompt."""

    def metric(logits, prompts):
        found = [np.random.default_rng((key, each.index)).standard_normal() + shift for each in prompts]
        return [math.nan if each.index in bad else value for each, value in zip(prompts, found, strict=True)]

    return cc.metric(metric)


def noise_sweep(task, model, size, **how):
    metrics = [random_numbers(number, **how) for number in range(size)]
    return task.sweep(lambda task, n: task.metric(metrics[n], model), cc.axis("unit", range(size)))


def test_a_map_is_that_of_a_loop_by_hand_and_of_transformer_lens(model, seen, grid):
    import torch
    from transformer_lens.patching import get_act_patch_resid_pre

    for layer in range(3):
        for at in seen.positions:
            view = model.on("other").patch(f"L{layer}.resid_pre", source="clean", at=at, allow_vacuous=True)
            found = grid.value[grid.place((f"L{layer}", at))]
            by_hand = seen.recovered(view).estimate(24).value
            assert math.isnan(found) or found == pytest.approx(by_hand, abs=1e-4)
    prompts = seen.prompts(24, model=model)
    clean, other = (torch.tensor([each.run(base) for each in prompts]) for base in ("clean", "other"))
    answers = torch.tensor([[each.answer_id, each.distractor_id] for each in prompts])

    def difference(logits):
        ends = logits[torch.arange(len(prompts)), [each.end for each in prompts]]
        return (ends.gather(1, answers[:, :1]) - ends.gather(1, answers[:, 1:])).mean()

    with torch.no_grad():
        logits, cache = model.inner.run_with_cache(clean)
        low = difference(model.inner(other))
        theirs = get_act_patch_resid_pre(model.inner, other, cache, difference)
        theirs = (theirs - low) / (difference(logits) - low)
    indices = [prompts[0].positions[at][-1] for at in seen.positions]
    assert all(each.positions[at] == prompts[0].positions[at] for each in prompts for at in seen.positions)
    ours = np.where(grid.state == "vacuous", 0.0, grid.value)  # nothing changed: nothing recovered
    assert ours == pytest.approx(theirs[:, indices].numpy(), abs=1e-4)


def test_what_changes_nothing_is_called_so_and_has_no_number(grid):
    """Only the name A differs between the two prompts, so that no other token differs before the first layer."""
    assert (grid.state[0] == "vacuous").tolist() == [at != "A" for at in grid.axes[1].words]
    assert np.isnan(grid.value[grid.state == "vacuous"]).all()
    assert not grid.marks[grid.state == "vacuous"].any()
    assert f"{(grid.state == 'vacuous').sum()} vacuous" in " ".join(grid.summary())


def test_a_cell_is_a_quantity_of_the_stream_that_is_asked_for(patched, seen, model):
    cell = patched.on_stream("test")["L1", "A"]
    assert cell.prompts.stream == "test"
    assert (
        cell.digest
        == seen.on_stream("test").recovered(model.on("other").patch("L1.resid_pre", source="clean", at="A"), "other").digest
    )
    with pytest.raises(BadSweep, match="has no 'L9'; it has L0, L1, L2"):
        patched["L9", "A"]
    with pytest.raises(BadSweep, match="expected one of each axis: layer, at"):
        patched["L1"]


def test_all_cells_are_one_plan_on_the_discovery_stream(shared_session, model, seen):
    """One clean and one other run, and one run of each view; and the first 32 prompts once more for the machine's noise."""
    with cc.use_session(cc.Session(make_engine=lambda _: shared_session.engine)) as session:
        found = cc.sweeps.patch_layers(seen, model, against="other").estimate(16)
        assert found.origin.stream == "discovery"
        assert session.forward_passes == 16 * (2 + found.cells) + (32 - 16) + 32


def test_how_far_a_sweep_is_is_told_while_its_only_plan_runs(shared_session, model, seen, monkeypatch):
    monkeypatch.setattr(measuring, "_SOON", 0.0)
    with cc.use_session(cc.Session(make_engine=lambda _: shared_session.engine)) as session:
        told = []
        session.progress = told.append
        cc.sweeps.patch_layers(seen, model, against="other").estimate(12)
    said = [re.fullmatch(r"sweep of layer \(3\) x at \(\d+\): (\d+) of (\d+) cells, \d+ s left", each) for each in told]
    done = [int(each[1]) for each in said if each]
    assert done == sorted(done)
    assert len(set(done)) > 5
    assert done[-1] == int(next(each for each in said if each)[2])


def test_cells_must_be_on_the_same_prompts_and_not_the_same_number(model, seen):
    at = cc.axis("at", ["A", "B"])
    for function, words in (
        (lambda task, at: seen.on_stream("test").logit_diff(model), "this sweep on the discovery stream"),
        (lambda task, at: task.logit_diff(model), "A and B are the same number"),
        (lambda task, at: 0.5, "expected a quantity that is not measured yet"),
    ):
        with pytest.raises(BadSweep, match=words):
            seen.on_stream("discovery").sweep(function, at).estimate(8)


@pytest.mark.parametrize(
    "values, words",
    [
        ([], "is empty"),
        ("", "is empty"),
        (["END", "S1", "END"], "END more than once"),
        ({"a", "b"}, "is a set"),
        (3, "a list"),
    ],
)
def test_an_axis_has_coordinates_and_each_once(values, words):
    with pytest.raises(BadSweep, match=words):
        cc.axis("at", values)


def test_axes_are_axes_of_different_names(seen):
    for axes in ((), ("L0-3",), (cc.axis("at", "A"), cc.axis("at", "B"))):
        with pytest.raises(BadSweep):
            seen.sweep(lambda task, *_: None, *axes)
    assert cc.axis("layer", "L0-2, L5").words == ("L0", "L1", "L2", "L5")
    with pytest.raises(BadSweep, match="depends on the model"):
        cc.axis("head", cc.heads())


def test_one_cell_is_a_family_of_one(model, seen):
    found = seen.sweep(lambda task, at: task.logit_diff(model.ablate("L0.mlp", kind="zero", at=at)), cc.axis("at", ["A"]))
    one = found.estimate(24)
    alone = found["A"].estimate(24)
    assert one.shape == (1,)
    assert (one.low[0], one.high[0]) == pytest.approx((alone.low, alone.high), rel=0.2)


def test_intervals_hold_for_all_cells_at_once(model, seen):
    """Those of one cell miss somewhere in most such sweeps."""
    found = noise_sweep(seen, model, 40).estimate(40)
    lone = [noise_sweep(seen, model, 40)[n].estimate(40) for n in (0, 1, 2)]
    assert all(found.low[n] < each.low < each.high < found.high[n] for n, each in enumerate(lone))
    assert (found.high - found.low).mean() > 1.4 * np.mean([each.high - each.low for each in lone])
    assert not found.marks.any()
    assert found.cells == 40


def test_cells_without_interventions_are_compared_with_0_and_others_with_the_untouched_model(model, seen):
    shifted = noise_sweep(seen, model, 3, shift=3.0).estimate(32)
    assert shifted.marks.all()
    assert shifted.nothing.tolist() == [0, 0, 0]
    ablated = seen.sweep(
        lambda task, at: task.logit_diff(model.ablate("L0.attn", kind="zero", at=at)), cc.axis("at", ["A", "END"])
    )
    clean = seen.logit_diff(model).estimate(24).value
    assert ablated.estimate(24).nothing == pytest.approx([clean, clean])
    left = seen.sweep(lambda task, at: task.recovered(model.ablate("L0.attn", kind="zero", at=at)), cc.axis("at", ["A"]))
    assert left.estimate(24).nothing == pytest.approx([1.0])
    with pytest.raises(BadSweep, match="is of task ioi; expected seen"):
        seen.sweep(ablated.function, *ablated.axes, null=cc.tasks.ioi().logit_diff(model)).estimate(24)
    paired = seen.sweep(ablated.function, *ablated.axes, null=seen.logit_diff(model)).estimate(24)
    assert paired.p.tolist() == ablated.estimate(24).p.tolist()
    far = seen.sweep(lambda task, n: task.metric(random_numbers(n), model), cc.axis("n", range(2)), null=5.0).estimate(32)
    assert far.marks.all()
    assert (far.effect < -4).all()


def test_a_value_that_is_no_number_leaves_its_cell_without_one(model, seen):
    metrics = [random_numbers(0, shift=2.0), random_numbers(1, shift=2.0, bad=(5,))]
    found = seen.sweep(lambda task, n: task.metric(metrics[n], model), cc.axis("n", range(2))).estimate(32)
    assert found.state.tolist() == ["", "no number"]
    assert found.marks.tolist() == [True, False]
    assert np.isnan(found.value[1])
    assert found.top(2, marked=False).cells == (("0",),)


def test_a_ratio_over_what_may_be_0_has_no_interval(model, seen):
    above, below, sound = random_numbers(0, shift=4.0), random_numbers(1), random_numbers(2, shift=4.0)

    def share(task, of):
        return task.metric(above, model) / task.metric({"weak": below, "sound": sound}[of], model)

    found = seen.sweep(share, cc.axis("of", ["weak", "sound"])).estimate(32)
    assert found.state.tolist() == ["undefined", ""]
    assert found.marks.tolist() == [False, True]
    assert (found.low[0], found.high[0]) == (-math.inf, math.inf)


def test_values_that_agree_on_most_prompts_are_not_marked(model, seen):
    """Zero, but for one prompt in eight."""

    def rare(scale):
        return cc.metric(lambda logits, prompts: [scale * (each.index % 8 == 0) for each in prompts])

    metrics = [rare(1.0), rare(2.0)]
    found = seen.sweep(lambda task, n: task.metric(metrics[n], model), cc.axis("n", range(2))).estimate(32)
    assert found.state.tolist() == ["alike", "alike"]
    assert not found.marks.any()


def test_shares_are_judged_by_their_own_methods(model, seen):
    metrics = [
        cc.metric(lambda logits, prompts, often=often: [float(each.index % 4 < often) for each in prompts], support="binary")
        for often in (1, 4)
    ]
    found = seen.sweep(lambda task, n: task.metric(metrics[n], model), cc.axis("n", range(2)), null=0.25).estimate(32)
    assert "Holm" in found.method
    assert found.marks.tolist() == [False, True]
    assert found.low[1] < 0.9  # 32 of 32, at a half of the error: [0.872, 1]


def test_a_sweep_goes_with_the_prompts_of_its_session(shared_session, model, seen):
    sweep = seen.sweep(lambda task, at: task.logit_diff(model.ablate("L0.mlp", kind="zero", at=at)), cc.axis("at", ["A"]))
    first = sweep.estimate(16)
    with cc.use_session(cc.Session(cc.Settings(seed=3), make_engine=lambda _: shared_session.engine)):
        other = sweep.estimate(16)
    assert (first.origin.seed, other.origin.seed) == (0, 3)
    assert first.value != other.value


def test_new_templates_are_judged_by_template(shared_session, model):
    sweep = cc.tasks.ioi().sweep(
        lambda task, layer: task.logit_diff(model.ablate(f"{layer}.mlp", kind="zero")), cc.axis("layer", "L0-2")
    )
    these = sweep.estimate(64)
    with cc.use_session(cc.Session(cc.Settings(scope="new_templates"), make_engine=lambda _: shared_session.engine)):
        new = sweep.estimate(64)
    assert "Holm" in new.method
    assert "Holm" not in these.method
    assert new.value == pytest.approx(these.value)
    assert (new.high - new.low > these.high - these.low).all()


def test_a_saved_grid_comes_back_and_an_edited_one_does_not(grid, tmp_path):
    path = tmp_path / "map.json"
    grid.save(path)
    again = cc.load_grid(path)
    for name in ("value", "low", "high", "p", "rate", "nothing"):
        np.testing.assert_array_equal(getattr(again, name), getattr(grid, name))
    assert (again.state == grid.state).all()
    assert repr(again) == repr(grid)
    assert again.top(2) == grid.top(2)
    held = json.loads(path.read_text())
    held["axes"][0]["words"].reverse()
    path.write_text(json.dumps(held))
    with pytest.raises(BadSweep, match="was changed since it was written"):
        cc.load_grid(path)
    path.write_text("{}")
    with pytest.raises(BadSweep, match="is no grid"):
        cc.load_grid(path)


def test_a_frame_has_a_row_for_each_cell(grid):
    frame = grid.to_frame()
    assert list(frame.columns[:4]) == ["layer", "at", "value", "low"]
    assert len(frame) == grid.cells
    row = frame[(frame.layer == "L2") & (frame["at"] == "END")].iloc[0]
    assert row.value == grid.value[grid.place(("L2", "END"))]
    lines = grid.to_csv().splitlines()
    assert lines[0].startswith("layer,at,value,low,high")
    assert len(lines) == grid.cells + 1


def test_the_top_remembers_where_it_was_selected_and_is_a_set_of_units(model, seen):
    heads = cc.axis("head", ["H0", "H1", "H2", "H3"])

    def without(task, layer, head):
        return task.logit_diff(model.ablate(f"{layer}{head}", kind="zero"))

    found = seen.sweep(without, cc.axis("layer", "L0-2"), heads).estimate(48)
    best = found.top(3, marked=False)
    assert best.selected == "selected on discovery, 3 of 12"
    effects = np.abs(found.effect).ravel()
    assert [abs(found.effect[found.place(cell)]) for cell in best.cells] == sorted(effects, reverse=True)[:3]
    assert set(best) == {"".join(cell) for cell in best.cells}
    assert "L" in repr(model.ablate(best, kind="zero"))
    metrics = [random_numbers(number, shift=3.0 * (number > 1)) for number in range(4)]
    marked = seen.sweep(lambda task, n: task.metric(metrics[n], model), cc.axis("n", range(4))).estimate(32).top(4)
    assert set(marked) == {"2", "3"}
    assert "4 cells asked for, no more are marked" in repr(marked)
    with pytest.raises(BadSweep, match="expected one of effect, low"):
        found.top(2, by="size")


def test_the_units_of_a_cell_are_its_own(model, seen):
    """Not what is knocked out in all cells; and of cells without interventions, the heads that their coordinates name."""
    axes = cc.axis("layer", "L0-1"), cc.axis("head", "H0, H1")
    heads = {f"L{layer}H{head}" for layer in range(2) for head in range(2)}
    knocked_out = model.ablate("L0.mlp", kind="zero")

    def beside(task, layer, head):
        return task.logit_diff(knocked_out.ablate(f"{layer}{head}", kind="zero")) - task.logit_diff(knocked_out)

    assert set(seen.sweep(beside, *axes).estimate(16).top(4, marked=False)) == heads
    metrics = {head: random_numbers(number) for number, head in enumerate(sorted(heads))}
    plain = seen.sweep(lambda task, layer, head: task.metric(metrics[layer + head], model), *axes)
    assert set(plain.estimate(16).top(4, marked=False)) == heads


def test_a_part_of_a_grid_still_says_how_many_were_looked_at(grid):
    part = grid.only(at="END")
    assert part.shape == (3,)
    assert part.cells == grid.cells
    np.testing.assert_array_equal(part.value, grid.value[:, grid.axes[1].place("END")])
    with pytest.raises(BadSweep, match="one axis left"):
        grid.only(at="END", layer="L0")


def test_a_cell_of_a_grid_is_a_place_in_its_arrays(grid):
    with pytest.raises(BadSweep, match=r"grid\.value\[1, \d\], its interval grid\.low"):
        grid["L1", "END"]
    with pytest.raises(TypeError, match="not iterable"):
        iter(grid)


def test_ready_made_sweeps_have_the_cells_that_they_say(model, seen):
    assert cc.sweeps.patch_heads(seen, model, "pattern").shape == (3, 4)
    assert cc.sweeps.patch_layers(seen, model, "mlp_out", at=["END"]).shape == (3, 1)
    paths = cc.sweeps.paths(seen, model, "L2H1.q")
    assert paths.axes[0].words == ("L0", "L1")
    assert "L1H3" in paths["L1", "H3"].label
    with pytest.raises(BadSweep, match="no head comes before"):
        cc.sweeps.paths(seen, model, "L0H1.q")
    back = cc.sweeps.paths(seen, model, ["L2H1", "L1H3"], reads="v")
    assert back["L0", "H0"].digest == cc.sweeps.paths(seen, model, "L1H3.v, L2H1.v")["L0", "H0"].digest
    for into, reads, words in ((["L2.mlp"], "v", "expected heads, which have a v"), ("L2H1", "z", "expected 'q', 'k' or")):
        with pytest.raises(BadSweep, match=words):
            cc.sweeps.paths(seen, model, into, reads=reads)
    with pytest.raises(BadSweep, match="patch_layers patches layers"):
        cc.sweeps.patch_heads(seen, model, "resid_pre")
    with pytest.raises(UnknownCounterfactual):
        cc.sweeps.patch_layers(seen, model, against="abc")


def test_what_heads_read_is_of_their_key_value_heads(shared_session, tmp_path, seen):
    from tiny import save_tiny_llama

    with cc.use_session(shared_session):
        model = cc.load(str(save_tiny_llama(tmp_path)))
        for reads, sites in (("q", "L1H0.q, L1H3.q"), ("k", "L1H0.k, L1H1.k")):
            back = cc.sweeps.paths(seen, model, "L1H0, L1H3", reads=reads)
            assert back["L0", "H1"].digest == cc.sweeps.paths(seen, model, sites)["L0", "H1"].digest
