"""A transformers tokenizer, as prompts want it."""

import hashlib
from typing import Any

from circuitcheck.errors import BadSpec, BadTask
from circuitcheck.models import BosPolicy
from circuitcheck.prompts import Encoding


class HubTokenizer:
    """Wraps a fast `transformers` tokenizer; the BOS policy decides whether prompts start with a BOS."""

    def __init__(self, tokenizer: Any, bos: BosPolicy, name: str) -> None:
        if not getattr(tokenizer, "is_fast", False):
            raise BadSpec(f"the tokenizer of {name} gives no character offsets; a fast tokenizer is needed.")
        self.inner, self.name = tokenizer, name
        own = tokenizer("a").input_ids
        starts_with_bos = bool(own) and own[0] == tokenizer.bos_token_id
        self.prepends_bos = bos == "always" or (bos == "tokenizer" and starts_with_bos)
        if self.prepends_bos and tokenizer.bos_token_id is None:
            raise BadSpec(f"bos='always', but the tokenizer of {name} has no BOS token.")
        parts = (tokenizer.backend_tokenizer.to_str(), self.prepends_bos)
        self.fingerprint = hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()

    def encode(self, text: str) -> Encoding:
        bos = self.inner.bos_token
        if bos and text.startswith(bos):
            raise BadTask(f"the text {text!r} already holds the BOS {bos!r}: leave it out, the model's policy adds it.")
        encoded = self.inner(text, add_special_tokens=False, return_offsets_mapping=True)
        ids, offsets = tuple(encoded.input_ids), tuple((start, end) for start, end in encoded.offset_mapping)
        if not self.prepends_bos:
            return Encoding(ids, offsets)
        return Encoding((self.inner.bos_token_id, *ids), ((0, 0), *offsets))

    def word(self, text: str) -> tuple[int, ...]:
        return tuple(self.inner(text, add_special_tokens=False).input_ids)

    def decode(self, ids: tuple[int, ...]) -> str:
        return str(self.inner.decode(list(ids)))
