"""--circuit-cache: GGUF files are kept as they were converted, in a folder of the user's unless another is named."""

import shutil
from pathlib import Path

import pytest
from claims_folder import Folder

from circuitcheck.settings import CACHE, Settings

CLAIM = """
@claim(id="gguf", model="m.gguf")
def test_gguf(model, ioi):
    assert ioi.logit_diff(model) < 100
"""


@pytest.fixture(autouse=True)
def gguf(folder: Folder, tiny_gguf: Path) -> None:
    shutil.copy(tiny_gguf, folder.pytester.path / "m.gguf")


@pytest.mark.slow
def test_a_folder_is_meant_from_the_root(folder: Folder) -> None:
    assert folder.run(CLAIM, "--circuit-cache=kept").verdicts == {"gguf": "supported"}
    (entry,) = (folder.pytester.path / "kept").iterdir()
    made = (entry / "model.safetensors").stat().st_ctime_ns
    assert folder.run(None, "--circuit-cache=kept").verdicts == {"gguf": "supported"}
    assert (entry / "model.safetensors").stat().st_ctime_ns == made


@pytest.mark.slow
def test_the_ini_file_says_it_too(folder: Folder) -> None:
    folder.pytester.makeini("[pytest]\ncircuit_cache = elsewhere\n")
    folder.run(CLAIM)
    assert len(list((folder.pytester.path / "elsewhere").iterdir())) == 1


def test_the_user_s_cache_folder_or_off(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CACHE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder.pytester.path / "users"))
    folder.run(CLAIM, "--circuit-cache=off")
    assert not (folder.pytester.path / "users").exists()
    folder.run()
    assert len(list((folder.pytester.path / "users/circuitcheck").iterdir())) == 1


@pytest.mark.parametrize(
    "setting, variable, expected",
    [
        ("auto", "", "/home/x/.cache/circuitcheck"),
        ("auto", "auto", "/home/x/.cache/circuitcheck"),
        ("auto", "off", None),
        ("auto", "~/there", "/home/x/there"),
        ("/here", "off", "/here"),
        ("off", "/there", None),
    ],
)
def test_outside_of_pytest(setting: str, variable: str, expected: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/x")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/paths/count/as/none")
    monkeypatch.setenv(CACHE, variable)
    assert Settings(cache=setting).cache_folder == (None if expected is None else Path(expected))


def test_collecting_prompts_loads_no_model(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    from circuitcheck.engine.torch.loaded import pool

    monkeypatch.setattr(pool, "load", None)
    folder.write(
        """
PROMPTS = cc.tasks.ioi().prompts(2, model="m.gguf")

@cc.claim("a sentence", id="ioi.{number}", model="m.gguf")
@pytest.mark.parametrize("number", range(len(PROMPTS)))
def test_gguf(model, ioi, number):
    assert ioi.logit_diff(model) < 100
""".replace("PROMPTS =", "import pytest\n\nPROMPTS =", 1)
    )
    folder.pytest("--co", "-q", "hypotheses").stdout.fnmatch_lines(["*test_gguf*0*", "*test_gguf*1*"])
