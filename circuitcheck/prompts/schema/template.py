"""One frame of words with slots in it."""

import string
from collections.abc import Mapping
from dataclasses import dataclass, field

from circuitcheck.errors import BadTask
from circuitcheck.text import shown

Parts = list[tuple[str, str | None]]  # literal text, and the slot that follows it


@dataclass(frozen=True)
class Template:
    """`text` names slots in braces: `"When {IO} and {S1} met, {S2} waved at"`. `slots` (a mapping, or pairs) are those that
    hold another variable here than the task says. `reply` is the beginning of the assistant's answer under a chat template;
    without one it follows `text` directly."""

    id: str
    text: str
    slots: tuple[tuple[str, str], ...] | Mapping[str, str] = field(default=(), metadata={"digest": "if set"})
    reply: str = field(default="", metadata={"digest": "if set"})

    def __post_init__(self) -> None:
        if isinstance(self.slots, Mapping):
            object.__setattr__(self, "slots", tuple(self.slots.items()))
        if not isinstance(self.slots, tuple):
            raise BadTask(f"template {self.id!r} has slots={shown(self.slots)}; expected a mapping from slots to variables.")

    @property
    def whole(self) -> str:
        return self.text + self.reply

    def parts(self) -> Parts:
        """(literal text, slot that follows it or None) in order. Raises ValueError for braces that do not match."""
        return parts_of(self.text) + parts_of(self.reply)

    def slot_names(self) -> tuple[str, ...]:
        """In the order of the text; one that comes twice, twice."""
        return tuple(slot for _, slot in self.parts() if slot is not None)

    def own_slots(self) -> dict[str, str]:
        """{slot: variable} of those that it fills otherwise than the task says."""
        return dict(self.slots)


def parts_of(text: str) -> Parts:
    """Raises ValueError for braces that do not match or hold more than a name."""
    parts: Parts = []
    for literal, slot, form, conversion in string.Formatter().parse(text):
        if form or conversion:
            raise ValueError(f"slot {slot!r} asks for a format, and slots hold words as they are")
        parts.append((literal, slot))
    return parts


def template_of(name: str, given: object) -> Template:
    """A template from what a user gave for it: its text, or a Template. Raises BadTask for anything else."""
    if isinstance(given, Template):
        return given
    if not isinstance(given, str):
        raise BadTask(f"template {name!r} is {shown(given)}; expected its text, with slots in braces, or a cc.Template.")
    return Template(name, given)
