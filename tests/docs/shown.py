"""What a page shows as printed, and whether it was: `# -> ` comments after a statement, and blocks of text."""

import ast
import contextlib
import io
import linecache
import re
import tokenize
from typing import Any

from pages import Block

SHOWN = re.compile(r"#\s*-?>\s*")  # as it is written, `# -> `, and what a formatter may make of others
FIGURE = re.compile(r"#\W*\d*\.\d")
SECONDS = re.compile(r"\b\d+\.\d(?= s\b|$)")  # no two runs take equally long


def run_cells(block: Block, names: dict[str, Any]) -> str:
    """Run the statements of `block` one by one in the namespace `names`. Returns what they printed: standard output, and the
    values of statements that are expressions, as a notebook shows them.

    Raises AssertionError where a `# -> ` comment is not what its statement printed, or what looks like an output is compared
    with nothing; and whatever a statement raises.
    """
    refuse_idle_lines(block)
    _keep_source(block)
    statements = ast.parse(block.text).body
    outputs = []
    for statement, end in zip(statements, [*(each.lineno for each in statements[1:]), None], strict=True):
        printed = _run(statement, block, names)
        outputs.append(printed)
        shown = _shown_after(block.text.splitlines(), statement, end)
        if shown:
            assert shown == printed.splitlines(), f"{block.place}, statement {statement.lineno}: it prints\n{printed}"
    return "".join(outputs)


def _keep_source(block: Block) -> None:
    """Where `inspect` and tracebacks find it, as a notebook keeps that of its cells."""
    before = linecache.cache.get(block.page, (0, None, [], ""))[2]
    lines = [*before, *[""] * (block.line - 1 - len(before)), *block.text.splitlines()]
    linecache.cache[block.page] = (0, None, [f"{line.rstrip()}\n" for line in lines], block.page)


def _run(statement: ast.stmt, block: Block, names: dict[str, Any]) -> str:
    """A statement that is an expression is evaluated, and its value printed unless it is None."""
    ast.increment_lineno(statement, block.line - 1)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        if isinstance(statement, ast.Expr):
            value = eval(compile(ast.Expression(statement.value), block.page, "eval"), names)
            if value is not None:
                print(repr(value))
        else:
            exec(compile(ast.Module([statement], []), block.page, "exec"), names)
    ast.increment_lineno(statement, 1 - block.line)
    return printed.getvalue()


def _shown_after(lines: list[str], statement: ast.stmt, end: int | None) -> list[str]:
    """The `# -> ` comments between the start of a statement and the next one's."""
    assert statement.end_lineno is not None
    same_line = lines[statement.end_lineno - 1].encode()[statement.end_col_offset :].decode()  # ast counts bytes
    after = [same_line, *lines[statement.end_lineno : end and end - 1]]
    return [SHOWN.sub("", line.strip(), count=1) for line in after if SHOWN.match(line.strip())]


def refuse_idle_lines(block: Block) -> None:
    """Raises AssertionError for what a reader takes for checked and nothing checks.

    That is a comment that is a figure without `# ->`, a `# -> ` comment that follows no statement, and a comparison without
    assert.
    """
    statements = ast.parse(block.text).body
    for each in tokenize.generate_tokens(io.StringIO(block.text).readline):
        if each.type == tokenize.COMMENT:
            if SHOWN.match(each.string):
                assert _follows_a_statement(each.start, statements), f"{block.place}: nothing prints {each.string}"
            else:
                assert not FIGURE.match(each.string), f"{block.place}: write # -> before an output: {each.string}"
    for statement in statements:
        idle = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Compare)
        assert not idle, f"{block.place}: nobody asks {ast.unparse(statement)}; write assert before it"


def _follows_a_statement(start: tuple[int, int], statements: list[ast.stmt]) -> bool:
    """Whether a comment stands behind a whole statement, and not within one, nor before all."""
    inside = any((each.lineno, 0) <= start < (each.end_lineno, each.end_col_offset) for each in statements)
    return not inside and any((each.end_lineno, each.end_col_offset) <= start for each in statements)


def missing_lines(shown: str, printed: str) -> list[str]:
    """Lines of `shown` that `printed` does not hold in this order. Widths of columns and seconds may differ. Of a shown line
    that ends with `...` only the beginning is looked for."""
    rest = [_squeezed(line) for line in printed.splitlines()]
    missing = []
    for line in (_squeezed(line) for line in shown.splitlines() if line.strip()):
        at = next((i for i, there in enumerate(rest) if _shows(line, there)), None)
        if at is None:
            missing.append(line)
        else:
            rest = rest[at + 1 :]
    return missing


def _squeezed(line: str) -> str:
    return " ".join(SECONDS.sub("*", line.rstrip()).split())


def _shows(wanted: str, there: str) -> bool:
    return there.startswith(wanted.removesuffix("...")) if wanted.endswith("...") else there == wanted
