"""--circuit-dtype"""

import pytest
from claims_folder import Folder

CLAIM = """
@claim(id="it", samples=32)
def test_it(model, ioi):
    assert model.ref.dtype == DTYPE
    assert ioi.logit_diff(model) < 100
"""


def claim(dtype: str) -> str:
    return CLAIM.replace("DTYPE", repr(dtype))


def test_default_is_float32(folder: Folder) -> None:
    run = folder.run(claim("float32"))
    assert run.verdicts == {"it": "supported"}
    assert run.report["environment"]["dtype"] == "float32"


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
@pytest.mark.sampled(1)
def test_models_are_loaded_in_it(folder: Folder, dtype: str) -> None:
    run = folder.run(claim(dtype), f"--circuit-dtype={dtype}")
    assert run.verdicts == {"it": "supported"}
    assert run.report["environment"]["dtype"] == dtype


def test_models_of_two_dtypes_have_two_fingerprints(folder: Folder) -> None:
    fingerprints = {
        folder.run(claim(dtype), f"--circuit-dtype={dtype}").claims["it"]["model"]["fingerprint"]
        for dtype in ("float32", "float64")
    }
    assert len(fingerprints) == 2


@pytest.mark.slow
def test_ini_sets_it_and_the_command_line_comes_first(folder: Folder) -> None:
    folder.pytester.makeini("[pytest]\ncircuit_dtype = float64\n")
    assert folder.run(claim("float64")).verdicts == {"it": "supported"}
    assert folder.run(claim("float32"), "--circuit-dtype=float32").verdicts == {"it": "supported"}


def test_int8_is_a_usage_error(folder: Folder) -> None:
    folder.run(claim("int8"), "--circuit-dtype=int8").usage_error("'int8'", "float32")


def test_int8_in_the_ini_is_a_usage_error(folder: Folder) -> None:
    folder.pytester.makeini("[pytest]\ncircuit_dtype = int8\n")
    folder.run(claim("int8")).usage_error("circuit_dtype", "'int8'", "float32")
