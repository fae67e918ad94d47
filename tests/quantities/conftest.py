"""One session for all of this folder: its quantities are looked at from many sides and measured once."""

from contextlib import contextmanager

import pytest

import circuitcheck as cc
from circuitcheck.prompts import Pool, TaskDefinition, Template


@pytest.fixture(scope="session")
def shared_session():
    return cc.Session()


@pytest.fixture(autouse=True)
def fresh_session(shared_session):
    with cc.use_session(shared_session):
        yield


@pytest.fixture(scope="session")
def model(shared_session, tiny_gpt2):
    with cc.use_session(shared_session):
        return cc.load(str(tiny_gpt2))


@pytest.fixture(scope="session")
def ioi():
    """Looks and claims on the same prompts, so that tests can compare them."""
    return cc.tasks.ioi().on_stream("test")


@pytest.fixture
def with_settings(shared_session):
    """Another session on the same engine: `with with_settings(samples=32): ...`."""

    @contextmanager
    def use(**changes):
        with cc.use_session(cc.Session(cc.Settings(**changes), make_engine=lambda _: shared_session.engine)) as session:
            yield session

    return use


@pytest.fixture(scope="session")
def names_task():
    """A task of one template and `count` names: count * (count - 1) prompts, half of them in the test stream."""

    def make(count, counterfactuals=(("abc", (("A", "other"),)),)):
        names = ("Mary", "John", "Tom", "James", "Sarah", "David", "Paul", "Mark", "Anna", "Emma")
        return cc.Task(
            TaskDefinition(
                name="names",
                templates=(Template("met", "Then {A} met {B} and"),),
                pools=(Pool("name", names[:count]),),
                variables=(("a", "name"), ("b", "name"), ("other", "name")),
                slots=(("A", "a"), ("B", "b")),
                answer="a",
                distractor="b",
                counterfactuals=counterfactuals,
            ),
            chosen="test",
        )

    return make
