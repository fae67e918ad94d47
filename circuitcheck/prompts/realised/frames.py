"""A template as one tokenizer's prompts have it, with the chat template around it where the task asks for one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from circuitcheck.prompts.schema.task import TaskSchema
from circuitcheck.prompts.schema.template import Parts, Template, parts_of
from circuitcheck.prompts.tokenizer import ChatFrame, Tokenizer

Spans = list[tuple[str, int, int]]  # slot, and its characters [start, stop), in the order of the text

_LETTER = re.compile(r"\w")
_INSIDE = re.compile(r"\s.*\s", re.DOTALL)  # what is between the first and the last white space: whole words
_LAST_WORD = re.compile(r"(?<!\S)\S+\s+\S*$")  # looked for where words begin: from each letter on would take for ever
_FIRST_WORD = re.compile(r"\S*\s+\S+")


@dataclass(frozen=True)
class Frame:
    """`held`: the variable in each slot. `altered`: for each counterfactual, the variables in the slots that it changes."""

    template: str
    parts: tuple[tuple[str, str | None], ...]
    held: Mapping[str, str]
    altered: Mapping[str, Mapping[str, str]]

    def fill(self, slots: Mapping[str, str]) -> tuple[str, Spans]:
        """The text, and where its slots are."""
        pieces, spans, length = [], [], 0
        for literal, slot in self.parts:
            pieces.append(literal)
            length += len(literal)
            if slot is not None:
                value = slots[slot]
                pieces.append(value)
                spans.append((slot, length, length + len(value)))
                length += len(value)
        return "".join(pieces), spans

    def length(self, word: int) -> int:
        """About how many characters a prompt has whose slots hold `word` characters each."""
        return sum(len(literal) + word for literal, _ in self.parts)

    def touching(self) -> list[tuple[str, str, str]]:
        """(slot, literal, slot) where no word stands between two slots, so that their tokens might."""
        parts = zip(self.parts[:-1], self.parts[1:], strict=True)
        found = [(slot, literal, after) for (_, slot), (literal, after) in parts if slot is not None and after is not None]
        return [each for each in found if not _has_word(each[1])]

    def variables_in(self, slot: str) -> tuple[str, ...]:
        """The variables that a slot can hold: the clean one first, then those of counterfactuals."""
        altered = (changes[slot] for changes in self.altered.values() if slot in changes)
        return tuple(dict.fromkeys((self.held[slot], *altered)))

    def context(self, slot: str) -> tuple[str, str]:
        """The text around a slot, as far as it can touch the slot's tokens: about a word on each side."""
        place = next(number for number, (_, name) in enumerate(self.parts) if name == slot)
        right, next_slot = self.parts[place + 1]  # the last part has no slot, so there is one more
        return _words_before(self.parts[place][0], first=place == 0), _words_after(right, last=next_slot is None)

    def ending(self) -> str:
        """The end of the text, as far as it can touch the tokens of what follows."""
        return _words_before(self.parts[-1][0], first=len(self.parts) == 1)


def frames_of(task: TaskSchema, tokenizer: Tokenizer) -> tuple[Frame, ...]:
    if not task.chat:
        return plain_frames(task)
    chat = tokenizer.chat_frame()
    return tuple(_frame(task, template, chat) for template in task.templates)


def plain_frames(task: TaskSchema) -> tuple[Frame, ...]:
    """Without a chat template, as no tokenizer has seen them."""
    return tuple(_frame(task, template, ChatFrame("", "", strips=False)) for template in task.templates)


def _frame(task: TaskSchema, template: Template, chat: ChatFrame) -> Frame:
    held = task.slots_of(template)
    altered = {
        name: {slot: held.get(source, source) for slot, source in changes if slot in held}
        for name, changes in task.counterfactuals
    }
    message = template.text.strip() if chat.strips else template.text
    parts = [(chat.before, None), *parts_of(message), (chat.between, None), *parts_of(template.reply)]
    return Frame(template.id, tuple(_joined(parts)), held, altered)


def _joined(parts: Parts) -> Parts:
    """Literals that follow each other, as one; the last part has no slot."""
    joined: Parts = []
    literal = ""
    for text, slot in parts:
        literal += text
        if slot is not None:
            joined.append((literal, slot))
            literal = ""
    return [*joined, (literal, None)]


def _has_word(literal: str) -> bool:
    """Is there a whole word, with white space on both sides?"""
    inside = _INSIDE.search(literal)
    return inside is not None and any(map(_LETTER.search, inside[0].split()))


def _words_before(literal: str, *, first: bool) -> str:
    """From the last whole word on; a letter stands for a slot that is before it."""
    found = _LAST_WORD.search(literal)
    if found is not None and found.start() > 0:
        return found[0]
    return literal if first or found is not None else "a" + literal


def _words_after(literal: str, *, last: bool) -> str:
    """To the end of the first whole word; a letter stands for a slot that is after it."""
    found = _FIRST_WORD.match(literal)
    if found is not None:
        return found[0]
    return literal if last else literal + "a"
