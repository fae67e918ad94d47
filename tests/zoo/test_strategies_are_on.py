"""What the zoo measures is measured with passes that are shortened, where they can be."""

import circuitcheck as cc
from circuitcheck.engine.torch.running import model_runs


def test_passes_of_the_zoo_are_shortened(model, measure, monkeypatch):
    honest, starts = model_runs.short_passes, []

    def spied(model, tokens, writes_of_passes, *given, shortcut, **how):
        if any(writes_of_passes):  # else it is an untouched pass that was run before
            starts.append((shortcut.layer, shortcut.start > 0))
        return honest(model, tokens, writes_of_passes, *given, shortcut=shortcut, **how)

    monkeypatch.setattr(model_runs, "short_passes", spied)
    assert cc.Settings().fast == "on"
    measure(model.ablate("L1H2", kind="zero", at="END"))
    assert set(starts) == {(1, True)}
