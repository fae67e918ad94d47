"""From a sweep to a file of claims, and to their verdicts on prompts that the sweep did not see."""

import ast

import pytest

import circuitcheck as cc
from circuitcheck.errors import BadSweep

ANSWERS = cc.axis("unit", range(24))


@pytest.fixture
def organism():
    return cc.load("organism")


@pytest.fixture
def patched(organism):
    ioi, model = cc.tasks.ioi(), organism
    axes = cc.axis("layer", "L1-3"), cc.axis("at", ["S1", "place", "END"])
    source = "clean"
    return ioi.sweep(
        lambda task, layer, at: task.recovered(model.on("abc").patch(f"{layer}.resid_pre", source=source, at=at)), *axes
    )


def noise(model, shift=0.0):
    import numpy as np

    def metric(number):
        return cc.metric(
            lambda logits, prompts: [
                np.random.default_rng((number, each.index)).standard_normal() + shift for each in prompts
            ]
        )

    metrics = [metric(number) for number in ANSWERS.values]
    return cc.tasks.ioi().sweep(lambda task, n: task.metric(metrics[n], model), ANSWERS).estimate(32)


def heads_in(folder, model):
    """Claims of the head whose values matter most to syllogisms, and of one that writes the most, with their controls."""
    syllogism = cc.tasks.syllogism()
    values = cc.sweeps.patch_heads(syllogism, model, "v").estimate(48)
    axes = cc.axis("layer", "L0-1"), cc.axis("head", "H0, H1, H2, H3")
    written = syllogism.sweep(lambda task, layer, head: task.attribution(model, f"{layer}{head}"), *axes).estimate(48)
    found = [grid.claims(folder / f"test_{name}.py", k=1) for name, grid in {"values": values, "written": written}.items()]
    return [name for each in found for name in each.claims]


@pytest.mark.slow
def test_what_a_sweep_found_is_claimed_and_supported_on_the_test_stream(folder, patched, organism):
    grid = patched.estimate(64)
    path = folder.path / "test_found.py"
    written = grid.claims(path, k=3)
    assert len(written.claims) == 3
    assert repr(written).startswith("<3 claims written to")
    text = path.read_text()
    assert "3 of 9 cells" in text
    assert grid.origin.sweep in text
    assert "source = 'clean'" in text
    of_heads = heads_in(folder.path, organism)
    run = folder.run(None, "-o", "circuit_doctor=off")
    assert run.exit_code == 0, run.text
    assert set(run.verdicts) == {*written.claims, *of_heads}
    assert set(run.verdicts.values()) == {"supported"}
    asked = [[part["relation"] for part in run.claims[name]["comparisons"][0]["parts"]] for name in of_heads]
    assert asked == [[">", ">="], [">", ">", ">"]]
    one = run.claims[written.claims[0]]
    assert one["family"] == {"name": f"sweep {grid.origin.sweep[:12]}", "size": 3}
    assert one["comparisons"][0]["stream"] == "test"
    assert f"sweep {grid.origin.sweep}: 3 of 9 cells" in one["source"]


def test_a_sweep_of_nothing_writes_no_claim_and_says_so(organism, tmp_path):
    written = noise(organism).claims(tmp_path / "test_found.py")
    assert written.claims == ()
    assert not (tmp_path / "test_found.py").exists()
    assert repr(written) == "<no claim was written. No cell of 24 is marked: there is nothing to claim.>"


def test_a_grid_of_the_prompts_that_claims_need_is_refused(patched, tmp_path):
    with pytest.raises(BadSweep, match="measured on the test stream: its cells were chosen on prompts that claims need"):
        patched.on_stream("test").estimate(32).claims(tmp_path / "test_found.py")


def test_what_cannot_be_written_down_is_refused(organism, patched, tmp_path):
    path = tmp_path / "test_found.py"
    with pytest.raises(BadSweep, match="uses metrics, which a file of claims would not have"):
        noise(organism, shift=2.0).claims(path)
    grid = patched.estimate(32)
    grid.save(tmp_path / "grid.json")
    with pytest.raises(BadSweep, match="was read from a file"):
        cc.load_grid(tmp_path / "grid.json").claims(path)
    path.write_text("# mine")
    with pytest.raises(BadSweep, match="is there already; replace=True writes over it"):
        grid.claims(path)
    grid.claims(path, k=1, replace=True)
    own = patched.task.split_templates()[0].sweep(patched.function, *patched.axes).estimate(32)
    with pytest.raises(BadSweep, match="is none of the built-in ones"):
        own.claims(path, replace=True)
    own.claims(path, k=1, replace=True, task="my_tasks:make")
    assert "from my_tasks import make" in path.read_text()
    with pytest.raises(BadSweep, match="expected a module and a function"):
        own.claims(path, replace=True, task="make()")
    ast.parse(path.read_text())


def test_a_ready_made_sweep_is_written_by_its_name_also_after_it_was_saved(organism, tmp_path):
    grid = cc.sweeps.knock_outs(cc.tasks.ioi(), organism, at="END").estimate(32)
    grid.save(tmp_path / "grid.json")
    cc.load_grid(tmp_path / "grid.json").claims(tmp_path / "test_found.py", k=1)
    text = (tmp_path / "test_found.py").read_text()
    assert "return cc.sweeps.knock_outs(task, model, 'mean', against='abc', at='END')" in text
    assert 'cell < 0.4,\n        (-cell).beats(cc.random_sites(like="L0H2"), share=0.95)' in text
    mine = cc.sweeps.knock_outs(cc.tasks.ioi(), organism.ablate("L1H3", kind="zero"), at="END").estimate(32)
    with pytest.raises(BadSweep, match="uses"):
        mine.claims(tmp_path / "test_other.py")


def test_thresholds_are_round_numbers_on_the_side_of_nothing(patched):
    from circuitcheck.quantities.sweeps.writing import _round

    for near, nothing, expected in (
        (0.587, 0.0, 0.5),
        (1.0045, 0.0, 1.0),
        (-0.498, 0.0, -0.4),
        (0.2116, 1.0, 0.3),
        (1.0019, 1.0, 1.0019),
        (0.00495, 0.0, 0.004),
        (40.0, 0.0, 40.0),
    ):
        assert _round(near, nothing) == pytest.approx(expected)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [11, 12, 13, 14, 15])
def test_written_claims_hold_under_other_seeds(folder, patched, seed):
    path = folder.path / "test_found.py"
    patched.estimate(64).claims(path, k=9)
    run = folder.run(None, "-o", "circuit_doctor=off", f"--circuit-seed={seed}")
    assert set(run.verdicts.values()) == {"supported"}, run.text
