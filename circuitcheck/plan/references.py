"""What a plan refers to: a model that is somewhere in memory, and the clean run."""

from dataclasses import dataclass, field

CLEAN = "clean"


@dataclass(frozen=True)
class ModelRef:
    """Which model: how to load it again (`spec`, `dtype`, `bos`) and the digest that it must then have. `tokenizer` is the
    digest of its tokenizer, which can be had without its weights."""

    spec: str
    fingerprint: str
    dtype: str
    bos: str
    tokenizer: str = field(default="", compare=False, metadata={"digest": False})  # a part of `fingerprint`

    def __str__(self) -> str:
        return self.spec
