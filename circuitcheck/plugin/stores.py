"""What options say of a claim's settings, and of where a session keeps what later runs may use."""

from dataclasses import replace

import pytest

from circuitcheck.claims import Claim
from circuitcheck.plugin.options import value_of
from circuitcheck.session import CheckUpStore, CounterexampleStore, Ledger, project_of
from circuitcheck.settings import Settings


def claim_settings(config: pytest.Config, settings: Settings, claim: Claim) -> Settings:
    """Execution settings: command line before claim before ini. Scientific ones: claim before command line before ini. A
    claim of a family has its share of the error."""
    samples = config.getoption("--circuit-samples")
    if samples is None and claim.samples is not None:
        settings = replace(settings, samples=claim.samples)
    if claim.confidence is not None:
        settings = replace(settings, confidence=claim.confidence)
    if claim.scope is not None:
        settings = replace(settings, scope=claim.scope)
    if claim.family_size is not None:
        settings = replace(settings, confidence=1 - (1 - settings.confidence) / claim.family_size)
    return settings


def counterexamples(config: pytest.Config) -> CounterexampleStore:
    folder = value_of(config, "counterexamples")
    return CounterexampleStore(None if folder == "off" else config.rootpath / folder)


def checkups(config: pytest.Config) -> CheckUpStore | None:
    folder = value_of(config, "doctor")
    return None if folder == "off" else CheckUpStore(config.rootpath / folder)


def ledger(config: pytest.Config) -> Ledger:
    """Beside the ini file, where there is one; else where a script in this folder keeps it."""
    file = value_of(config, "ledger")
    root = config.rootpath if config.inipath is not None else project_of(config.rootpath)
    return Ledger(None if file == "off" else root / file)
