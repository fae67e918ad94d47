"""Directions worked out: {layer: vector [d_model]}, in float64 on the CPU."""

from collections.abc import Callable, Mapping
from functools import singledispatch

import torch
from einops import einsum

from circuitcheck.digest import digest
from circuitcheck.engine.torch.loaded.model import LoadedModel
from circuitcheck.engine.torch.sites.batch import by_size, in_parts
from circuitcheck.engine.torch.sites.forward import activations
from circuitcheck.engine.torch.sites.shapes import Vector
from circuitcheck.errors import BadIntervention, BadTask, UnknownPosition
from circuitcheck.places import Position
from circuitcheck.plan import Direction, GivenVector, MeanDifference, RandomLike
from circuitcheck.prompts import Prompt
from circuitcheck.text import counted

Vectors = Mapping[int, Vector]
_AT_ONCE = 32  # prompts


@singledispatch
def vectors_of(
    direction: Direction,
    loaded: LoadedModel,  # noqa: ARG001 - the signature that every kind has
    again: Callable[[Direction], Vectors],  # noqa: ARG001
) -> Vectors:
    """`again` works out the directions that this one is made of. Raises BadIntervention where a vector is zero."""
    raise TypeError(f"no way to work out a {type(direction).__name__}")


@vectors_of.register
def _(direction: MeanDifference, loaded: LoadedModel, again: Callable[[Direction], Vectors]) -> Vectors:  # noqa: ARG001
    where = direction.prompts
    size = where.size(loaded.tokenizer)
    if direction.n > size:
        raise BadTask(
            f"{direction.describe()}: task {where.task.name!r} has {counted(size, 'prompt')} in its {where.stream} stream. "
            f"Say n={size} or fewer."
        )
    prompts = where.prompts(loaded.tokenizer, range(direction.n))
    total: dict[int, Vector] = {}
    for indices in in_parts(by_size(prompts, "logits"), _AT_ONCE):
        for layer, summed in _summed([prompts[i] for i in indices], direction, loaded).items():
            total[layer] = total[layer] + summed if layer in total else summed
    vectors = {layer: summed / len(prompts) for layer, summed in total.items()}
    flat = [f"L{layer}" for layer, vector in vectors.items() if not vector.norm() > 0]
    if flat:
        raise BadIntervention(f"the {direction.describe()} is zero in {', '.join(flat)}: it points nowhere.")
    return vectors


@vectors_of.register
def _(direction: RandomLike, loaded: LoadedModel, again: Callable[[Direction], Vectors]) -> Vectors:  # noqa: ARG001
    found = {}
    for layer, vector in again(direction.like).items():
        seed = int(digest(("random direction", direction.seed, layer))[:8], 16)
        drawn = torch.randn(vector.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        found[layer] = drawn * (vector.norm() / drawn.norm())
    return found


@vectors_of.register
def _(direction: GivenVector, loaded: LoadedModel, again: Callable[[Direction], Vectors]) -> Vectors:  # noqa: ARG001
    width, given = int(loaded.model.cfg.d_model), len(direction.vector)
    if given != width:
        raise BadIntervention(
            f"the {direction.describe()} has {given} numbers, and the residual stream of {direction.model} has {width}."
        )
    return dict.fromkeys(direction.layers, torch.tensor(direction.vector, dtype=torch.float64))


def _summed(prompts: list[Prompt], direction: MeanDifference, loaded: LoadedModel) -> dict[int, Vector]:
    """{layer: the sum over `prompts`, all of one length, of the difference}."""
    tokens = torch.tensor([prompt.tokens for prompt in prompts], device=loaded.device)
    kept = activations(loaded.model, tokens, [(direction.kind, layer) for layer in direction.layers])
    weights = torch.zeros(tokens.shape, dtype=torch.float64, device=loaded.device)
    for row, prompt in enumerate(prompts):
        for position, sign in ((direction.at, 1.0), (direction.minus, -1.0)):
            columns = _columns(prompt, position)
            for column in columns:
                weights[row, column] += sign / len(columns)
    return {
        layer: einsum(weights, kept[direction.kind, layer].double(), "prompt pos, prompt pos d_model -> d_model").cpu()
        for layer in direction.layers
    }


def _columns(prompt: Prompt, position: Position) -> tuple[int, ...]:
    if not position.is_among(prompt.positions):
        raise UnknownPosition(f"prompts have no position {position.name!r}; they have {', '.join(prompt.positions)}.")
    return position.indices_in(prompt.positions, len(prompt.tokens))
