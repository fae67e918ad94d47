"""What a session is run with, and words that options share with what they set."""

import re
from dataclasses import dataclass
from typing import Literal

Scope = Literal["these_templates", "new_templates"]
SCOPES: tuple[Scope, ...] = ("these_templates", "new_templates")
Correction = Literal["none", "holm", "bh", "e-bh"]
CORRECTIONS: tuple[Correction, ...] = ("none", "holm", "bh", "e-bh")
LEDGER = ".circuitcheck/ledger.jsonl"  # in a project's folder
CLAIM_MARK = "circuit_claim"  # what @cc.claim is to pytest
DEVICE_FORM = re.compile(r"auto|cpu|cuda(:\d+)?")


@dataclass(frozen=True)
class Settings:
    """`samples` is the most prompts for one question, `first_look` the fewest; `batch` prompts run as one block. `scope`
    says what verdicts are about: more prompts of these templates, or templates like them. `refuting` is the part of a
    claim's error that one of its questions may take to refute it."""

    device: str = "auto"
    dtype: str = "float32"
    seed: int = 0
    samples: int = 512
    confidence: float = 0.95
    first_look: int = 32
    batch: int = 32
    scope: Scope = "these_templates"
    refuting: float = 1.0
