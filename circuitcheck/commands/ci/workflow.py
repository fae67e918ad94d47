"""The workflow for GitHub Actions, as text."""

import json
import shlex
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path, PurePath

_RUNNERS = {True: ("self-hosted", "gpu"), False: ("ubuntu-latest",)}
BASELINE = "baseline.json"  # in the folder of claims
MOST_PARTS = 256  # jobs that GitHub makes of one matrix


def github_workflow(folder: PurePath, runner: Sequence[str], gpus: int, requirements: str) -> str:
    """Claims in `folder` on a runner with these labels: on one GPU, on none (0), or on several, of which each runs a part.
    `requirements` are words for pip install."""
    from jinja2 import Environment, StrictUndefined  # late: other commands write no workflow

    environment = Environment(
        undefined=StrictUndefined,
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    parts = max(1, gpus)
    return environment.from_string(files("circuitcheck.commands.ci").joinpath("github.yml.jinja").read_text("utf-8")).render(
        folder=folder.as_posix(),
        quoted_folder=shlex.quote(folder.as_posix()),
        baseline=(folder / BASELINE).as_posix(),
        quoted_baseline=shlex.quote((folder / BASELINE).as_posix()),
        python_files="'" + (folder / "**" / "*.py").as_posix().replace("'", "''") + "'",
        runner=json.dumps(list(runner or _RUNNERS[gpus > 0])),
        gpus=gpus,
        parts=parts,
        numbers=json.dumps(list(range(1, parts + 1))),
        suffix="-${{ matrix.part }}" if parts > 1 else "",
        requirements=requirements,
    )


def requirements_of(root: Path) -> str:
    """What installs the claims' project and circuitcheck, as far as its files tell."""
    if (root / "requirements.txt").is_file():
        return "-r requirements.txt"
    return "." if (root / "pyproject.toml").is_file() else "circuitcheck"
