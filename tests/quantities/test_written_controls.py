"""What written claims compare a found head with: only heads that did less where they were searched, and never itself."""

import pytest
from made_grids import a_grid

from circuitcheck.quantities import axis
from circuitcheck.quantities.sweeps.controls import control_of

LAYERS, HEADS = axis("layer", "L0-1"), axis("head", ["H0", "H1", "H2", "H3"])
NAMES = tuple((f"{layer}{head}",) for layer in LAYERS.words for head in HEADS.words)
FOUND = [[9.0, 9.0, 9.0, 9.0], [0.1, 1.0, 0.2, 0.3]]  # the other layer is none of L1H1's business


def control(value, place=(1, 1), *, above=True, **how):
    return control_of(a_grid(LAYERS, HEADS, value=value, **how), place, above=above)


def test_a_head_that_is_changed_is_compared_with_others_in_its_place():
    found = control(FOUND, parts=NAMES)
    assert found.code == 'cell.beats(cc.random_sites(like="L1H1"), share=0.95)'
    assert "3 other heads of its layer 3 clearly do less" in found.reason
    below = control([[1.0] * 4, [0.9, 0.2, 0.9, 0.9]], parts=NAMES, above=False)
    assert below.code == '(-cell).beats(cc.random_sites(like="L1H1"), share=0.95)'
    keys = tuple((f"key/value head {name}",) for (name,) in NAMES)
    assert control(FOUND, parts=keys).code == 'cell.beats(cc.random_sites(like="L1H1.v"), share=0.95)'


@pytest.mark.parametrize("third, share", [(2.0, "share=0.5"), (1.05, "share=0.5")])
def test_a_head_that_another_is_before_or_level_with_is_not_said_to_beat_all(third, share):
    assert share in control([FOUND[0], [0.1, 1.0, 0.2, third]], parts=NAMES).code


def test_where_half_of_the_others_do_as_much_there_is_no_control_and_the_reason_says_so():
    found = control([FOUND[0], [0.95, 1.0, 1.1, 0.3]], parts=NAMES)
    assert not found.code
    assert "1 clearly do less, intervals apart: so it is compared with none" in found.reason


def test_a_number_without_interventions_is_compared_with_those_that_did_less(model, ioi):
    sweep = ioi.sweep(lambda task, layer, head: task.attribution(model, layer + head), LAYERS, HEADS)
    value = [FOUND[0], [0.1, 1.0, 0.2, 0.95]]
    assert control(value, sweep=sweep).code == '*(cell - cells[other] > 0 for other in [("L1", "H0"), ("L1", "H2")])'
    ratio = ioi.sweep(lambda task, layer, head: task.recovered(model.ablate(layer + head, kind="zero")), LAYERS, HEADS)
    for unknown in (ratio, None):
        assert not control(value, sweep=unknown).code


def test_what_is_no_head_has_no_control():
    at = a_grid(LAYERS, axis("at", ["S1", "S2", "END"]), value=[[0.1, 0.2, 1.0]] * 2)
    assert not control_of(at, (0, 2), above=True).code
    assert not control(FOUND, parts=(("L0.mlp",),) * 8).code  # a head's coordinates, and not what was changed


def test_cells_without_a_number_are_no_others():
    states = [[""] * 4, ["vacuous", "", "vacuous", ""]]
    assert not control(FOUND, parts=NAMES, state=states).reason  # one is left, which is no comparison
