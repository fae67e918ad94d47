"""`circuitcheck sweep`: a map as a picture, a file and a table."""

import pytest

from circuitcheck.cli import main
from circuitcheck.quantities import load_grid


def test_it_writes_what_it_measured(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    paths = [tmp_path / f"map.{kind}" for kind in ("svg", "json", "csv")]
    given = ["sweep", "organism", "ioi", "--patch", "resid_pre", "--by", "layer,position", "-n", "32", "--top", "2"]
    assert main([*given, *(word for path in paths for word in ("-o", str(path)))]) == 0
    grid = load_grid(paths[1])
    assert grid.shape == (4, 6)
    assert grid.origin.stream == "discovery"
    said = capsys.readouterr().out
    for cell in grid.top(2).cells:
        assert f"  {', '.join(cell):20} {grid.value[grid.place(cell)]:8.3f}" in said
    assert ", ".join(grid.top(3).cells[2]) not in said
    assert paths[0].read_text().startswith("<svg")
    assert len(paths[2].read_text().splitlines()) == 25


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["organism", "ioi", "--patch", "resid"], "--patch resid: expected one of resid_pre"),
        (["organism", "ioi", "--patch", "z", "--by", "layer,position"], "z goes by layer,head"),
        (["organism", "nothing", "--patch", "z"], "there is no task 'nothing'; there are ioi"),
        (["organism", "Task", "--patch", "z"], "there is no task 'Task'"),
        (["organism", "ioi", "--patch", "z", "-o", "map.png"], "expected a file that ends in .svg, .json, .csv"),
        (["organism", "ioi", "--patch", "z", "-o", "nowhere/map.svg"], "there is no folder nowhere"),
        (["organism", "ioi", "--patch", "z", "--against", "abd"], "no counterfactual 'abd'"),
        (["organism", "ioi", "--patch", "z", "-n", "1"], "n=1"),
        (["./nowhere", "ioi", "--patch", "z"], "nowhere"),
    ],
)
def test_what_cannot_be_done_is_said(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", *arguments]) == 2
    assert words in capsys.readouterr().err
