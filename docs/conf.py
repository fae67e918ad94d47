"""How Sphinx builds the site: every page as it stands in the repository, and the reference from docstrings.

`make docs` runs it. Nothing is fetched: the theme has no fonts or scripts of others.
"""

from datetime import date
from typing import Any

import circuitcheck

project = "circuitcheck"
release = circuitcheck.__version__
copyright = f"{date.today().year}, {project}"  # noqa: A001 - Sphinx's word

root_doc = "README"
include_patterns = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/**",
    "circuitcheck/models/bundled/**.md",
    "examples/**.md",
]
exclude_patterns = ["**/.*", "build"]
PAGES = {
    "Guide": [
        "docs/claims",
        "docs/interventions",
        "docs/search",
        "docs/attribution",
        "docs/features",
        "docs/prompts",
        "docs/statistics",
        "docs/reports",
        "docs/store",
        "docs/drift",
        "docs/options",
        "docs/extending",
        "docs/glossary",
        "docs/api",
    ],
    "Measured": [
        "docs/selftest",
        "docs/performance",
        "docs/doctor/organism",
        "docs/doctor/smollm2",
        "circuitcheck/models/bundled/organism/README",
        "circuitcheck/models/bundled/organism/dictionaries/README",
    ],
    "Project": ["docs/design", "CONTRIBUTING", "CHANGELOG", "examples/own_intervention/README"],
}

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "myst_parser"]
myst_heading_anchors = 3
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_default_options = {"show-inheritance": True}
default_role = "code"
smartquotes = False  # a quoted word is a value that users type
python_maximum_signature_line_length = 88

html_theme = "alabaster"
html_theme_options = {"description": "Circuit hypotheses as tests", "fixed_sidebar": True, "page_width": "72rem"}
html_copy_source = False
html_extra_path = ["index.html"]  # leads to the README, which is called README.html like its file


def add_contents(_app: Any, page: str, source: list[str]) -> None:
    """Put the list of pages at the end of the first one, for the sidebar; readers on GitHub do not see it."""
    if page == root_doc:
        for caption, pages in PAGES.items():
            source[0] += "\n\n```{toctree}\n:hidden:\n:caption: " + caption + "\n\n" + "\n".join(pages) + "\n```\n"


def setup(app: Any) -> None:
    app.connect("source-read", add_contents)
