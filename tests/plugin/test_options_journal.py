"""--circuit-journal FOLDER|off: where each result is written as it arrives, one file for each run."""

from pathlib import Path

import pytest
from claims_folder import Folder

HOLDS = """
@claim(id="it", samples=32)
def test_it(model, ioi):
    assert ioi.logit_diff(model) < 100
"""


def journals(folder: Folder, where: str) -> list[Path]:
    return sorted((folder.pytester.path / where).glob("*.jsonl"))


@pytest.mark.parametrize(
    "ini, arguments, where",
    [("", (), ".circuitcheck/journals"), ("mine", (), "mine"), ("mine", ("--circuit-journal=other",), "other")],
    ids=["default", "ini", "command line before ini"],
)
def test_where_a_journal_is_kept(folder: Folder, ini: str, arguments: tuple[str, ...], where: str) -> None:
    folder.pytester.makeini(f"[pytest]\ncircuit_journal = {ini}")
    folder.run(HOLDS, *arguments)
    assert len(journals(folder, where)) == 1
    assert {path.parent for path in folder.pytester.path.rglob("*-*-*.jsonl")} == {folder.pytester.path / where}


def test_off_keeps_none(folder: Folder) -> None:
    folder.run(HOLDS, "--circuit-journal=off")
    assert not (folder.pytester.path / "off").exists()
    assert not journals(folder, ".circuitcheck/journals")


def test_of_many_the_newest_are_kept(folder: Folder) -> None:
    old = folder.pytester.mkdir("kept")
    for i in range(30):
        (old / f"20200101-0000{i:02}-1.jsonl").touch()
    folder.run(HOLDS, "--circuit-journal=kept")
    assert len(journals(folder, "kept")) == 20
    assert journals(folder, "kept")[-1].stat().st_size > 0
