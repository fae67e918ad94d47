"""Sessions that share a store."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from told import Told

import circuitcheck as cc
from circuitcheck.engine.torch.loading import witness

Another = Callable[..., Any]


@pytest.fixture
def another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Another:
    """`with another() as session:` a session with an engine of its own, as of another process; settings as named."""
    monkeypatch.setattr(witness, "SETTLED", 0.0)  # models of tests are as new as they come

    @contextmanager
    def session(engine: Callable[[cc.Settings], Any] = Told, **settings: Any) -> Iterator[cc.Session]:
        named = cc.Settings(**{"store": str(tmp_path / "values"), **settings})
        with cc.use_session(cc.Session(named, make_engine=engine)) as made:
            yield made

    return session
