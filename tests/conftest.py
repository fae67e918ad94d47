"""Models that tests share. Random weights where behaviour does not matter, SmolLM2 where it does."""

import gc
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings
from tiny import save_tiny_gpt2, save_tiny_llama
from tiny_gguf import save_tiny_gguf

import circuitcheck as cc
from circuitcheck.settings import CACHE

settings.register_profile("quick", max_examples=15)  # for `make test`; `make slow` draws hypothesis's own number
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
gc.set_threshold(20_000, 10, 100)  # every look at all objects of torch takes .1 s: a tenth of the time of all tests


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of the cases of a test that is `sampled(n)`, all but n are slow."""
    cases: dict[object, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("sampled"):
            cases.setdefault(getattr(item, "function", item), []).append(item)
    for found in cases.values():
        (n,) = next(found[0].iter_markers("sampled")).args
        kept = {len(found) * i // n for i in range(n)}
        for number, item in enumerate(found):
            if number not in kept:
                item.add_marker("slow")


if find_spec("sae_lens") is None:  # beside TransformerLens 4 there is none: make compat

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
        with _skipping_what_needs_sae_lens():
            yield

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
        with _skipping_what_needs_sae_lens():
            yield


@contextmanager
def _skipping_what_needs_sae_lens() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ModuleNotFoundError) and cause.name == "sae_lens":
                pytest.skip("there is no sae_lens beside this TransformerLens")
            cause = cause.__cause__ or cause.__context__
        raise


@pytest.fixture(autouse=True)
def fresh_session(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tests of the library do not share measured values, unless they ask for `one_session`, and leave nothing in the user's
    cache."""
    if "smollm2" in request.fixturenames:
        yield
        return
    monkeypatch.setenv(CACHE, "off")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)  # runs within tests are none of ours
    with cc.use_session(request.getfixturevalue("one_session") if "one_session" in request.fixturenames else cc.Session()):
        yield


@pytest.fixture(scope="module")
def one_session() -> cc.Session:
    """For the tests of a file, with the models that they share."""
    return cc.Session()


@pytest.fixture(scope="session")
def tiny_gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random GPT-2 (3 layers of 4 heads) under whose tokenizer every word of IOI is one token."""
    return save_tiny_gpt2(tmp_path_factory.mktemp("tiny") / "gpt2")


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random Llama (2 layers of 4 heads, 2 key/value heads)."""
    return save_tiny_llama(tmp_path_factory.mktemp("tiny") / "llama")


@pytest.fixture(scope="session")
def tiny_gguf(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The random Llama as a GGUF file, some of its weights in blocks of 8-bit numbers."""
    return save_tiny_gguf(tiny_llama, tmp_path_factory.mktemp("tiny") / "llama.gguf")


@pytest.fixture(scope="session")
def smollm2() -> cc.Model:
    """SmolLM2-135M-Instruct, loaded once into the session that pytest runs with: half a minute, where the user's cache does
    not hold it yet."""
    return cc.load("smollm2-135m-q4")


@pytest.fixture(scope="session")
def warm(tiny_gpt2: Path) -> None:
    """Import all that a claim imports: a run in this process drops from sys.modules what it imported itself."""
    import hypothesis.strategies  # noqa: F401

    import circuitcheck.plugin.hooks  # noqa: F401

    with cc.use_session(cc.Session()):
        assert cc.tasks.ioi().logit_diff(cc.load(str(tiny_gpt2)).ablate("L0.mlp", kind="zero")) < 100


@pytest.fixture
def read_json() -> object:
    return lambda path: json.loads(Path(path).read_text(encoding="utf-8"))
