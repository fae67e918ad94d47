"""Where the hub cannot be reached, nobody waits: one question is asked, and libraries look into their caches alone."""

import threading

import huggingface_hub.constants as hub
import pytest

import circuitcheck as cc
from circuitcheck import network
from circuitcheck.errors import BadRecord, ModelUnavailable


@pytest.fixture
def asked(monkeypatch):
    """How often the hub was asked; it raises what `answer` holds."""
    count, answer = [], [OSError("no route")]

    class Session:
        def head(self, url, timeout):
            count.append((url, timeout))
            if answer:
                raise answer[0]

    monkeypatch.setattr(network, "_known", [])
    monkeypatch.setattr("huggingface_hub.get_session", Session)
    return count, answer


def test_a_no_is_asked_for_once_a_minute(asked, monkeypatch):
    count, answer = asked
    assert [network.why_unreachable() for _ in range(3)] == ["no route"] * 3
    assert len(count) == 1
    monkeypatch.setattr(network, "_AGAIN", 0.0)
    answer.clear()
    assert network.why_unreachable() == network.why_unreachable() == ""
    assert len(count) == 3


def test_a_hub_that_does_not_answer_is_not_waited_for(monkeypatch):
    ended = threading.Event()
    monkeypatch.setattr(network, "_known", [])
    monkeypatch.setattr(network, "_SECONDS", 0.05)
    monkeypatch.setattr(network, "_ask", lambda reasons: (ended.wait(5), reasons.insert(0, "an answer that came late")))
    assert network.why_unreachable() == "no answer in 0.05 s"
    ended.set()


@pytest.mark.usefixtures("asked")
def test_libraries_are_told_and_told_otherwise_afterwards():
    before = hub.HF_HUB_OFFLINE
    told = []

    def fetch():
        with network.without_waiting() as reason:
            told.append((reason, hub.HF_HUB_OFFLINE))
            raise KeyError

    with pytest.raises(KeyError):
        fetch()
    assert told == [("no route", True)]
    assert before == hub.HF_HUB_OFFLINE


def test_a_hub_that_answers_is_asked_by_libraries(asked):
    asked[1].clear()
    with network.without_waiting() as reason:
        assert (reason, hub.HF_HUB_OFFLINE) == ("", False)


@pytest.mark.sampled(1)
@pytest.mark.parametrize(
    "get, error, advice",
    [
        (lambda: cc.corpus("hub:owner/no-such-data"), BadRecord, "or give a file"),
        (lambda: cc.sae("hub:gpt2-small-res-jb/blocks.8.hook_resid_pre"), ModelUnavailable, "the hub's cache"),
        (lambda: cc.load("no-such-owner/no-such-model"), ModelUnavailable, "hf download"),
    ],
    ids=["corpus", "dictionary", "model"],
)
def test_what_is_of_a_hub_says_so(asked, get, error, advice):
    with pytest.raises(error, match=rf"the hub cannot be reached \(no route\)\..*{advice}"):
        get()
    assert len(asked[0]) == 1  # by us, and by no library


def test_a_dataset_in_a_folder_needs_no_hub(asked, tmp_path):
    (tmp_path / "x.txt").write_text("A text of its own.\n")
    assert len(cc.corpus(f"hub:{tmp_path}").definition.documents) == 1
    assert asked[0] == []
