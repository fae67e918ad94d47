"""`make docs`: the pages and the reference from docstrings, as a site that needs no network."""

import inspect
import re
from pathlib import Path

import pytest
from pages import pages
from write_docs import build_site

import circuitcheck as cc
from circuitcheck import fixtures, tasks

MODULES = {"ext", "sweeps", "tasks", "testing"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sphinx says with its exit code that no link and no reference leads nowhere."""
    folder = tmp_path_factory.mktemp("site")
    assert build_site(folder) == 0
    return folder


@pytest.mark.slow
def test_the_reference_has_every_public_name(site):
    names = set(re.findall(r'id="circuitcheck\.([\w.]+)"', (site / "docs/api.html").read_text()))
    assert {name for name in names if "." not in name} == set(cc.__all__) - MODULES
    made_here = {
        name
        for name, each in vars(tasks).items()
        if inspect.isfunction(each) and each.__module__ == tasks.__name__ and not name.startswith("_")
    }
    assert {f"tasks.{name}" for name in made_here} <= names
    assert {f"fixtures.{name}" for name in fixtures.__all__} <= names


def test_every_public_name_says_what_it_is():
    silent = [name for name in cc.__all__ if not (getattr(cc, name).__doc__ or "").strip()]
    assert not silent


@pytest.mark.slow
def test_every_page_is_there_and_can_be_reached(site):
    built = {str(path.relative_to(site).with_suffix(".md")) for path in site.rglob("*.html")}
    assert set(pages()) <= built
    sidebar = (site / "README.html").read_text()
    assert not [page for page in pages() if page != "README.md" and f'href="{page[:-3]}.html"' not in sidebar]
    assert 'href="README.html"' in (site / "index.html").read_text()


@pytest.mark.slow
def test_nothing_is_fetched_from_elsewhere(site):
    fetched = re.compile(r'(?:src="|<link [^>]*href="|url\(["\']?|@import ["\'])(?:https?:)?//[^"\')]+')
    assert not [
        found for path in site.rglob("*") if path.suffix in (".html", ".css") for found in fetched.findall(path.read_text())
    ]
