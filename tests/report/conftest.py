"""A report with all kinds of claims."""

from typing import Any

import pytest
import stored


@pytest.fixture
def mixed() -> dict[str, Any]:
    """Of every verdict one, one on two models, one that was expected to be refuted, and one of several comparisons;
    some of them compared with a baseline."""
    parts = [stored.comparison(question="1"), stored.comparison(question="2", relation="<", threshold=0.9)]
    all_of = stored.comparison(
        expression="all of: a; b", relation="all of", threshold=None, estimate=None, ci=[None, None], looks=[], parts=parts
    )
    return stored.report(
        stored.claim("fine", drift=stored.drift("moved")),
        stored.claim("fine", param="gpt2", drift=stored.drift("holds")),
        stored.claim("both", comparisons=[all_of]),
        stored.refuted("top-1", expected="refuted", as_expected=True),
        stored.claim("gone", verdict="skipped", as_expected=False, reason="no such model", comparisons=[]),
        stored.undecided("open"),
        stored.failed("broken"),
        stored.refuted("wrong", drift=stored.drift("broke", changes=["its sentence changed"])),
        baseline={"orphans": ["gone before"], "new": ["both[organism]"], "not_run": ["another"], "failed": ["broke"]},
    )
