"""A tiny model, and what an update may make of it: claims that hold, and claims that it breaks."""

from pathlib import Path

from claims_folder import Folder
from tiny import save_tiny_gpt2

CLAIMS = """
@claim(id="cut")
def test_cut(model, ioi):
    assert ioi.logit_diff(model.ablate("L0.mlp", kind="zero")) < 100

@claim(id="untouched")
def test_untouched(model, ioi):
    assert ioi.logit_diff(model) > -100
"""


def with_another_model(folder: Folder) -> Folder:
    """`other` is a model of the same kind with other weights."""
    save_tiny_gpt2(folder.pytester.path / "other", seed=1)
    return folder


def words(run) -> dict[str, str | None]:
    return {name: (claim["drift"] or {}).get("word") for name, claim in run.claims.items()}


def text_and_values() -> tuple[bytes, bytes]:
    return Path("base.json").read_bytes(), Path("base.json.values").read_bytes()
