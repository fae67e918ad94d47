"""What the test of a claim says, read off its source: that it is still the claim that was registered or compared before."""

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from circuitcheck.digest import digest


@dataclass(frozen=True)
class Wording:
    """`asserts` as Python writes them; `digest` of the whole function without its comments, docstring and decorators. What
    it calls is no part of it. Empty where there is no source."""

    digest: str = ""
    asserts: tuple[str, ...] = ()


NO_WORDING = Wording()


@lru_cache(maxsize=1024)
def wording_of(function: Callable[..., Any] | None) -> Wording:
    """Of a test function."""
    if function is None:
        return NO_WORDING
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    except (OSError, TypeError, SyntaxError, ValueError):
        return NO_WORDING
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            node.decorator_list = []
            node.body = node.body[ast.get_docstring(node) is not None :]
    asserts = (node.test for node in ast.walk(tree) if isinstance(node, ast.Assert))
    return Wording(digest(ast.dump(tree)), tuple(map(ast.unparse, asserts)))
