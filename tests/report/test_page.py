"""The HTML page: one file that asks for nothing, that no text in it can change, and that everybody can read."""

import re
from importlib.resources import files
from itertools import pairwise

import jsonschema
import pytest
import stored
from hostile import EVIL, spoiled
from read_page import page_of

from circuitcheck.report import load_schema
from circuitcheck.report.page.render import as_html
from circuitcheck.report.seal import sealed

STYLE = files("circuitcheck.report.page").joinpath("style.css").read_text("utf-8")


def test_made_up_reports_are_reports(mixed):
    jsonschema.Draft202012Validator(load_schema()).validate(mixed)
    jsonschema.Draft202012Validator(load_schema()).validate(sealed(spoiled({**mixed, "extra": {"mine": ["x"]}})))


def test_hostile_text_in_every_field_is_only_text(mixed):
    mixed["extra"] = {"a": "b"}
    evil = as_html(spoiled(mixed))
    page, found = page_of(as_html(spoiled(mixed, "harmless"))), page_of(evil)
    assert found.tags == page.tags
    assert {name for _, name, _ in found.attributes} == {name for _, name, _ in page.attributes}
    assert len(found.attributes) == len(page.attributes)
    assert found.text.count(EVIL) > 100
    assert "<script" not in evil


def test_it_asks_for_nothing_and_runs_nothing(mixed):
    page = page_of(as_html(mixed))
    assert not {"script", "img", "iframe", "object", "form"} & set(page.tags)
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert page.all("src") == []
    assert {value for value in page.all("href") if not value.startswith("#")} == {"data:,"}
    assert "url(" not in STYLE
    assert "@import" not in STYLE
    (policy,) = (value for value in page.all("content") if "default-src" in value)
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")


def test_links_lead_somewhere_and_names_are_there_once(mixed):
    alike = [stored.claim(name, param=None) for name in ("a b", "a/b", "_all", "é", "%")]
    page = page_of(as_html(spoiled(mixed | {"claims": [*mixed["claims"], *alike]}, " ?")))
    ids = page.all("id")
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in page.all("href") if link.startswith("#")} <= set(ids)
    assert set(page.all("aria-labelledby")) <= set(ids)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", each) for each in ids)


def test_a_claim_is_linked_to_by_its_name():
    assert 'id="ioi.name-mover-organism"' in as_html(stored.report(stored.claim("ioi.name-mover")))


def test_headings_go_down_one_step_at_a_time(mixed):
    levels = page_of(as_html(mixed)).headings
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_a_page_says_all_that_a_report_says_of_a_claim(mixed):
    text = page_of(as_html(mixed)).text
    for word in (
        "The model does the task",
        "Wang et al. 2022",
        "ioi.accuracy(model) > 0.5",
        "supported: the prompts show that it holds",
        "mean ablation of L0H1 at END changed 47 of 48 prompts",
        "few templates",
        "[went] Then Ann",
        "q (ffffffffffff): 512 features at L0.z",
        "exact interval for a share of prompts; looked at after 32 and 48 prompts",
        "pytest 'hypotheses/test_ioi.py::test_fine[organism]'",
        "heads, whose 3 claims share one error",
        "refuted, as was expected",
        "no such model",
        "RuntimeError: out of memory",
        "about 100 prompts more",
        "torch 2.6.0",
    ):
        assert word in text


def test_what_was_not_expected_comes_first_and_the_worst_before_the_rest(mixed):
    html = as_html(mixed)
    first = html[html.index('id="_first"') : html.index('id="_since"')]
    assert re.findall(r'href="#([a-z]+)-organism"', first) == ["wrong", "broken", "open", "gone"]


def test_claims_on_several_models_are_a_matrix(mixed):
    html = as_html(mixed)
    matrix = html[html.index('id="_models"') :]
    assert re.findall(r'<th scope="col">([a-z0-9]+)</th>', matrix)[:3] == ["claim", "organism", "gpt2"]
    assert 'id="_models"' not in as_html(stored.report(stored.claim("fine")))


def test_a_claim_of_several_comparisons_has_a_row_for_each(mixed):
    html = as_html(mixed)
    both = html[html.index("<code>both[organism]</code>") :]
    assert both[: both.index("</summary>")].count('class="part"') == 2


def test_each_claim_says_how_to_run_it_again_as_it_was_run():
    made = stored.report(stored.claim("a"), environment={"options": ["--circuit-seed=7", "--circuit-sae=q=my path"]})
    assert "pytest 'hypotheses/test_ioi.py::test_a[organism]' --circuit-seed=7 '--circuit-sae=q=my path'" in (
        page_of(as_html(made)).text
    )


def test_a_run_without_claims_has_a_page():
    assert "This run has no claims." in page_of(as_html(stored.report())).text


def test_a_run_that_was_broken_off_says_so_first():
    page = page_of(as_html(stored.report(stored.claim(), exit_status=-1, complete=False)))
    assert "this run is not complete (it has no end)" in page.text


def test_500_claims_stay_under_2_megabytes():
    claims = [stored.claim(f"claim.{i}", text="The model does the task " * 4) for i in range(500)]
    assert len(as_html(stored.report(*claims)).encode()) < 2_000_000


def test_a_quoted_novel_is_cut():
    assert len(as_html(stored.report(stored.claim(text="x" * 1_000_000, reason="y" * 1_000_000)))) < 100_000


def test_signs_that_turn_text_around_are_shown():
    assert "\u202e" not in as_html(stored.report(stored.claim(text="a\u202eb")))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_contrast(scheme):
    light, dark = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    colours = dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", {"light": light, "dark": dark}[scheme]))
    for paper in ("paper", "raised"):
        for ink in ("ink", "quiet", "link", "supported", "refuted", "inconclusive", "error", "skipped"):
            assert contrast(colours[ink], colours[paper]) >= 4.5, (ink, paper)
    for shape in ("ink", "supported", "refuted", "inconclusive"):
        assert contrast(colours[shape], colours["region"]) >= 3


def contrast(one: str, other: str) -> float:
    """Of WCAG 2.1."""
    low, high = sorted(map(_luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    shares = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return sum(weight * each for weight, each in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
