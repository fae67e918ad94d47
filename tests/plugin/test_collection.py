"""What is settled when claims are collected."""

import subprocess
import sys
from pathlib import Path

import pytest
from claims_folder import Folder

import circuitcheck as cc

HEAVY = ("torch", "transformers", "transformer_lens", "sae_lens", "scipy")
REPOSITORY = Path(__file__).parents[2]
IT = """
@claim(id="it")
def test_it(model, ioi):
    assert ioi.logit_diff(model) < 100
"""


def test_one_claim_is_one_item(folder: Folder) -> None:
    run = folder.run(IT, "--collect-only", "-q")
    run.shows("hypotheses/test_claims.py::test_it?tiny?", "1 test collected*")


def test_one_key_twice_is_a_usage_error_that_names_both(folder: Folder) -> None:
    folder.write("@claim(id='it')\ndef test_there(model): pass\n", "test_others.py")
    folder.run("@claim(id='it')\ndef test_here(model): pass\n").usage_error(
        "it[tiny]", "test_claims.py::test_here", "test_others.py::test_there"
    )


def test_one_key_twice_without_a_model_is_a_usage_error(folder: Folder) -> None:
    folder.run(
        "@claim(id='it', model=None)\ndef test_a(): pass\n@claim(id='it', model=None)\ndef test_b(): pass\n"
    ).usage_error("test_a", "test_b")


PARAMETRIZED = """
import pytest
@pytest.mark.parametrize("head", ["L0H0", "L1H2"])
@cc.claim("Without {head} little changes", id=ID, model="tiny", samples=32)
def test_it(model, ioi, head):
    assert ioi.logit_diff(model.ablate(head, kind="zero")) < 100
"""


def test_a_parametrized_claim_needs_its_parameters_in_its_id(folder: Folder) -> None:
    folder.run(PARAMETRIZED.replace("ID", "'it'")).usage_error("it[tiny]", "test_it", "id='it.{head}'")
    folder.run(PARAMETRIZED.replace("ID", "'it.{haed}'")).usage_error("{haed}", "the parameters head")


def test_a_parametrized_claim_is_one_claim_for_each_case(folder: Folder) -> None:
    run = folder.run(PARAMETRIZED.replace("ID", "'it.{head}'"))
    assert run.verdicts == {"it.L0H0": "supported", "it.L1H2": "supported"}
    assert run.claims["it.L1H2"]["text"] == "Without L1H2 little changes"


def test_several_models_are_several_items_with_their_own_keys(folder: Folder) -> None:
    (folder.pytester.path / "twin").symlink_to("tiny")
    run = folder.run(
        """
@cc.claim("a sentence", id="it", models=["tiny", "twin"], samples=32)
def test_it(model, ioi):
    assert ioi.logit_diff(model) < 100
""",
        "-v",
    )
    run.result.assert_outcomes(passed=2)
    run.shows("*::test_it?tiny? PASSED*", "*::test_it?twin? PASSED*", "it?tiny? *supported*", "it?twin? *supported*")
    assert [(each["id"], each["param"]) for each in run.report["claims"]] == [("it", "tiny"), ("it", "twin")]


def test_one_id_in_two_tests_on_two_models_is_allowed(folder: Folder) -> None:
    (folder.pytester.path / "twin").symlink_to("tiny")
    run = folder.run(
        """
@claim(id="it", samples=32)
def test_tiny(model, ioi):
    assert ioi.logit_diff(model) < 100

@claim(id="it", model="twin", samples=32)
def test_twin(model, ioi):
    assert ioi.logit_diff(model) < 100
"""
    )
    run.result.assert_outcomes(passed=2)


def test_method_of_a_plain_class_is_a_claim(folder: Folder) -> None:
    run = folder.run("""
class TestAll:
    @claim(id="it", samples=32)
    def test_it(self, model, ioi):
        assert ioi.logit_diff(model) < 100
""")
    run.result.assert_outcomes(passed=1)
    assert run.verdicts == {"it": "supported"}


