"""The summary of a step of GitHub Actions: a page beside the step's log."""

import os
from collections.abc import Mapping
from stat import S_ISREG
from typing import Any

from circuitcheck.report.markdown import LARGEST, as_markdown

VARIABLE = "GITHUB_STEP_SUMMARY"
_MOST = 1 << 20  # bytes: what is larger is not shown at all
_LEAST = 1_000


def add_step_summary(report: dict[str, Any], variables: Mapping[str, str]) -> str:
    """Append the Markdown report to the file that GitHub names, if it names one. Returns what kept it from that."""
    path = variables.get(VARIABLE, "")
    if not path:
        return ""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, 0o644)
        with os.fdopen(handle, "ab") as stream:
            if not S_ISREG(os.fstat(handle).st_mode):
                return f"{path} is no regular file"
            room = _MOST - os.fstat(handle).st_size
            if room < _LEAST:
                return f"{path} is full"
            stream.write(as_markdown(report, min(LARGEST, room)).encode("utf-8", "backslashreplace"))
    except (OSError, ValueError) as error:
        return f"{path}: {error}"
    return ""
