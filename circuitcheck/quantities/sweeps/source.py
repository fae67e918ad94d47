"""The code of a sweep, as far as it can be written down: a known expression, or the function's own source."""

import ast
import builtins
import linecache
from collections.abc import Callable
from types import ModuleType
from typing import Any

from circuitcheck.errors import BadSweep
from circuitcheck.quantities.models import Model

_HOW = (
    "Use a function whose only outside names are the model, numbers and texts, and axes of texts or numbers; or one of the "
    "ready-made sweeps in cc.sweeps; or say code= in task.sweep(...), an expression of `task` and `model`"
)


def code_of(sweep: Any, code: str) -> str:
    """A function `swept(model, task)` that makes the sweep. Raises BadSweep for what has no code of its own."""
    if code:
        return f"def swept(model, task):\n    return {code}"
    if sweep is None:
        raise BadSweep(f"this grid was read from a file, or is a part of one, and its sweep has no code. {_HOW}.")
    if not (sweep.null == "untouched" if isinstance(sweep.null, str) else isinstance(sweep.null, int | float)):
        raise BadSweep(f"null={sweep.null!r} cannot be written down: a sweep with a number or 'untouched' can. {_HOW}.")
    node, source = _node_of(sweep.function)
    lines = [f"    {line}" for line in _outside(sweep.function, node)]
    axes = ",\n        ".join(_axis(axis) for axis in sweep.axes)
    null = "" if sweep.null == "untouched" else f"\n        null={sweep.null!r},"
    if isinstance(node, ast.Lambda):
        made = f"    return task.sweep(\n        {source},\n        {axes},{null}\n    )"
    else:
        lines += [f"    {line}" for line in source.splitlines()]
        made = f"    return task.sweep(\n        {node.name},\n        {axes},{null}\n    )"
    return "\n".join(["def swept(model, task):", *lines, made])


def _axis(axis: Any) -> str:
    if not all(isinstance(value, str | int | float) for value in axis.values):
        raise BadSweep(f"the axis {axis.name!r} has coordinates that are no texts or numbers. {_HOW}.")
    return f"cc.axis({axis.name!r}, {list(axis.values)!r})"


def _node_of(function: Callable[..., Any]) -> tuple[ast.Lambda | ast.FunctionDef, str]:
    """The only function that begins on that line of its file with these arguments."""
    code = getattr(function, "__code__", None)
    text = "" if code is None else "".join(linecache.getlines(code.co_filename))
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        tree = ast.Module([], [])
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Lambda | ast.FunctionDef)
        and code is not None
        and node.lineno == code.co_firstlineno
        and [each.arg for each in node.args.args] == list(code.co_varnames[: code.co_argcount])
    ]
    if len(found) != 1:
        raise BadSweep(f"the source of the sweep's function is not at hand, or not told from another on its line. {_HOW}.")
    return found[0], ast.unparse(found[0])


def _outside(function: Callable[..., Any], node: ast.Lambda | ast.FunctionDef) -> list[str]:
    """Lines that make the names which the function uses and does not make itself. Raises BadSweep."""
    body = node.body if isinstance(node.body, list) else [node.body]
    names = [each for part in body for each in ast.walk(part) if isinstance(each, ast.Name)]
    made = {each.arg for each in (*node.args.args, *node.args.kwonlyargs)}
    made |= {each.id for each in names if isinstance(each.ctx, ast.Store)}
    held = _held(function)
    lines = []
    for name in dict.fromkeys(each.id for each in names if each.id not in made):
        value = held.get(name)
        if isinstance(value, Model):
            lines += [] if name == "model" else [f"{name} = model"]
        elif isinstance(value, ModuleType) and value.__name__ == "circuitcheck":
            lines += [] if name == "cc" else [f"{name} = cc"]
        elif isinstance(value, str | int | float) and name in held:
            lines.append(f"{name} = {value!r}")
        elif name in held or not hasattr(builtins, name):
            raise BadSweep(f"the sweep's function uses {name}, which a file of claims would not have. {_HOW}.")
    return lines


def _held(function: Any) -> dict[str, Any]:
    """The values of a function's outside names."""
    closed = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return dict(function.__globals__) | {name: cell.cell_contents for name, cell in closed}
