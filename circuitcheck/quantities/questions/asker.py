"""Who asks a question: the code that uses it as a truth value."""

import linecache
import re
from types import FrameType

from circuitcheck.errors import NotComparable

_ORDERING = re.compile(r"(min|max|sorted)\s*\(")


def is_pytest(asker: FrameType) -> bool:
    """Is it pytest, for the text of an assert that has failed already? It asks every comparison inside."""
    code = asker.f_code
    return code.co_name == "_call_reprcompare" and code.co_filename.endswith("rewrite.py")


def check_asked_openly(asker: FrameType) -> None:
    """Raises NotComparable where min(), max() or sorted() compares quantities with each other: questions that nobody wrote,
    on the prompts that the choice is then judged on."""
    line, _, column, _ = list(asker.f_code.co_positions())[asker.f_lasti // 2]
    if line is None or column is None:
        return
    text = linecache.getline(asker.f_code.co_filename, line).encode()[column:].decode(errors="replace")
    found = _ORDERING.match(text)
    if found:
        raise NotComparable(
            f"{found[1]}() compares quantities with each other, and each comparison is a question to the claim's prompts. "
            f"Choose by numbers of other prompts: quantity.estimate(n).value; or assert the comparisons that you mean."
        )
