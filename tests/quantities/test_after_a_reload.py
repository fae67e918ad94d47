"""A notebook that reloads modules has objects of classes that are no longer those."""

import sys

import pytest

import circuitcheck as cc


@pytest.fixture
def earlier():
    """A model and a quantity of circuitcheck as it was imported before; the import that was there is put back."""
    kept = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "circuitcheck"}
    for name in kept:
        del sys.modules[name]
    import circuitcheck as again

    model = again.load("organism")
    found = model, again.tasks.ioi().logit_diff(model)
    for name in [name for name in sys.modules if name.partition(".")[0] == "circuitcheck"]:
        del sys.modules[name]
    sys.modules.update(kept)
    return found


@pytest.mark.slow
def test_what_is_of_an_earlier_import_is_named_as_the_cause(earlier):
    model, quantity = earlier
    ioi, ours = cc.tasks.ioi(), cc.load("organism")
    for attempt in (
        lambda: ioi.logit_diff(model),
        lambda: ioi.logit_diff(ours) - quantity,
        lambda: ioi.logit_diff(ours) < quantity,
    ):
        with pytest.raises(TypeError, match="before a reload"):
            attempt()
