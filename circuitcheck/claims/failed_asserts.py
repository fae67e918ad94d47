"""Which comparison made an assert fail: the one asked by the code and the statement that raised."""

import ast
import linecache
import sys
from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Any

_INSTALLED = "site-packages"
# Whatever these make of the comparisons that they are given, one that is refuted need not fail the assert.
_LEAVE_OPEN = frozenset("any sum max min sorted next filter map list tuple set len int".split())
CodeLine = tuple[CodeType, int]  # code and line


def stack_here(skip: int) -> tuple[CodeLine, ...]:
    """Every frame's place, innermost first, without the `skip` innermost."""
    frame: FrameType | None = sys._getframe(skip + 1)
    places = []
    while frame is not None:
        places.append((frame.f_code, frame.f_lineno))
        frame = frame.f_back
    return tuple(places)


def raised_at(traceback: TracebackType) -> CodeLine:
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback.tb_frame.f_code, traceback.tb_lineno


def same_statement(asked: tuple[CodeLine, ...], raised: CodeLine) -> bool:
    """Was the statement that raised on the stack when the comparison was asked?"""
    code, line = raised
    lines = assert_lines(code.co_filename, line)
    return any(place is code and at in lines for place, at in asked)


def verdict_that_fails(raised: CodeLine) -> str | None:
    """The verdict of a comparison that makes the assert which raised fail: refuted, or supported under a `not` that spans
    the whole assert. None where a `not` over part of it, or a second statement on its line, leaves open what failed."""
    statement = _assert_at(raised[0].co_filename, raised[1])
    if statement is None:
        return "refuted"
    if _shares_its_line(raised[0].co_filename, statement):
        return None
    if _is_not(statement.test):
        return "supported"
    partly = any(_is_not(node) and _may_compare(node) for node in ast.walk(statement.test))
    return None if partly else "refuted"


def asked_by(package: str, stack: tuple[CodeLine, ...]) -> bool:
    """Was a function of this package on the stack?"""
    return any(package in Path(code.co_filename).parts for code, _ in stack)


def must_have_failed(stack: tuple[CodeLine, ...]) -> bool:
    """Does the assert that a refuted comparison was asked in fail because of it? Not one that holds a `not`, an `or`, a
    condition, or a call such as any() or sum(), and not one that shares its line: these leave it open."""
    found = _assert_on(stack)
    if found is None:
        return False
    filename, statement = found
    return not _shares_its_line(filename, statement) and not any(map(_leaves_open, ast.walk(statement.test)))


def _leaves_open(node: ast.AST) -> bool:
    if isinstance(node, ast.Compare):  # `bool(q < 1) == expected`
        return any(_calls(each, {"bool"}) for each in ast.walk(node))
    either = isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or)
    return either or _is_not(node) or isinstance(node, ast.IfExp | ast.NamedExpr) or _calls(node, _LEAVE_OPEN)


def _calls(node: ast.AST, names: Collection[str]) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names


def _shares_its_line(filename: str, statement: ast.Assert) -> bool:
    """Does another statement that may ask something stand on its lines? A line is all that a stack tells."""
    parts = (_asking_part(each) for each in _statements(filename) if each is not statement)
    return any(part is not None and _overlap(part, statement) for part in parts)


def _asking_part(node: ast.stmt) -> ast.AST | None:
    """What a statement asks: its condition, or all of it where it has no body. None where it asks nothing."""
    if isinstance(node, ast.If | ast.While):
        return node.test
    return node if not hasattr(node, "body") and _may_compare(node) else None


def _overlap(one: Any, other: Any) -> bool:
    return bool(one.lineno <= other.end_lineno and other.lineno <= one.end_lineno)


def _assert_on(stack: tuple[CodeLine, ...]) -> tuple[str, ast.Assert] | None:
    """The innermost of the claim's own: pytest, and libraries, have asserts of theirs further out."""
    for code, line in stack:
        if _INSTALLED in code.co_filename:
            return None
        statement = _assert_at(code.co_filename, line)
        if statement is not None:
            return code.co_filename, statement
    return None


def _is_not(node: ast.AST) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)


def _may_compare(node: ast.AST) -> bool:
    return any(isinstance(each, ast.Compare | ast.Call) for each in ast.walk(node))


def assert_lines(filename: str, line: int) -> range:
    """The lines of the assert statement that holds `line`; only that line where there is none or no source."""
    statement = _assert_at(filename, line)
    if statement is None:
        return range(line, line + 1)
    return range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)


def _assert_at(filename: str, line: int) -> ast.Assert | None:
    found = [node for node in _asserts(filename) if node.lineno <= line <= (node.end_lineno or node.lineno)]
    return max(found, key=lambda node: node.lineno, default=None)


def _asserts(filename: str) -> Iterator[ast.Assert]:
    return (node for node in _statements(filename) if isinstance(node, ast.Assert))


@lru_cache(maxsize=64)
def _statements(filename: str) -> tuple[ast.stmt, ...]:
    try:
        tree = ast.parse("".join(linecache.getlines(filename)))
    except SyntaxError:
        return ()
    return tuple(node for node in ast.walk(tree) if isinstance(node, ast.stmt))
