"""Commands that a page shows, in blocks and within sentences, and what is wrong with them."""

import contextlib
import io
import re
import shlex

from pages import ROOT, blocks_in, inline_code

from circuitcheck.cli import command_line
from circuitcheck.plugin.options import ALL_OPTIONS, Option

CHECKED = ("make", "circuitcheck", "pytest", "python")
BY_FLAG = {option.flag: option for option in ALL_OPTIONS if not option.ini_only}
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def commands_in(text: str) -> list[str]:
    """Lines of shell blocks, and inline code of two words or more that begins with one of `CHECKED`."""
    lines = [line for block in blocks_in(text) if block.kind == "shell" for line in block.text.splitlines()]
    spans = [span for span in inline_code(text) if span.split(" ")[0] in CHECKED and " " in span]
    return [" ".join(line.split()) for line in [*lines, *spans] if line.strip() and not line.strip().startswith("#")]


def wrong_with(command: str) -> str:
    """What does not exist of a command's words; "" where all does."""
    program, *words = shlex.split(command, comments=True)
    check = {"make": _make, "circuitcheck": _circuitcheck, "pytest": _pytest, "python": _python}.get(program)
    return check(words) if check else f"{program}: nothing checks this command"


def _make(words: list[str]) -> str:
    for word in words:
        name, is_variable, _ = word.partition("=")
        known = rf"^{re.escape(name)}\s*[?:]?=" if is_variable else rf"^{re.escape(name)}:"
        if not re.search(known, MAKEFILE, re.MULTILINE):
            return f"the Makefile has no {name}"
    return ""


def _circuitcheck(words: list[str]) -> str:
    """A subcommand that is only named has no arguments; then it is asked for its help."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            command_line().parse_args(words if words[1:] else [*words, "--help"])
    except SystemExit as end:
        return f"circuitcheck does not take {' '.join(words)}" if end.code else ""
    return ""


def _pytest(words: list[str]) -> str:
    for word, after in zip(words, [*words[1:], ""], strict=True):
        if word.startswith("--circuit-"):
            flag, _, value = word.partition("=")
            if flag not in BY_FLAG:
                return f"no option {flag}"
            if not _takes(BY_FLAG[flag], value or after):
                return f"{flag} does not take {value or after}"
    return ""


def _takes(option: Option, value: str) -> bool:
    return option.choices is None or value in option.choices


def _python(words: list[str]) -> str:
    if words[0] == "-m":
        check = {"pytest": _pytest, "circuitcheck": _circuitcheck}.get(words[1])
        return check(words[2:]) if check else f"nothing checks python -m {words[1]}"
    script = ROOT / words[0]
    if not script.is_file():
        return f"no script {words[0]}"
    source = script.read_text(encoding="utf-8")
    return next((f"{words[0]} has no {word}" for word in words if word.startswith("--") and f'"{word}"' not in source), "")


def unknown_options(text: str) -> set[str]:
    """Names of options anywhere in a text, on the command line or in the ini file, that are none."""
    flags = {name.rstrip("-") for name in re.findall(r"--circuit-[a-z][a-z-]*", text)}
    inis = set(re.findall(r"\bcircuit_[a-z_]+", text))
    return (flags - set(BY_FLAG)) | (inis - {option.ini for option in ALL_OPTIONS})
