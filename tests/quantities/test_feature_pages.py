"""Pages of features: well-formed, without scripts, with nothing of a text taken for HTML.

How it could be fooled: a text that closes a tag; a token shaded by another's activation; a claim of another feature."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from scanned_by_hand import random_sae, write_corpus

import circuitcheck as cc
from circuitcheck.engine.protocol import FeatureReceipt, Receipt
from circuitcheck.fields import builtins_of
from circuitcheck.quantities.questions.result_fields import RECEIPT
from circuitcheck.quantities.scanned.effects import effects_of
from circuitcheck.quantities.scanned.page import FeaturePage, index_html, page_html
from circuitcheck.quantities.scanned.shown import Example, Histogram

EVIL = "<script>alert(1)</script>\"'&\x1b[2J"
VOID = {"meta", "br"}


class Read(HTMLParser):
    """Tags must be closed in order; `texts` and `tags` are what was found."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.texts, self.links, self.shades = [], [], [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        found = dict(attributes)
        self.links += [found[each] for each in ("href", "src") if each in found]
        if tag == "span" and "title" in found:
            self.shades.append(float(found["title"]))
        assert not [each for each in found if each.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def histogram(*counts):
    edges = 10.0 ** np.linspace(-4, 4, 81)
    found = np.zeros(80, dtype=int)
    found[40 : 40 + len(counts)] = counts
    return Histogram(edges, found)


def a_page(**changes):
    example = Example(2.0, ("He", EVIL, "\nend"), (0.0, 2.0, 0.5), 1, 3, 7)
    usual = {
        "number": 7, "name": f"q{EVIL}[7]", "facts": [("fires on", "1%"), ("mean", "2"), ("largest", EVIL)],
        "histogram": histogram(3, 0, 5), "firing": [("all", 100, 8), (EVIL, 0, 0)], "examples": [example],
        "promoted": [(EVIL, 0.5)], "suppressed": [("x", -0.25)],
    }  # fmt: skip
    return FeaturePage(**{**usual, **changes})


def test_texts_are_never_html():
    for text in (page_html(a_page()), index_html(EVIL, [(EVIL, EVIL)], [a_page()])):
        read = Read(text)
        assert "script" not in read.tags
        assert "<script>alert(1)</script>" in "".join(read.texts)
        assert "\x1b" not in text


def test_tokens_are_shaded_by_their_activation_and_the_example_s_own_is_marked():
    read = Read(page_html(a_page()))
    assert read.shades == [2.0, 0.5]
    assert "↵end" in read.texts
    html = page_html(a_page(promoted=(), suppressed=()))
    assert html.count("<b>") == 1
    depths = [float(each) for each in re.findall(r"var\(--shade\), ([\d.]+)", html)]
    assert depths == [0.7, 0.25]


def test_bars_are_as_high_as_their_counts():
    heights = [float(each) for each in re.findall(r'<rect [^>]*height="([\d.]+)"', page_html(a_page(examples=())))]
    assert heights[1] == 0
    assert heights[0] / heights[2] == pytest.approx(3 / 5, rel=1e-2)


def test_a_feature_that_never_fires_has_a_page():
    read = Read(page_html(a_page(histogram=histogram(), examples=(), promoted=(), suppressed=(), firing=[("all", 9, 0)])))
    assert "It never fires." in read.texts
    assert Read(index_html("title", [], [a_page(histogram=histogram(), examples=())])).texts
    assert Read(index_html("title", [], [])).texts


@pytest.fixture
def scan(tmp_path, model):
    corpus = cc.corpus(write_corpus(tmp_path / "texts.txt"), context=12)
    dictionary = cc.sae(random_sae(32, 24), at="L1.resid_post")
    return cc.scan(corpus, model, dictionary, stream="test", where={"names": r"^ [A-Z]"}, top=4)


def test_a_scan_writes_a_page_for_each_feature_and_a_list_of_them(scan, tmp_path):
    promoted = {3: [(" park", 1.5), (" <b>", -0.5)]}
    index = scan.page([3, 5], tmp_path / "pages", promoted=promoted)
    assert sorted(each.name for each in index.parent.iterdir()) == ["feature-3.html", "feature-5.html", "index.html"]
    assert Read(index.read_text("utf-8")).links == ["feature-3.html", "feature-5.html"]
    read = Read((index.parent / "feature-3.html").read_text("utf-8"))
    assert read.links == ["index.html"]
    assert {" park", "+1.500", " <b>", "-0.500", f"{scan.rate(3, 'names'):.3%}"} <= set(read.texts)
    assert "".join(read.texts).count("document ") == 4
    assert " park" not in Read((index.parent / "feature-5.html").read_text("utf-8")).texts[:-60]


def test_a_function_may_say_what_a_feature_promotes(scan, tmp_path):
    scan.page(scan.dictionary[3], tmp_path, promoted=lambda number: [(f"token {number}", 1.0)])
    assert "token 3" in Read((tmp_path / "feature-3.html").read_text("utf-8")).texts


def claim(feature, **changes):
    own = FeatureReceipt(feature, (0.0, 1.0, 2.0))
    receipt = Receipt("r", "m", "v", "remove q[3]", ("L1.resid_post",), (0.1, 0.2, 0.0), features=(own,))
    comparison = {"expression": "ioi.logit_diff(model) - cut", "estimate": 0.5, "ci": [0.25, 0.75]}
    usual = {"id": "quotes.shift", "text": f"removal shifts {EVIL}", "verdict": "supported", "comparisons": [comparison]}
    return {**usual, "receipts": [builtins_of(RECEIPT, receipt)], **changes}


def report(tmp_path, *claims):
    path = tmp_path / "report.json"
    path.write_text(json.dumps({"claims": claims}), encoding="utf-8")
    return path


def test_claims_that_name_the_feature_are_on_its_page(scan, tmp_path):
    path = report(tmp_path, claim("SAE object[3]"), claim("other[5]", text="of another"))
    scan.page([3, 5], tmp_path / "pages", claims=path)
    three, five = (Read((tmp_path / "pages" / f"feature-{each}.html").read_text("utf-8")) for each in (3, 5))
    assert {"supported", "remove q[3]", "2 of 3 prompts", "ioi.logit_diff(model) - cut: 0.5 [0.25, 0.75]"} <= set(
        three.texts
    )
    assert "Claims that name it" not in five.texts


@pytest.mark.parametrize("named, numbers", [("q[7]", [7]), ("q[3, 5-7, 9]", [3, 5, 6, 7, 9]), ("r[7]", []), ("q[1", [])])
def test_sets_that_receipts_show_as_one_name_each_of_theirs(named, numbers):
    assert [number for number in range(12) if effects_of({"claims": [claim(named)]}, "q", number)] == numbers


@pytest.mark.parametrize(
    "content, said",
    [
        ("", "not JSON"), ("[]", "no report of circuitcheck"), ('{"claims": 3}', "no report of circuitcheck"),
        ('{"claims": [3]}', "not as circuitcheck writes it"),
        ('{"claims": [{"receipts": [{"features": [{"feature": "SAE object[3]"}]}]}]}', "not as circuitcheck writes it"),
    ],
)  # fmt: skip
def test_what_is_no_report_is_refused(scan, tmp_path, content, said):
    (tmp_path / "r.json").write_text(content)
    with pytest.raises(cc.BadRecord, match=said):
        scan.page(3, tmp_path / "pages", claims=tmp_path / "r.json")
    with pytest.raises(cc.BadRecord, match="there is no file"):
        scan.page(3, tmp_path / "pages", claims=tmp_path / "none.json")
