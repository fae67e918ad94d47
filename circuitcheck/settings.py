"""What a session is run with, and words that options share with what they set."""

import os
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from circuitcheck.given import number_of, whole_of
from circuitcheck.text import shown, suggestion

Scope = Literal["these_templates", "new_templates"]
SCOPES: tuple[Scope, ...] = ("these_templates", "new_templates")
Correction = Literal["none", "holm", "bh", "e-bh"]
CORRECTIONS: tuple[Correction, ...] = ("none", "holm", "bh", "e-bh")
Fast = Literal["on", "off"]
FAST: tuple[Fast, ...] = ("on", "off")
DTYPES = ("float32", "float64", "bfloat16", "float16")
REPORT_FORMATS = (".json", ".html", ".md")  # suffixes of reports
LEDGER = ".circuitcheck/ledger.jsonl"  # in a project's folder
STORE = ".circuitcheck/values"  # too
CLAIM_MARK = "circuit_claim"  # what @cc.claim is to pytest
CACHE = "CIRCUITCHECK_CACHE"  # an environment variable: what `cache="auto"` means, where it is set
DEVICE_FORM = re.compile(r"auto|cpu|cuda(:\d+)?")


@dataclass(frozen=True)
class Settings:
    """`samples` is the most prompts for one question, `first_look` the fewest; `batch` prompts run as one block. `scope`
    says what verdicts are about: more prompts of these templates, or templates like them. `refuting` is the part of a
    claim's error that one of its questions may take to refute it. `fixed` prompts are measured of each question, however
    early it is decided, so that runs can be compared on them. `cache` is the folder for converted GGUF files, "off" for
    none; "auto" is what the environment variable CIRCUITCHECK_CACHE says in these words, else `circuitcheck` in the user's
    cache folder. `engine` is what runs models: "local", or the name of one that an extension registered. With `fast` "off",
    every pass of a model is run whole. `store` is the folder of the store of values, "off" for none, and `store_mb` the most
    megabytes that it may have."""

    device: str = "auto"
    dtype: str = "float32"
    seed: int = 0
    samples: int = 512
    confidence: float = 0.95
    first_look: int = 32
    batch: int = 32
    scope: Scope = "these_templates"
    refuting: float = 1.0
    fixed: int = 0
    cache: str = "auto"
    engine: str = "local"
    fast: Fast = "on"
    store: str = "off"
    store_mb: int = 2048

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the name of the field."""
        for name, least in (("seed", None), ("samples", 1), ("first_look", 2), ("batch", 1), ("store_mb", 1), ("fixed", 0)):
            object.__setattr__(self, name, _whole(name, getattr(self, name), least))
        object.__setattr__(self, "dtype", dtype_name(self.dtype))
        object.__setattr__(self, "device", str(self.device))
        confidence, refuting = number_of(self.confidence), number_of(self.refuting)
        if confidence is None or not 0.5 < confidence < 1:
            hint = f": write {confidence / 100:g}" if confidence is not None and 50 < confidence < 100 else ""
            raise ValueError(f"confidence={shown(self.confidence)} is outside (0.5, 1); 0.95 is usual{hint}.")
        if refuting is None or not 0 < refuting <= 1:
            raise ValueError(f"refuting={shown(self.refuting)} is no part of an error; expected a number above 0, to 1.")
        if not DEVICE_FORM.fullmatch(self.device):
            raise ValueError(f"device={shown(self.device)} is no device; expected auto, cpu, cuda or cuda:N.")
        self._check_words()

    def _check_words(self) -> None:
        for name, known in (("scope", SCOPES), ("dtype", DTYPES), ("fast", FAST)):
            given = getattr(self, name)
            if given not in known:
                hint = suggestion(str(given), known, cutoff=0.3)
                raise ValueError(f"{name}={shown(given)}; expected {' or '.join(map(repr, known))}.{hint}")
        for name, given in (("cache", self.cache), ("engine", self.engine), ("store", self.store)):
            if not isinstance(given, str | os.PathLike) or not given:
                raise ValueError(f"{name}={shown(given)}; expected text.")

    @property
    def store_folder(self) -> Path | None:
        """Where measured values are kept; None where they are not."""
        return None if self.store == "off" else Path(os.path.expanduser(self.store))

    @property
    def cache_folder(self) -> Path | None:
        """Where converted GGUF files are kept; None where they are not."""
        chosen = os.environ.get(CACHE, "") if self.cache == "auto" else self.cache
        if chosen == "off":
            return None
        return Path(os.path.expanduser(chosen)) if chosen not in ("", "auto") else _users_cache() / "circuitcheck"


def dtype_name(given: object) -> str:
    """`float64`, also of `torch.float64`."""
    return str(given).removeprefix("torch.")


def _whole(name: str, given: object, least: int | None) -> int:
    found = whole_of(given)
    if found is None:
        raise ValueError(f"{name}={shown(given)}; expected a whole number.")
    if least is not None and found < least:
        does, unit = ("holds", "megabytes") if name == "store_mb" else ("shows", "prompts")
        raise ValueError(f"{name}={found} {does} nothing; expected {least} or more, and {_USUAL[name]} {unit} are usual.")
    return found


_USUAL = {each.name: each.default for each in fields(Settings)}


def _users_cache() -> Path:
    """As the XDG base directory specification has it: a relative path counts as none."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    return Path(named) if os.path.isabs(named) else Path(os.path.expanduser("~")) / ".cache"
