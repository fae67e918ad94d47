"""Hooks that a conftest implements, each well and badly.

How it could be fooled: a hook that is called otherwise, and so never; one in a folder that is collected later; one that
fails, or gives something else, and nobody hears of it; one that changes results; a name that means another thing than
before."""

import json
from pathlib import Path

import pytest
from claims_folder import FIXTURES, Folder, Run
from registries import put_back

CLAIM = """
@claim(id="it", samples=32)
def test_it(model, ioi):
    assert ioi.logit_diff(model) < 100
"""


@pytest.fixture(autouse=True)
def nothing_stays_registered():
    with put_back():
        yield


@pytest.fixture
def run(folder: Folder):
    def with_conftest(hooks: str, claim: str = CLAIM, *arguments: str, **how: object) -> Run:
        (folder.path / "conftest.py").write_text(f"import circuitcheck as cc\n{FIXTURES}\n{hooks}")
        return folder.run(claim, *arguments, **how)

    return with_conftest


# pytest_circuit_load_model


def test_a_model_of_the_hook_takes_the_place_of_the_spec_s(run):
    found = run(
        """
def pytest_circuit_load_model(spec, arguments):
    return cc.load("tiny") if spec == "nowhere" else None
""",
        CLAIM.replace('id="it"', 'id="it", model="nowhere"').replace("@claim(", "@cc.claim('a sentence', ")
        + CLAIM.replace('"it"', '"other"').replace("test_it", "test_other"),
    )
    assert found.verdicts == {"it": "supported", "other": "supported"}
    assert len({claim["model"]["fingerprint"] for claim in found.claims.values()}) == 1


