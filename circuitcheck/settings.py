"""What a session is run with, and words that options share with what they set."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Scope = Literal["these_templates", "new_templates"]
SCOPES: tuple[Scope, ...] = ("these_templates", "new_templates")
Correction = Literal["none", "holm", "bh", "e-bh"]
CORRECTIONS: tuple[Correction, ...] = ("none", "holm", "bh", "e-bh")
LEDGER = ".circuitcheck/ledger.jsonl"  # in a project's folder
CLAIM_MARK = "circuit_claim"  # what @cc.claim is to pytest
CACHE = "CIRCUITCHECK_CACHE"  # an environment variable: what `cache="auto"` means, where it is set
DEVICE_FORM = re.compile(r"auto|cpu|cuda(:\d+)?")


@dataclass(frozen=True)
class Settings:
    """`samples` is the most prompts for one question, `first_look` the fewest; `batch` prompts run as one block. `scope`
    says what verdicts are about: more prompts of these templates, or templates like them. `refuting` is the part of a
    claim's error that one of its questions may take to refute it. `cache` is the folder for converted GGUF files, "off" for
    none; "auto" is what the environment variable CIRCUITCHECK_CACHE says in these words, else `circuitcheck` in the user's
    cache folder. `engine` is what runs models: "local", or the name of one that an extension registered."""

    device: str = "auto"
    dtype: str = "float32"
    seed: int = 0
    samples: int = 512
    confidence: float = 0.95
    first_look: int = 32
    batch: int = 32
    scope: Scope = "these_templates"
    refuting: float = 1.0
    cache: str = "auto"
    engine: str = "local"

    @property
    def cache_folder(self) -> Path | None:
        """Where converted GGUF files are kept; None where they are not."""
        chosen = os.environ.get(CACHE, "") if self.cache == "auto" else self.cache
        if chosen == "off":
            return None
        return Path(chosen).expanduser() if chosen not in ("", "auto") else _users_cache() / "circuitcheck"


def _users_cache() -> Path:
    """As the XDG base directory specification has it: a relative path counts as none."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    return Path(named) if os.path.isabs(named) else Path(os.path.expanduser("~")) / ".cache"
