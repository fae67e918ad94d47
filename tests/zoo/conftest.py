"""Model objects as users hand them over, and ways to measure."""

import copy
import warnings
from dataclasses import replace

import pytest
import torch
from small_tasks import small_ioi
from tiny import lies_at, tiny_hooked_transformer

import circuitcheck as cc
from circuitcheck.plan import View
from circuitcheck.session.checkups import CheckUpStore

N = 8


@pytest.fixture(scope="session")
def _shared(tiny_gpt2):
    with cc.use_session(cc.Session(cc.Settings(batch=N))) as session:
        return session, cc.load(str(tiny_gpt2)), cc.load(str(tiny_gpt2), dtype="bfloat16")


@pytest.fixture
def model(_shared):
    """In a session that tests share. None of them may get a number out of it: that would be kept."""
    session, found, _ = _shared
    with cc.use_session(session):
        yield found


@pytest.fixture
def coarse(_shared):
    """The same in bfloat16."""
    session, _, found = _shared
    with cc.use_session(session):
        yield found


@pytest.fixture
def ioi():
    return small_ioi()


@pytest.fixture
def measure(ioi):
    """The numbers of a view on the first prompts, less those of the untouched model. Nobody has measured these before, so
    that both are in one plan, and passes are shortened where they can be."""

    def values(view):
        session = cc.current_session()
        untouched = replace(view, data=View(view.data.model))
        fresh = cc.Session(session.settings, make_engine=lambda _: session.engine, checkups=session.checkups)
        with cc.use_session(fresh):
            quantity = ioi.logit_diff(view)
            return (quantity - ioi.logit_diff(untouched) if view.data.interventions else quantity).values(N)

    return values


@pytest.fixture
def with_doctor():
    """A session that examines models before it measures, as pytest's does."""
    with cc.use_session(cc.Session(cc.Settings(batch=N), checkups=CheckUpStore())) as session:
        yield session


@pytest.fixture
def bridge(tiny_gpt2):
    return _bridge(tiny_gpt2)


@pytest.fixture
def llama_bridge(tiny_llama):
    return _bridge(tiny_llama)


def _bridge(folder):
    from transformer_lens.model_bridge import TransformerBridge
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return TransformerBridge.boot_transformers(str(folder), hf_model=model, tokenizer=tokenizer, device="cpu")


@pytest.fixture(scope="session")
def _hooked_transformer(tiny_gpt2):
    return tiny_hooked_transformer(tiny_gpt2, initializer_range=0.3)


@pytest.fixture
def hooked_transformer(_hooked_transformer):
    found = copy.deepcopy(_hooked_transformer)
    found.setup()
    return found


@pytest.fixture
def then():
    """A view with one more intervention, given as data."""
    return lambda view, intervention: replace(view, data=view.data.then(intervention))


@pytest.fixture
def table(monkeypatch):
    """`table(z="blocks.{layer}.nowhere")`: another entry in the table of hook points."""

    def change(**entries):
        for kind, point in entries.items():
            lies_at(monkeypatch, kind, point)

    return change


@pytest.fixture
def direction(model, ioi):
    return cc.mean_difference(ioi, model, at="IO", minus="S1", n=16)
