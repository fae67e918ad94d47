"""Markdown for a pull request: the worst first, no more than there is room for, and texts that stay texts."""

import pytest
import stored
from hostile import EVIL, spoiled
from markdown_it import MarkdownIt

from circuitcheck.report.markdown import LARGEST, MARK, as_markdown
from circuitcheck.report.step_summary import VARIABLE, add_step_summary


def tokens(text):
    for block in MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text):
        yield block
        yield from block.children or ()


def names_in(text):
    return [token.content for token in tokens(text) if token.type == "code_inline"]


def test_what_was_not_expected_comes_first_and_the_worst_before_the_rest(mixed):
    names = [name.partition("[")[0] for name in names_in(as_markdown(mixed)) if name.endswith("]")]
    since_the_baseline = ["wrong", "fine"]
    assert names == ["wrong", "broken", "open", "gone", *since_the_baseline, "fine", "fine", "both", "top-1"]


def test_it_says_how_many_and_gives_numbers(mixed):
    text = as_markdown(mixed)
    assert "## circuitcheck: 4 of 8 claims as expected" in text
    assert "| **refuted** | 0.250 | [0.125, 0.375] | \\> 0.5 | 48 |" in text
    assert "| `both[organism]` | supported |  |  | 2 comparisons | 48 |" in text
    assert "RuntimeError" in text


def test_a_surprising_claim_of_several_comparisons_has_a_row_for_each():
    bad = stored.comparison(verdict="refuted", expression="second > 0.5", question="2")
    text = as_markdown(stored.report(stored.refuted("two", comparisons=[stored.comparison(), bad])))
    assert "| `second > 0.5` | refuted |" in text


def test_hostile_text_in_every_field_is_only_text(mixed):
    text = as_markdown(spoiled(mixed))
    found = list(tokens(text))
    assert not [token.type for token in found if token.type in ("link_open", "image", "s_open", "em_open", "fence")]
    assert {token.content for token in found if token.type in ("html_inline", "html_block")} <= {
        f"{MARK}\n",
        "<details>\n<summary>As expected (4)</summary>\n",
        "</details>\n",
        "<br>",
    }
    plain = "".join(token.content for token in found if token.type == "text")
    assert "@you" not in plain
    assert "#1" not in plain
    assert "<script>alert(1)</script>" in plain


@pytest.mark.parametrize("name", ["a`b", "``", "a|b", "a\\|b", "`|`", "\\"])
def test_a_name_of_signs_stays_in_its_cell(name):
    rows = [token for token in tokens(as_markdown(stored.report(stored.claim(name)))) if token.type == "td_open"]
    assert len(rows) == 6


@pytest.mark.parametrize("text", ["1. first", "- a", "+ a", "# a", "> a", "====", "a\n\nb", "    a"])
def test_a_sentence_stays_one_line_of_text(text):
    made = stored.report(stored.claim(), merged={"missing": [text], "differences": [], "repeated": [], "runs": []})
    kinds = [token.type for token in tokens(as_markdown(made))]
    assert kinds.count("bullet_list_open") == 1
    assert kinds.count("list_item_open") == 1
    assert not {"ordered_list_open", "blockquote_open", "code_block"} & set(kinds)
    assert kinds.count("heading_open") == 1


def test_what_there_is_no_room_for_is_counted_and_what_was_expected_goes_first():
    claims = [stored.claim(f"fine.{i}" + "x" * 100) for i in range(600)]
    text = as_markdown(stored.report(*claims, stored.refuted("wrong")))
    assert len(text.encode()) <= LARGEST
    assert "`wrong[organism]`" in text
    shown = sum(name.startswith("fine") for name in names_in(text))
    assert f"Left out for want of room: {600 - shown} claims" in text
    assert shown > 300
    assert text.count("<details>") == text.count("</details>") == 1


@pytest.mark.parametrize("room", [600, 700, 1000, 5000])
def test_it_fits_whatever_room_there_is(mixed, room):
    assert len(as_markdown(spoiled(mixed), room).encode()) <= room


def test_it_is_appended_where_github_says(mixed, tmp_path):
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    assert add_step_summary(mixed, {VARIABLE: str(path)}) == ""
    assert path.read_text() == "before\n" + as_markdown(mixed)
    assert add_step_summary(mixed, {}) == ""


def test_a_summary_that_is_full_is_left_as_it_is(mixed, tmp_path):
    path = tmp_path / "summary.md"
    path.write_bytes(b"x" * ((1 << 20) - 10_000))
    assert add_step_summary(stored.report(*(stored.claim(f"c{i}") for i in range(400))), {VARIABLE: str(path)}) == ""
    assert path.stat().st_size <= 1 << 20
    path.write_bytes(full := b"x" * (1 << 20))
    assert "is full" in add_step_summary(mixed, {VARIABLE: str(path)})
    assert path.read_bytes() == full


@pytest.mark.parametrize("path", ["/dev/null", "/nowhere/x", "."])
def test_a_summary_that_cannot_be_written_is_said(mixed, path):
    assert path in add_step_summary(mixed, {VARIABLE: path})


def test_the_hostile_text_would_be_more_than_text():
    kinds = {token.type for token in tokens(f"{EVIL} [a](b) ![c](d)")}
    assert {"html_inline", "link_open", "image"} <= kinds
