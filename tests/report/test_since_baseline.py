"""What the page and the Markdown say of a baseline: what alarms first, each with its numbers; what holds is only counted."""

import re

import pytest
import stored
from read_page import page_of

from circuitcheck.report.markdown import as_markdown
from circuitcheck.report.merging import merged
from circuitcheck.report.page.render import as_html

COUNTS = "3 claims in both runs: 1 broke, 1 moved, 1 holds; 1 only before, 1 only now"
CHANGE = "-0.625 [-0.750, -0.500]"


def section(page):
    return re.search(r'<section aria-labelledby="_since">.*?</section>', page, re.DOTALL)[0]


def test_the_page_has_a_table_of_what_does_not_hold(mixed):
    page = as_html(mixed)
    said = section(page)
    assert re.findall(r'<a href="(.*?)">', said) == ["#wrong-organism", "#fine-organism"]
    text = page_of(said).text
    for each in (COUNTS, CHANGE, "0.875", "supported to refuted", "gone before", "1 claims of the baseline were not run"):
        assert each in text
    assert "failed: broke (--circuit-compare-fail)" in text
    badges = re.findall(r'</b> <span class="tag loud">(\w+)</span></span><h4>', page)
    assert badges == ["moved"]  # beside the verdict in the list of all claims; what broke was not expected either
    assert '<a href="#_since">' in page


def test_the_page_says_with_each_claim_why_and_which_prompts_changed_most(mixed):
    text = page_of(as_html(mixed)).text
    for each in ("its sentence changed", "broke: a reason", "1.000 to 0.000 #7 When Mary and John went", "holds: a reason"):
        assert each in " ".join(text.split())


def test_markdown_has_a_row_for_each_and_why(mixed):
    text = as_markdown(mixed)
    assert f"### Since the baseline: {COUNTS}" in text.replace("\\", "")
    rows = [line.replace("\\", "") for line in text.splitlines() if CHANGE in line.replace("\\", "")]
    assert [row.split(" | ")[1] for row in rows] == ["broke", "moved"]
    assert rows[0].startswith("| `wrong[organism]` |")
    assert "it would hold with a margin of 0.75 in place of 0.188" in text.replace("\\", "")


@pytest.mark.parametrize("write", [as_html, as_markdown])
def test_without_a_baseline_nothing_is_said_of_one(write):
    assert "the baseline" not in write(stored.report(stored.claim())).lower()


def test_runs_of_parts_together_miss_only_what_none_of_them_ran():
    def part(name, **said):
        claims = [stored.claim(name, param=None, drift=stored.drift("holds"))]
        return stored.report(*claims, baseline={"orphans": [], "new": [], "not_run": [], "failed": []} | said)

    found = merged({"1": part("a", not_run=["b", "c"]), "2": part("b", not_run=["a", "c"], new=["b"], failed=["broke"])})
    assert found["baseline"] == {"orphans": [], "new": ["b"], "not_run": ["c"], "failed": ["broke"]}
    assert "baseline" not in merged({"1": stored.report(stored.claim())})