@pytest.mark.parametrize(
    "decorators",
    ["@given(st.integers())\n@claim(id='it')", "@claim(id='it')\n@given(st.integers())"],
    ids=["out", "in"],
)
def test_given_on_a_claim_is_a_usage_error_with_the_alternative(folder: Folder, decorators: str) -> None:
    folder.run(
        f"from hypothesis import given, strategies as st\n{decorators}\ndef test_it(model, ioi, x): pass\n"
    ).usage_error("claim it", "@given", "task instead")


def test_test_case_method_is_a_usage_error_with_the_alternative(folder: Folder) -> None:
    folder.run(
        "import unittest\nclass TestIt(unittest.TestCase):\n    @claim(id='it')\n    def test_it(self): pass\n"
    ).usage_error("claim it", "TestCase", "make it a function")


def test_async_claim_is_a_usage_error_with_the_alternative(folder: Folder) -> None:
    run = folder.run("@claim(id='it')\nasync def test_it(model): pass\n")
    run.usage_error("claim it", "async", "make it a plain function")


def test_model_fixture_without_a_model_says_so(folder: Folder) -> None:
    run = folder.run("@claim(id='it', model=None)\ndef test_it(model, ioi):\n    assert ioi.logit_diff(model) < 100\n")
    run.result.assert_outcomes(errors=1)
    assert run.verdicts == {"it": "error"}
    assert "model=SPEC" in run.claims["it"]["reason"]


def test_several_models_that_the_test_never_takes_stop_collection(folder: Folder) -> None:
    run = folder.run("@cc.claim('a sentence', id='it', models=['tiny', 'twin'])\ndef test_it(ioi): pass\n")
    assert run.exit_code in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.USAGE_ERROR)
    assert "claim it names 2 models" in run.text


@pytest.mark.parametrize(
    "arguments, said",
    [
        ({"scope": "x"}, "scope='x'"),
        ({"expect": "maybe"}, "expect='maybe'"),
        ({"models": "organism"}, "models='organism' is one text"),
        ({"family": "heads"}, "family_size=None"),
        ({"family_size": 3}, "family=None"),
        ({"family": "heads", "family_size": 0}, "family_size=0"),
        ({"confidence": 1.5}, "confidence=1.5"),
        ({"samples": 0}, "samples=0"),
        ({"samples": float("nan")}, "samples=nan"),
        ({"family": "heads", "family_size": 10**400}, "1,000,000 at most"),
        ({"model": "a", "models": ["b"]}, "models="),
        ({"colour": "red"}, "colour"),
    ],
    ids=str,
)
def test_claim_refuses_arguments_that_mean_nothing_yet(arguments: dict[str, object], said: str) -> None:
    with pytest.raises((ValueError, TypeError, NotImplementedError), match=said):
        cc.claim("a sentence", id="it", **arguments)


@pytest.mark.parametrize("text, name", [("", "it"), ("  ", "it"), ("a sentence", ""), ("a sentence", "two words")])
def test_claim_refuses_empty_text_and_bad_ids(text: str, name: str) -> None:
    with pytest.raises(ValueError, match="claim"):
        cc.claim(text, id=name)


def test_refused_argument_stops_collection_and_is_shown(folder: Folder) -> None:
    run = folder.run("@claim(id='it', expect='maybe')\ndef test_it(model): pass\n")
    assert run.exit_code == pytest.ExitCode.INTERRUPTED
    run.shows("E*claim 'it': expect='maybe'*")


def imported(script: str, cwd: Path) -> list[str]:
    """The heavy packages that a fresh Python holds after `script`."""
    ending = f"\nimport sys\nprint('HEAVY', *[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script + ending], cwd=cwd, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()[1:]


@pytest.mark.slow
def test_loading_the_plugin_imports_nothing_heavy(tmp_path: Path) -> None:
    script = "import circuitcheck.plugin.hooks, circuitcheck.fixtures, circuitcheck as cc; cc.tasks.ioi()"
    assert imported(script, tmp_path) == []


def test_collecting_claims_imports_nothing_heavy(folder: Folder) -> None:
    folder.write(IT)
    script = "import pytest\nassert pytest.main(['--collect-only', 'hypotheses']) == 0"
    assert imported(script, folder.pytester.path) == []


