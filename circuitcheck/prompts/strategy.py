"""Cases for hypothesis, which shrink to the first template and the earliest items."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from circuitcheck.prompts.cases import Case, plain_combinations
from circuitcheck.prompts.definition import TaskDefinition
from circuitcheck.prompts.realised import realise
from circuitcheck.prompts.realised.combinations import Combinations
from circuitcheck.prompts.realised.numbering import Block, PoolBlock
from circuitcheck.prompts.tokenizer import Tokenizer

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy


def cases_of(task: TaskDefinition, tokenizer: Tokenizer | None) -> "SearchStrategy[Case]":
    """Without a tokenizer, of all items; with one, of those that fit it."""
    from hypothesis import strategies as st  # imported late: who draws no cases needs no hypothesis

    combinations = plain_combinations(task) if tokenizer is None else realise(task, tokenizer).combinations

    @st.composite
    def case(draw: "DrawFn") -> Case:
        template = draw(st.sampled_from([template.id for template in task.templates]))
        values: dict[str, str] = {}
        for block in combinations.blocks[template]:
            values |= _draw_block(draw, block)
        for variable, _ in task.variables:
            if variable not in values:
                values[variable] = _draw_fresh(draw, combinations, variable, values)
        return Case(task, template, tuple((variable, values[variable]) for variable, _ in task.variables))

    return case()


def _draw_fresh(draw: "DrawFn", combinations: Combinations, variable: str, values: Mapping[str, str]) -> str:
    from hypothesis import strategies as st

    free = combinations.free(variable, values)
    items = combinations.items(variable)
    drawn = draw(st.integers(0, len(items) - 1))
    return _first_free(items, drawn, [item for item in items if item not in free])


def _draw_block(draw: "DrawFn", block: Block) -> dict[str, str]:
    from hypothesis import strategies as st

    if not isinstance(block, PoolBlock):
        return block.values(draw(st.integers(0, block.count - 1)))
    classes = [items for items in block.classes if len(items) >= len(block.variables)]
    items = draw(st.sampled_from(classes))
    values: dict[str, str] = {}
    for variable in block.variables:
        drawn = draw(st.integers(0, len(items) - 1))
        values[variable] = _first_free(items, drawn, values.values())
    return values


def _first_free(items: Sequence[str], start: int, taken: Collection[str]) -> str:
    """The item at `start`, or the next that is not taken: changing one variable hardly changes
    the others, so that hypothesis can shrink each alone."""
    return next(item for item in (*items[start:], *items[:start]) if item not in taken)
