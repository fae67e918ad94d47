"""The settings that hold for one claim: what comes first, its own words or the command line."""

from dataclasses import replace

import pytest

from circuitcheck.claims import Claim
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