@pytest.mark.parametrize(
    "body, words",
    [
        ("return 'tiny'", "BadSpec: pytest_circuit_load_model gave 'tiny' for 'tiny'; expected a model"),
        ("return 3", "BadSpec: cannot take an int as a model"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_a_hook_that_gives_no_model_is_an_error_of_the_claim(run, body, words):
    found = run(f"def pytest_circuit_load_model(spec):\n    {body}\n")
    assert found.verdicts == {"it": "error"}
    assert words in found.claims["it"]["reason"]


# pytest_circuit_register_tasks, pytest_circuit_register_metrics

OWN = """
def pytest_circuit_register_tasks():
    return {"mine": cc.tasks.induction}

def pytest_circuit_register_metrics():
    return {"first": lambda logits, prompts: logits[:, 0]}
"""
USES_OWN = """
@claim(id="fixture", samples=32)
def test_fixture(model, mine):
    assert mine.metric("first", model) < 100

@claim(id="name", samples=32)
def test_name(model):
    assert cc.tasks.mine().logit_diff(model) < 100
"""


def test_tasks_and_metrics_are_there_by_name(run):
    assert run(OWN, USES_OWN).verdicts == {"fixture": "supported", "name": "supported"}


def test_so_are_those_of_a_folder_that_is_collected_later(folder: Folder):
    folder.write(CLAIM, "test_a.py")
    later = folder.path / "later"
    later.mkdir()
    (later / "conftest.py").write_text("import circuitcheck as cc\n" + OWN)
    folder.write(USES_OWN, "later/test_b.py")
    assert folder.run().verdicts == {"it": "supported", "fixture": "supported", "name": "supported"}


@pytest.mark.parametrize(
    "hook, words",
    [
        ("pytest_circuit_register_tasks(): return [cc.tasks.ioi]", "register_tasks gave list; expected {name: function"),
        ("pytest_circuit_register_tasks(): return {'ioi': cc.tasks.ioi}", "there is a task called 'ioi' already"),
        (
            "pytest_circuit_register_tasks(): return dict(tmp_path=cc.tasks.ioi)",
            "there is a fixture called 'tmp_path' already",
        ),
        (
            "pytest_circuit_register_tasks(): 1 / 0",
            "register_tasks raised ZeroDivisionError: division by zero (conftest.py:",
        ),
        ("pytest_circuit_register_metrics(): return {'loss': cc.rank()}", "there is a metric called 'loss' already"),
        ("pytest_circuit_register_metrics(): return {'mine': 3}", "the metric 'mine' cannot be registered"),
        ("pytest_circuit_register_metrics(): return 'rank'", "register_metrics gave str; expected {name: metric}"),
        ("pytest_circuit_register_task(): return {}", "there is no hook pytest_circuit_register_task; there are"),
    ],
)
@pytest.mark.sampled(1)
def test_what_cannot_be_registered_stops_the_run(run, hook, words):
    run(f"def {hook}\n").usage_error(words)


# pytest_circuit_claim_finished


def test_each_result_is_told_as_the_report_has_it(run):
    found = run("""
import json
def pytest_circuit_claim_finished(result):
    with open("told.jsonl", "a") as file:
        print(json.dumps(result), file=file)
    result["verdict"] = "refuted"
""")
    (told,) = map(json.loads, Path("told.jsonl").read_text().splitlines())
    assert told == {**found.claims["it"], "digest": None}  # it is made when the report is written
    assert told["verdict"] == "supported"


@pytest.mark.parametrize("body, words", [("1 / 0", "raised ZeroDivisionError"), ("return 3", "gave int for claim it")])
def test_a_hook_that_is_told_and_fails_fails_the_run_and_loses_nothing(run, body, words):
    found = run(f"def pytest_circuit_claim_finished(result):\n    {body}\n")
    assert found.verdicts == {"it": "supported"}
    assert found.exit_code == pytest.ExitCode.TESTS_FAILED
    found.shows(f"*pytest_circuit_claim_finished {words}*")


@pytest.mark.slow
def test_under_xdist_the_controller_is_told(run):
    hook = "import pathlib\ndef pytest_circuit_claim_finished(result):\n    pathlib.Path('told').write_text(result['id'])\n"
    assert run(hook, CLAIM, "-n1", subprocess=True).verdicts == {"it": "supported"}
    assert Path("told").read_text() == "it"


# pytest_circuit_update_report


def test_what_the_hook_gives_is_in_the_report_under_extra(run):
    found = run("def pytest_circuit_update_report(report):\n    return {'claims': len(report['claims'])}\n")
    assert found.report["extra"] == {"claims": 1}
    assert found.exit_code == 0


def test_a_report_without_it_has_no_extra(run):
    assert "extra" not in run("").report


@pytest.mark.parametrize(
    "body, words",
    [
        ("1 / 0", "ZeroDivisionError: division by zero (conftest.py:*)"),
        ("return ['mine']", "it gave list; expected {name: value}"),
        ("return {'mine': float('nan')}", "Out of range float values*"),
        ("return {'mine': report}.keys()", "it gave dict_keys; expected {name: value}"),
        ("return {'mine': object()}", "*not JSON serializable"),
        ("report['claims'].clear()", "it changes the report, which is a copy*"),
    ],
)
@pytest.mark.sampled(2)
def test_a_hook_that_adds_what_no_report_holds_fails_the_run_and_the_report_is_there(run, body, words):
    found = run(f"def pytest_circuit_update_report(report):\n    {body}\n")
    assert found.verdicts == {"it": "supported"}
    assert found.exit_code == found.report["exit_status"] == pytest.ExitCode.TESTS_FAILED
    assert "extra" not in found.report
    found.shows(f"*pytest_circuit_update_report: nothing is added to the report: *{words}*")


def test_a_misspelt_hook_of_a_folder_that_is_collected_later_is_found(folder: Folder):
    folder.write(CLAIM, "test_a.py")
    (folder.path / "later").mkdir()
    (folder.path / "later" / "conftest.py").write_text("def pytest_circuit_claim_ended(result): pass\n")
    folder.write("", "later/test_b.py")
    run = folder.pytest("hypotheses")
    assert run.ret == pytest.ExitCode.INTERNAL_ERROR  # pytest's own way, once all is collected
    assert "unknown hook 'pytest_circuit_claim_ended'" in run.stdout.str() + run.stderr.str()
