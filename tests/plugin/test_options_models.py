"""--circuit-models SPEC[,SPEC], and claims of several models.

How it could be fooled: a model that is there twice, in a list, in braces, or by way of --circuit-model; a pattern of what is
expected that fits nothing; models that no claim takes; a claim of any model that nobody names, and that passes."""

import pytest
from claims_folder import Folder
from drifting_models import CLAIMS

import circuitcheck as cc

ANY = """
@cc.claim("a sentence", id="free", model=cc.any_model, expect={"oth*": "refuted", "*@nowhere": "refuted"}, samples=32)
def test_free(model, ioi, request):
    assert ioi.logit_diff(model) < (-100 if "other" in request.node.name else 100)

@cc.claim("a sentence", id="usual", model=cc.any_model("tiny"), samples=32)
def test_usual(model, ioi):
    assert ioi.logit_diff(model) < 100
"""


def results(run):
    return {(each["id"], each["param"]): (each["expected"], each["verdict"]) for each in run.report["claims"]}


def test_the_models_of_claims_of_any_model(folder: Folder) -> None:
    (folder.pytester.path / "other").symlink_to("tiny")
    usual = folder.run(ANY)
    assert results(usual) == {("free", None): ("supported", "skipped"), ("usual", "tiny"): ("supported", "supported")}
    assert "--circuit-models SPEC" in usual.claims["free"]["reason"]
    run = folder.run(ANY, "--circuit-models={tiny,other}")
    assert run.exit_code == 0
    assert results(run) == {
        ("free", "tiny"): ("supported", "supported"),
        ("free", "other"): ("refuted", "refuted"),
        ("usual", "tiny"): ("supported", "supported"),
        ("usual", "other"): ("supported", "supported"),
    }
    assert {tuple(each["models"]) for each in run.report["claims"]} == {("tiny", "other")}
    assert [each["claim"] for each in run.report["turns"]] == ["free"]
    run.shows("*free: refuted from other on; supported on tiny*")
    assert run.report["environment"]["options"][-1] == "--circuit-models={tiny,other}"


def test_a_claim_of_any_model_that_none_is_named_for_is_an_error_where_models_are_required(folder: Folder) -> None:
    run = folder.run(ANY, "--circuit-require-models")
    assert run.verdicts == {"free": "error", "usual": "supported"}


def test_what_is_expected_goes_with_the_model_that_stands_in_anothers_place(folder: Folder) -> None:
    (folder.pytester.path / "other").symlink_to("tiny")
    source = """
@cc.claim("a sentence", id="it", models=["tiny", "organism"], expect={"tiny": "refuted"}, samples=32)
def test_it(model, ioi):
    assert ioi.logit_diff(model) < -100
"""
    run = folder.run(source, "--circuit-model=tiny=other", "-k", "other")
    assert results(run) == {("it", "other"): ("refuted", "refuted")}
    twice = folder.run(source, "--circuit-model=tiny=organism")
    assert twice.exit_code == pytest.ExitCode.INTERRUPTED
    assert "'organism' is named twice" in twice.text


@pytest.mark.parametrize(
    "source, given, said",
    [
        (CLAIMS, "tiny", "no claim that was collected takes them"),
        (ANY, "tiny,tiny", "named twice"),
        (ANY, "", "between two commas"),
        (ANY, "m@{}", "hold nothing"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(folder: Folder, source: str, given: str, said: str) -> None:
    folder.run(source, f"--circuit-models={given}").usage_error("--circuit-models", said)


def test_a_claim_of_any_model_takes_it(folder: Folder) -> None:
    run = folder.run("@cc.claim('a sentence', id='it', model=cc.any_model)\ndef test_it(ioi): pass\n")
    assert "claim it is of any model, but its test takes neither" in run.text


@pytest.mark.parametrize(
    "arguments, said",
    [
        ({"models": ["a", "a"]}, "'a' is named twice"),
        ({"model": "m@{1,1}"}, "named twice"),
        ({"model": "m@{}"}, "hold nothing"),
        ({"models": ["a", "b"], "expect": {"*@step1": "refuted"}}, "fits none of its models"),
        ({"expect": {"*": "refuted"}}, "fits none of its models"),
        ({"model": "a", "expect": {"*": "maybe"}}, "expect='maybe'"),
        ({"model": cc.any_model, "models": ["a"]}, "model= and models="),
    ],
    ids=str,
)
def test_a_claim_refuses_models_that_mean_nothing(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        cc.claim("a sentence", id="it", **arguments)


def test_braces_and_patterns_in_a_claim() -> None:
    claim = cc.claim("a sentence", id="it", model="m@step{1,2,3}", expect={"*@step1": "refuted"}).args[0]
    assert claim.models == ("m@step1", "m@step2", "m@step3")
    assert [claim.on(model).expect for model in claim.models] == ["refuted", "supported", "supported"]
