"""--circuit-require-models"""

from claims_folder import Folder

CLAIMS = """
@claim(id="missing", model="missing.gguf")
def test_missing(model, ioi):
    assert ioi.logit_diff(model) < 100

@claim(id="here", samples=32)
def test_here(model, ioi):
    assert ioi.logit_diff(model) < 100
"""


def test_default_skips(folder: Folder) -> None:
    folder.run(CLAIMS).result.assert_outcomes(passed=1, skipped=1)


def test_command_line_makes_missing_models_errors(folder: Folder) -> None:
    run = folder.run(CLAIMS, "--circuit-require-models")
    run.result.assert_outcomes(passed=1, errors=1)
    assert run.verdicts == {"missing": "error", "here": "supported"}


def test_ini_makes_missing_models_errors(folder: Folder) -> None:
    folder.pytester.makeini("[pytest]\ncircuit_require_models = true\n")
    folder.run(CLAIMS).result.assert_outcomes(passed=1, errors=1)


def test_load_model_obeys_it(folder: Folder) -> None:
    run = folder.run(
        """
@claim(id="it", model=None)
def test_it(load_model, ioi):
    assert ioi.logit_diff(load_model("missing.gguf")) < 100
""",
        "--circuit-require-models",
    )
    run.result.assert_outcomes(failed=1)
    assert run.verdicts == {"it": "error"}
