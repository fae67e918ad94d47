"""How many questions a claim's test asserts, read off its source: they share the error of being refuted."""

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from circuitcheck.stats import part_of_try

_LOOPS = (ast.For, ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True)
class Asserted:
    """`questions` that the asserts of a test ask; `repeated`: more than that, in a loop or a helper of which the source
    tells no number."""

    questions: int
    repeated: bool

    def part(self, asked_before: int) -> float:
        """Of the error of being refuted, for the next question. Any one assert that fails refutes the claim, so the parts
        add up to 1: equal ones where their number is known, else 6 / (pi k)^2 for the k-th."""
        if not self.repeated and asked_before < self.questions:
            return 1 / self.questions
        return part_of_try(asked_before + 1)


ONE = Asserted(1, repeated=False)


def asserted_by(function: Callable[..., Any] | None) -> Asserted:
    """What the source of a test says. A test that asserts nothing itself leaves it to helpers."""
    if function is None:
        return ONE
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    except (OSError, TypeError, SyntaxError):
        return ONE
    asserts = [node for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    if not asserts:
        return Asserted(0, repeated=True)
    in_loops = {id(node) for loop in ast.walk(tree) if isinstance(loop, _LOOPS) for node in ast.walk(loop)}
    looping = any(id(each) in in_loops or _loops_inside(each.test) for each in asserts)
    return Asserted(sum(_questions(each.test) for each in asserts), looping)


def _questions(test: ast.expr) -> int:
    """Comparisons that stand in the assert itself, each link of a chain for one; what a call joins is one question."""
    if isinstance(test, ast.BoolOp):
        return sum(map(_questions, test.values))
    if isinstance(test, ast.UnaryOp):
        return _questions(test.operand)
    return len(test.ops) if isinstance(test, ast.Compare) else 1


def _loops_inside(test: ast.expr) -> bool:
    """all(q < 1 for q in ...) asks one after another; cc.all_of(*(...)) is one question."""
    calls = [node for node in ast.walk(test) if isinstance(node, ast.Call)]
    return any(isinstance(call.func, ast.Name) and call.func.id in ("all", "any") for call in calls)
