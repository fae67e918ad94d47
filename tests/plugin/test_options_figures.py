"""--circuit-figures FOLDER|off, and what `cc.show` puts on a claim's result."""

from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import pytest
from claims_folder import Folder
from read_page import page_of

import circuitcheck as cc
from circuitcheck.errors import BadPicture
from circuitcheck.pictures import Bar, Picture, bars
from circuitcheck.report import with_few_pictures

SHOWS = """
from circuitcheck.pictures import Bar, Picture, bars

def drawn(title):
    return Picture(bars([Bar("L0H1", 1.0, 0.5, 1.5, True, "")], title=title, unit="logits", start=0.0, notes=[]))

@claim(id="two/pictures", samples=32)
def test_two(model, ioi):
    cc.show(drawn("first & <best>"))
    cc.show(drawn("second"))
    cc.show(drawn("second"))
    assert ioi.logit_diff(model) < 100

@claim(id="grid", samples=32)
def test_grid(model, ioi):
    grid = ioi.sweep(lambda task, head: task.attribution(model, head), cc.axis("head", ["L1H0", "L1H1"])).estimate(8)
    cc.show(grid)
    assert ioi.logit_diff(model) < 100

@claim(id="none", samples=32)
def test_none(model, ioi):
    with __import__("pytest").raises(cc.BadPicture, match="expected a picture, or a grid"):
        cc.show(ioi.logit_diff(model))
    assert ioi.logit_diff(model) < 100
"""


def test_pictures_are_in_every_report_and_in_the_folder(folder: Folder) -> None:
    run = folder.run(SHOWS, "--circuit-figures=new/figures", "--circuit-report=page.html")
    assert set(run.verdicts.values()) == {"supported"}, run.text
    titles = {name: [each["title"] for each in claim["pictures"]] for name, claim in run.claims.items()}
    assert titles["two/pictures"] == ["first & <best>", "second"]
    assert titles["none"] == []
    (grid,) = titles["grid"]
    assert "attribution of [head]" in grid
    written = sorted(Path("new/figures").iterdir())
    assert [each.name for each in written] == ["grid-tiny.svg", "two-pictures-tiny.1.svg", "two-pictures-tiny.2.svg"]
    assert all(ElementTree.parse(each).getroot().tag.endswith("svg") for each in written)
    assert written[2].read_text() == run.claims["two/pictures"]["pictures"][1]["svg"]
    run.shows("figures: 3 files in *new/figures")
    page = page_of(Path("page.html").read_text())
    assert page.tags.count("figure") == 3
    assert len(set(page.all("id"))) == len(page.all("id"))
    assert set(" ".join(page.all("aria-labelledby")).split()) <= set(page.all("id"))
    assert "first & <best>" in page.text
    style = Path("page.html").read_text().partition("<style>")[2].partition("</style>")[0]
    assert not [line for line in style.splitlines() if line.startswith(("svg {", "rect {", "path {"))]  # of pictures, too


def test_a_folder_that_cannot_be_written_to_fails_the_run(folder: Folder) -> None:
    Path("taken").write_text("a file")
    source = SHOWS.partition('@claim(id="grid"')[0]
    run = folder.run(source, "--circuit-figures=taken")
    assert run.exit_code == 1
    run.shows("figures NOT written to *taken: *")
    assert folder.run(source).exit_code == 0
    assert [each.name for each in Path.cwd().rglob("*.svg")] == []


def test_they_are_written_also_where_a_report_is_lost(folder: Folder) -> None:
    source = SHOWS.partition('@claim(id="grid"')[0] + "    __import__('pathlib').Path('page.html').mkdir()\n"
    run = folder.run(source, "--circuit-report=page.html", "--circuit-figures=kept")
    run.shows("report NOT written to *page.html: *", "figures: 2 files in *kept")


def test_a_report_holds_as_many_as_fit_and_the_folder_all(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(bars([Bar("L0H1", 1.0, 0.5, 1.5, True, "")], title="second", unit="logits", start=0.0, notes=[]))
    bound = partial(with_few_pictures, most=size + size // 2)
    monkeypatch.setattr("circuitcheck.plugin.reporting.with_few_pictures", bound)
    run = folder.run(SHOWS.partition('@claim(id="grid"')[0], "--circuit-figures=all")
    first, second = (each["svg"] for each in run.claims["two/pictures"]["pictures"])
    assert ("Left out" in first, "Left out" in second) == (False, True)
    assert not any("Left out" in each.read_text() for each in Path("all").iterdir())


def test_too_many_and_too_large_are_refused() -> None:
    from circuitcheck.claims import Claim, ClaimRecorder
    from circuitcheck.quantities import recording

    made = [
        Picture(bars([Bar("L0H1", 1.0, 0.5, 1.5, True, "")], title=str(number), unit="", start=0.0, notes=[]))
        for number in range(21)
    ]
    recorder = ClaimRecorder(Claim("a sentence", "it", (), "supported", None, None, None), cc.Settings())
    with recording(recorder):
        for each in made[:20]:
            cc.show(each)
        assert recorder.pictures == tuple(made[:20])
        with pytest.raises(BadPicture, match="shows more than 20 pictures"):
            cc.show(made[20])
        assert recorder.pictures == tuple(made[:20])
        with pytest.raises(BadPicture, match=r"has 2,000,001 characters of SVG.*grid\.only"):
            cc.show(Picture("x" * 2_000_001))


def test_outside_of_claims_a_notebook_displays_it_and_others_are_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import sys
    from types import SimpleNamespace

    seen: list[object] = []
    picture = Picture("<svg/>")
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    cc.show(picture)
    assert "picture.save('map.svg') writes a file" in caplog.text
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=object))
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=seen.append))
    cc.show(picture)
    assert seen == [picture]
