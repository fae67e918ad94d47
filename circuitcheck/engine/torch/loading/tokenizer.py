"""A transformers tokenizer, as prompts want it."""

import hashlib
from collections.abc import Hashable, Sequence
from typing import Any

from circuitcheck.engine.torch.loading.bounds import within
from circuitcheck.engine.torch.loading.chat_template import DAY, check_template, on_a_fixed_day
from circuitcheck.engine.torch.loading.offsets import offsets_by_decoding
from circuitcheck.errors import BadSpec, BadTask
from circuitcheck.models import BosPolicy
from circuitcheck.prompts import ChatFrame, Encoding
from circuitcheck.text import first_line

_MESSAGE = "circuitcheck user message"
_SECONDS = 3.0  # for a chat template, which is a program from a checkpoint
_LONGEST = 100_000  # characters


class HubTokenizer:
    """Wraps a `transformers` tokenizer; the BOS policy decides whether prompts start with a BOS. `embeddings` is how many
    the model has, where that is known."""

    def __init__(self, tokenizer: Any, bos: BosPolicy, name: str, embeddings: int | None = None) -> None:
        self.inner, self.name, self._embeddings = tokenizer, name, embeddings
        own = tokenizer("a").input_ids
        self._starts_with_bos = bool(own) and own[0] == tokenizer.bos_token_id
        self.prepends_bos = bos == "always" or (bos == "tokenizer" and self._starts_with_bos)
        if self.prepends_bos and tokenizer.bos_token_id is None:
            raise BadSpec(f"bos='always', but the tokenizer of {name} has no BOS token.")
        self.fingerprint = hashlib.blake2b(repr(self._parts()).encode(), digest_size=16).hexdigest()

    @property
    def unknown(self) -> int | None:
        found = self.inner.unk_token_id
        return None if found is None or found == self.inner.bos_token_id else int(found)

    @property
    def alike(self) -> Hashable:
        """The fingerprint of a slow one, which runs code of its own, says too little."""
        return (self.fingerprint, self.unknown, self._embeddings) if self.inner.is_fast else self

    def encode(self, text: str) -> Encoding:
        return self.encode_many([text])[0]

    def encode_many(self, texts: Sequence[str], *, chat: bool = False) -> list[Encoding]:
        bos = self.inner.bos_token
        for text in texts:
            if bos and not chat and bos in text:
                raise BadTask(f"the text {text!r} already holds the BOS {bos!r}: leave it out, the model's policy adds it.")
        if self.inner.is_fast:
            backend = self.inner.backend_tokenizer
            backend.no_padding()  # what an earlier call of its owner may have left
            backend.no_truncation()
            try:
                encoded = backend.encode_batch(list(texts), add_special_tokens=False)
            except TypeError as error:
                raise BadTask(
                    "a text holds half of a character (a lone surrogate), which is no text: mend its file."
                ) from error
            found = [Encoding(tuple(each.ids), tuple(each.offsets)) for each in encoded]
        else:
            found = [self._slowly(text) for text in texts]
        for text, encoding in zip(texts, found, strict=True):
            self._check_embedded(text, encoding)
        return self._with_bos(found) if self.prepends_bos else found

    def _check_embedded(self, text: str, encoding: Encoding) -> None:
        largest = max(encoding.ids, default=0)
        if self._embeddings is not None and largest >= self._embeddings:
            token = self.inner.convert_ids_to_tokens(largest)
            raise BadTask(
                f"the text {text[:200]!r} holds the token {token!r}, which has the number {largest}, and {self.name} has "
                f"{self._embeddings} embeddings. Leave it out, or put the tokenizer that belongs to the model into the "
                f"checkpoint."
            )

    def chat_frame(self) -> ChatFrame:
        if not self.inner.chat_template:
            raise BadTask(f"the tokenizer of {self.name} has no chat template: a task with chat=True cannot use it.")
        text = self._apply_template(f"\n{_MESSAGE}\n")
        if len(text) > _LONGEST:
            raise BadTask(
                f"the chat template of {self.name} makes {len(text):,} characters around one message; {_LONGEST:,} at most "
                f"are read. Get the tokenizer that belongs to the model."
            )
        strips = f"\n{_MESSAGE}\n" not in text
        before, found, between = text.partition(_MESSAGE if strips else f"\n{_MESSAGE}\n")
        if not found or _MESSAGE in between:
            raise BadTask(f"the chat template of {self.name} does not give a user's message out once, as it is: {text!r}")
        if self.prepends_bos or self._starts_with_bos:
            before = before.removeprefix(self.inner.bos_token)
        return ChatFrame(before, between, strips)

    def _apply_template(self, message: str) -> str:
        """Raises BadTask for a template that cannot be applied."""

        def apply() -> object:
            return self.inner.apply_chat_template(
                [{"role": "user", "content": message}],
                chat_template=on_a_fixed_day(self.inner.get_chat_template()),
                tokenize=False,
                add_generation_prompt=True,
                date_string=DAY.strftime("%d %b %Y"),
            )

        check_template(self.inner.chat_template, self.name)
        try:
            text = within(_SECONDS, apply)
        except Exception as error:
            raise BadTask(
                f"the chat template of {self.name} cannot be applied to one message of a user: {type(error).__name__}: "
                f"{first_line(error)}"
            ) from error
        return str(text)

    def decode(self, ids: Sequence[int]) -> str:
        return str(self.inner.decode(list(ids), clean_up_tokenization_spaces=False))

    def _slowly(self, text: str) -> Encoding:
        ids = tuple(self.inner(text, add_special_tokens=False).input_ids)
        return Encoding(ids, offsets_by_decoding(ids, text, self.decode, self.name))

    def _with_bos(self, encodings: Sequence[Encoding]) -> list[Encoding]:
        bos = self.inner.bos_token_id
        return [Encoding((bos, *each.ids), ((0, 0), *each.offsets)) for each in encodings]

    def _parts(self) -> tuple[object, ...]:
        if self.inner.is_fast:
            return (self.inner.backend_tokenizer.to_str(), self.prepends_bos, self.inner.chat_template)
        vocabulary = sorted(self.inner.get_vocab().items())
        return (type(self.inner).__name__, vocabulary, self.prepends_bos, self.inner.chat_template)
