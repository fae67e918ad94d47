"""Which claim is running, and how far it is: written behind pytest's own line, and wiped when the claim is done."""

import os
import sys
from typing import TextIO

import pytest

_WIPE = "\x1b[K"


class Progress:
    """Silent unless pytest writes to a terminal. Made while pytest captures nothing, so that its own copy of standard
    output reaches the terminal also while a test's output is captured."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._claim = ""
        self._file: TextIO | None = None
        if sys.stdout.isatty() and not config.pluginmanager.is_blocked("terminalreporter"):
            self._file = os.fdopen(os.dup(sys.stdout.fileno()), "w")

    def start(self, claim: str) -> None:
        self._claim = claim
        self._write("loading")

    def tell(self, state: str) -> None:
        if self._claim:
            self._write(state)

    def stop(self) -> None:
        if self._claim and self._file is not None:
            self._file.write(_WIPE)
            self._file.flush()
        self._claim = ""

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _write(self, state: str) -> None:
        if self._file is None:
            return
        writer = self._config.get_terminal_writer()
        room = writer.fullwidth - writer.width_of_current_line - 2
        text = f" {self._claim}: {state}"[: max(room, 0)]
        if text:
            self._file.write(f"{_WIPE}{text}\x1b[{len(text)}D")
            self._file.flush()
