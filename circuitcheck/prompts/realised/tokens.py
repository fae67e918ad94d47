"""Tokens and positions of filled templates: by asking the tokenizer, or by putting known tokens together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from circuitcheck.errors import BadTask
from circuitcheck.prompts.realised.frames import Frame
from circuitcheck.prompts.realised.spelling import text_over, tokens_over, with_space
from circuitcheck.prompts.realised.survivors import Survivors
from circuitcheck.prompts.schema.task import END
from circuitcheck.prompts.tokenizer import Encoding, Tokenizer

Positions = dict[str, tuple[int, ...]]
Filled = tuple[Frame, Mapping[str, str]]  # a template, and what its slots hold


@dataclass(frozen=True)
class Run:
    """One text and its tokens."""

    text: str
    ids: tuple[int, ...]
    positions: Positions


class Encoder:
    """Asks the tokenizer about every text, and checks that each slot's tokens spell what it holds."""

    def __init__(self, tokenizer: Tokenizer, *, chat: bool) -> None:
        self._tokenizer, self._chat = tokenizer, chat

    def runs(self, filled: Sequence[Filled]) -> list[Run]:
        """Raises BadTask where a slot shares a token with its neighbours."""
        texts = [frame.fill(slots) for frame, slots in filled]
        encodings = self._tokenizer.encode_many([text for text, _ in texts], chat=self._chat)
        return [
            Run(text, encoding.ids, self._positions(frame, text, spans, slots, encoding))
            for (frame, slots), (text, spans), encoding in zip(filled, texts, encodings, strict=True)
        ]

    def _positions(
        self, frame: Frame, text: str, spans: list[tuple[str, int, int]], slots: Mapping[str, str], encoding: Encoding
    ) -> Positions:
        positions: Positions = {}
        offsets, begin = encoding.offsets, 0
        for slot, start, stop in spans:
            first, last = tokens_over(offsets, with_space(text, start), stop, begin)
            shown = text_over(text, offsets, first, last)
            if shown != slots[slot]:
                raise BadTask(
                    f"{{{slot}}} of template {frame.template!r} is the tokens {shown!r} under {self._tokenizer.name}, not "
                    f"{slots[slot]!r}: {text!r}."
                )
            positions[slot] = tuple(range(first, last))
            begin = first
        positions[END] = (len(encoding.ids) - 1,)
        return positions


class Splicer:
    """Puts the tokens of a template's words and of its slots' values together. Where words are tokenized one by one, that is
    what the tokenizer would say, several times faster; `agrees_on` finds out."""

    def __init__(self, encoder: Encoder, survivors: Survivors, examples: Mapping[str, Filled]) -> None:
        self._encoder = encoder
        self._literals: dict[str, list[tuple[int, ...]]] = {}
        self._ids: dict[str, dict[str, dict[str, tuple[int, ...]]]] = {}
        names = list(examples)
        for name, run in zip(names, encoder.runs(list(examples.values())), strict=True):
            frame = examples[name][0]
            self._literals[name] = _between(run, [slot for _, slot in frame.parts if slot is not None])
            self._ids[name] = survivors.slot_ids(frame)

    def agrees_on(self, filled: Sequence[Filled]) -> bool:
        """Are these the tokenizer's own runs?"""
        return self.runs(filled) == self._encoder.runs(filled)

    def runs(self, filled: Sequence[Filled]) -> list[Run]:
        return [self._run(frame, slots) for frame, slots in filled]

    def _run(self, frame: Frame, slots: Mapping[str, str]) -> Run:
        literals, known = self._literals[frame.template], self._ids[frame.template]
        text: list[str] = []
        ids: list[int] = []
        positions: Positions = {}
        for (literal, slot), tokens in zip(frame.parts, literals, strict=True):
            text.append(literal)
            ids += tokens
            if slot is not None:
                value = slots[slot]
                text.append(value)
                start = len(ids)
                ids += known[slot][value]
                positions[slot] = tuple(range(start, len(ids)))
        positions[END] = (len(ids) - 1,)
        return Run("".join(text), tuple(ids), positions)


def _between(run: Run, slots: Sequence[str]) -> list[tuple[int, ...]]:
    """The tokens before each slot, and after the last."""
    pieces, start = [], 0
    for slot in slots:
        span = run.positions[slot]
        pieces.append(run.ids[start : span[0]])
        start = span[-1] + 1
    return [*pieces, run.ids[start:]]
