"""Which claim is running, and how far it is: written behind pytest's own line, and wiped when the claim is done."""

from typing import TextIO

import pytest

_WIPE = "\x1b[K"


class Progress:
    """Silent unless pytest writes to a terminal."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._claim = ""

    def start(self, claim: str) -> None:
        self._claim = claim
        self._write("loading")

    def prompts(self, count: int) -> None:
        if self._claim:
            self._write(f"{count} prompts")

    def stop(self) -> None:
        if self._claim and (file := self._terminal()) is not None:
            file.write(_WIPE)
            file.flush()
        self._claim = ""

    def _write(self, state: str) -> None:
        file = self._terminal()
        if file is None:
            return
        writer = self._config.get_terminal_writer()
        room = writer.fullwidth - writer.width_of_current_line - 2
        text = f" {self._claim}: {state}"[: max(room, 0)]
        if text:
            file.write(f"{_WIPE}{text}\x1b[{len(text)}D")
            file.flush()

    def _terminal(self) -> TextIO | None:
        if not self._config.pluginmanager.has_plugin("terminalreporter"):
            return None
        file: TextIO = self._config.get_terminal_writer()._file  # its own file, so that capture does not swallow it
        return file if file.isatty() else None
