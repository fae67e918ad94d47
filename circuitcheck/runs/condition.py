"""When a comparison of two runs counts as failed: `broke`, or `broke or moved or orphans > 0`."""

import ast
import operator
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

NAMES = "same holds moved broke cannot_tell not_comparable orphans new errors lost changed claims".split()
_LONGEST = 500  # letters
_COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


class Condition:
    """`text` asks of counts: a name by itself is whether there are any; numbers, `and`, `or`, `not`, comparisons and
    brackets join them, and nothing else does. Raises ValueError for what is no such text."""

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        try:
            if len(self.text) > _LONGEST:
                raise ValueError(f"it has more than {_LONGEST} letters")
            self._tree = ast.parse(self.text, mode="eval").body
            self.holds(dict.fromkeys(NAMES, 0))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise ValueError(
                f"{text[:_LONGEST]!r} is no condition on counts ({getattr(error, 'msg', None) or error}); expected names "
                f"({', '.join(NAMES)}), whole numbers, and, or, not and comparisons, as in 'broke or orphans > 0'."
            ) from error

    def holds(self, counts: Mapping[str, int]) -> bool:
        return bool(_value(self._tree, counts))


def _value(node: ast.expr, counts: Mapping[str, int]) -> int:
    """Raises ValueError for every other kind of expression. All parts are read, so that none is overlooked."""
    if isinstance(node, ast.Name) and node.id in NAMES:
        return counts[node.id]
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return not _value(node.operand, counts)
    if isinstance(node, ast.BoolOp):
        parts = [bool(_value(each, counts)) for each in node.values]
        return all(parts) if isinstance(node.op, ast.And) else any(parts)
    if isinstance(node, ast.Compare) and all(type(each) in _COMPARED for each in node.ops):
        values = [_value(each, counts) for each in (node.left, *node.comparators)]
        return all(_COMPARED[type(op)](*ends) for op, ends in zip(node.ops, pairwise(values), strict=True))
    raise ValueError(f"{ast.unparse(node)[:80]!r} is none of these")


def failing(text: str) -> Condition:
    """What an option says: `broke` is for claims that are errors now, too; `moved` for all of these. Raises ValueError."""
    return Condition({"broke": "broke or lost", "moved": "moved or broke or lost"}.get(text.strip(), text))
