"""Write what the pages say about options, from the options themselves: python scripts/write_docs.py

With --site FOLDER it also builds the pages and the API reference there, as a static site.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from circuitcheck.plugin.options import ALL_OPTIONS, Option

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "README.md"
BEGIN = "<!-- options: written by scripts/write_docs.py -->\n"
END = "<!-- end of options -->\n"
HEAD = "| option | ini file | default | meaning |\n| --- | --- | --- | --- |\n"


def with_options(page: str) -> str:
    """The text of a page with the table of options between its two comments. Raises ValueError where it lacks them."""
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"expected the comments {BEGIN.strip()} and {END.strip()}, in this order")
    return before + BEGIN + "\n" + options_table() + "\n" + END + after


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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--site", type=Path, metavar="FOLDER", help="build the site there as well")
    given = parser.parse_args()
    PAGE.write_text(with_options(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return build_site(given.site) if given.site else 0


if __name__ == "__main__":
    raise SystemExit(main())
