"""What a model really runs, and what is left on it."""

from collections import defaultdict
from contextlib import contextmanager

from circuitcheck.engine.torch.fingerprints.recorded_state import modules_of
from circuitcheck.engine.torch.running import model_runs, sharing
from circuitcheck.engine.torch.sites.hooks import points_of


@contextmanager
def counted(model):
    """{layer: [(rows, tokens) of each pass that ran it]}, seen at the hook points before the layers."""
    seen = defaultdict(list)
    points = [points_of(model)[f"blocks.{layer}.hook_resid_pre"] for layer in range(len(model.blocks))]

    def look(layer):
        return lambda value, hook: seen[layer].append(tuple(value.shape[:2]))

    for layer, point in enumerate(points):
        point.add_hook(look(layer))
    try:
        yield seen
    finally:
        for point in points:
            point.fwd_hooks.pop(0).hook.remove()


@contextmanager
def short_passes_counted(monkeypatch):
    """A list with one entry for each time that passes in which something is written are run side by side: (how many, the
    shortcut)."""
    found, honest = [], model_runs.short_passes

    def spied(model, tokens, writes_of_passes, *given, **how):
        if any(writes_of_passes):
            found.append((len(writes_of_passes), how["shortcut"]))
        return honest(model, tokens, writes_of_passes, *given, **how)

    with monkeypatch.context() as patches:
        patches.setattr(model_runs, "short_passes", spied)
        yield found


@contextmanager
def joins_counted(monkeypatch):
    """A list with an entry for each time that prompts were grouped: how many have one length, how many are run together."""
    found, honest = [], sharing.joined

    def spied(prompts, groups, *given):
        together = honest(prompts, groups, *given)
        found.append(([len(each) for each in groups], [len(each) for each in together]))
        return together

    with monkeypatch.context() as patches:
        patches.setattr(sharing, "joined", spied)
        yield found


def left_on(model):
    """Forwards that were put on modules, and how many hooks each module and hook point has."""
    modules = modules_of(model)
    forwards = [(index, id(vars(each)["forward"])) for index, each in enumerate(modules) if "forward" in vars(each)]
    torchs = [len(each._forward_hooks) + len(each._forward_pre_hooks) + len(each._backward_hooks) for each in modules]
    points = {name: len(point.fwd_hooks) + len(point.bwd_hooks) for name, point in points_of(model).items()}
    return forwards, torchs, points
