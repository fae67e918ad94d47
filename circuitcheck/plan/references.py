"""What a plan refers to: a model that is somewhere in memory, and the clean run."""

from dataclasses import dataclass

CLEAN = "clean"


@dataclass(frozen=True)
class ModelRef:
    """Which model: how to load it again (`spec`, `dtype`, `bos`) and the digest that it must then have."""

    spec: str
    fingerprint: str
    dtype: str
    bos: str

    def __str__(self) -> str:
        return self.spec