@pytest.mark.slow
def test_collecting_our_own_claims_imports_nothing_heavy() -> None:
    script = "import pytest\nassert pytest.main(['--collect-only', '-p', 'no:cacheprovider', 'hypotheses']) in (0, 5)"
    assert imported(script, REPOSITORY) == []


def test_a_conftest_without_its_line_is_told_which(folder: Folder) -> None:
    (folder.path / "conftest.py").unlink()
    run = folder.run("@claim(id='it')\ndef test_it(model, ioi): pass\n")
    assert "The fixture 'model' comes with this line in the folder's conftest.py: from circuitcheck" in run.text
    assert run.verdicts == {"it": "error"}


def test_a_fixture_that_nobody_has_is_told_those_there_are(folder: Folder) -> None:
    run = folder.run("@claim(id='it')\ndef test_it(model, iio): pass\n")
    assert "There is no fixture 'iio'. Those of circuitcheck are" in run.text


def test_a_fixture_that_is_not_asked_for_is_named(folder: Folder) -> None:
    run = folder.run("@claim(id='it')\ndef test_it(ioi): assert ioi.accuracy(model) > 0\n")
    assert "'model' is a fixture: make it an argument, def test_...(model)." in run.text
    assert "is a fixture" not in folder.run("@claim(id='it')\ndef test_it(ioi): nothing\n").text


def test_a_claim_is_chosen_by_its_id(folder: Folder) -> None:
    claims = "@claim(id='a.mover')\ndef test_a(model, ioi): assert ioi.accuracy(model) < 1\n"
    run = folder.run(claims + claims.replace("a.mover", "b.mover").replace("test_a", "test_b"), "-k", "a.mover")
    assert run.verdicts == {"a.mover": "supported"}


@pytest.mark.parametrize("mark", ["xfail", "xfail(reason='one day')"])
def test_a_mark_that_hides_a_refutation_is_a_usage_error(folder: Folder, mark: str) -> None:
    run = folder.run(f"import pytest\n@pytest.mark.{mark}\n@claim(id='it')\ndef test_it(model, ioi): pass\n")
    run.usage_error("claim it is marked xfail, which would hide from pytest what reports count: say expect='refuted'")


def test_a_parameter_without_words_is_a_usage_error(folder: Folder) -> None:
    run = folder.run(
        "import pytest\nclass Mute:\n    def __str__(self): raise OSError\n"
        "@pytest.mark.parametrize('head', [Mute()], ids=['a'])\n@claim(id='it.{head}')\n"
        "def test_it(model, ioi, head): pass\n"
    )
    run.usage_error("the value of the parameter head has no words: its str() raises OSError")


def test_two_claims_above_one_test_are_refused(folder: Folder) -> None:
    run = folder.run("@claim(id='one')\n@claim(id='two')\ndef test_it(model, ioi): pass\n")
    assert run.exit_code == pytest.ExitCode.INTERRUPTED
    assert "is two claims, two and one" in run.text
    assert "collecting.py" not in run.text  # our frames


@pytest.mark.slow
def test_what_workers_refuse_is_a_usage_error_with_its_words(folder: Folder) -> None:
    body = "@claim(id='it')\ndef test_{0}(model): pass\n"
    run = folder.run(body.format("a") + body.format("b"), "-n2")
    assert run.exit_code == pytest.ExitCode.USAGE_ERROR
    assert "two claims are called it[tiny]" in run.text
    assert "INTERNALERROR" not in run.text


def test_a_comparison_in_a_test_that_is_no_claim_is_told(folder: Folder) -> None:
    run = folder.run("def test_it(ioi):\n    assert ioi.logit_diff(cc.load('tiny')) < 100\n")
    assert "compared in tests that are no claims" in run.text
    assert "test_it" in run.text


def test_a_run_without_claims_does_not_pay_for_them(folder: Folder) -> None:
    told = "import sys; print(sorted({'torch', 'circuitcheck.claims', 'circuitcheck.report'} & set(sys.modules)))"
    (folder.path / "conftest.py").write_text(f"def pytest_unconfigure():\n    {told}\n")
    (folder.path / "test_plain.py").write_text("def test_plain(): pass\n")
    run = folder.run(None, subprocess=True, report=False)
    assert run.exit_code == 0
    assert "[]" in run.text.splitlines(), run.text
