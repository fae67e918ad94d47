"""What pyproject.toml asks for, one a line, for pip: `python scripts/requirements.py --without sae-lens`.

sae-lens 6.54 needs TransformerLens below 4. `make compat` tests the rest of the package beside TransformerLens 4.
"""

import argparse
import re
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def requirements(without: list[str]) -> list[str]:
    """Raises SystemExit for a package that is not asked for."""
    asked: list[str] = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["dependencies"]
    names = {re.split(r"[<>=!~;\[ ]", each)[0]: each for each in asked}
    strangers = sorted(set(without) - set(names))
    if strangers:
        raise SystemExit(f"{strangers[0]!r} is not asked for; there are {', '.join(names)}.")
    return [each for name, each in names.items() if name not in without]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--without", action="append", default=[], metavar="PACKAGE")
    print("\n".join(requirements(parser.parse_args().without)))


if __name__ == "__main__":
    main()
