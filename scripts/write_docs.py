"""Write the tables of the pages from what they are about, options and kinds of site: python scripts/write_docs.py

With --site FOLDER it also builds the pages and the API reference there, as a static site.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from circuitcheck.places import SITE_KINDS
from circuitcheck.plugin.options import ALL_OPTIONS, Option

ROOT = Path(__file__).parents[1]
HEAD = "| option | ini file | default | meaning |\n| --- | --- | --- | --- |\n"
SITES_HEAD = "| words | what it is | shape in one prompt | where a model has none |\n| --- | --- | --- | --- |\n"


def with_table(page: str, name: str, table: str) -> str:
    """The text of a page with a table between its two comments. Raises ValueError where it lacks them."""
    begin, ending = f"<!-- {name}: written by scripts/write_docs.py -->\n", f"<!-- end of {name} -->\n"
    before, _, rest = page.partition(begin)
    _, end, after = rest.partition(ending)
    if not end:
        raise ValueError(f"expected the comments {begin.strip()} and {ending.strip()}, in this order")
    return before + begin + "\n" + table + "\n" + end + after


def written(path: Path) -> str:
    """What a page is to hold."""
    name, table = TABLES[path]
    return with_table(path.read_text(encoding="utf-8"), name, table())


def sites_table() -> str:
    """A Markdown table, one row for each kind of site."""
    return SITES_HEAD + "".join(
        f"| {code(kind.words)} | {kind.meaning} | {kind.shape} | {kind.instead} |\n" for kind in SITE_KINDS.values()
    )


def options_table() -> str:
    """A Markdown table, one row for each option, in the order of `ALL_OPTIONS`."""
    return HEAD + "".join(row(option) for option in ALL_OPTIONS)


def row(option: Option) -> str:
    flag = "" if option.ini_only else code(f"{option.flag} {values(option)}".rstrip())
    default = "" if option.default is None else code(str(option.default))
    return f"| {flag} | {code(option.ini)} | {default} | {option.help} |\n"


def values(option: Option) -> str:
    """What may come after the flag, where that is not any text or number."""
    return ("|".join(option.choices) if option.choices else option.metavar or "").replace("|", r"\|")


def code(text: str) -> str:
    return f"`{text}`"


def build_site(folder: Path) -> int:
    """Returns the exit code of Sphinx: not 0 where a link or a reference of a page leads nowhere."""
    strict = ("--quiet", "--fail-on-warning", "--keep-going")
    command = [sys.executable, "-m", "sphinx", *strict, "-c", "docs", ".", str(folder.resolve())]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


TABLES: dict[Path, tuple[str, Callable[[], str]]] = {
    ROOT / "docs/options.md": ("options", options_table),
    ROOT / "docs/interventions.md": ("sites", sites_table),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--site", type=Path, metavar="FOLDER", help="build the site there as well")
    given = parser.parse_args()
    for page in TABLES:
        page.write_text(written(page), encoding="utf-8")
    return build_site(given.site) if given.site else 0


if __name__ == "__main__":
    raise SystemExit(main())
