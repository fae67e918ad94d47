"""Indirect object identification (the task of Wang et al. 2022, arXiv:2211.00593; frames and pools are our own)."""

from circuitcheck.prompts.builtin.words import NAMES
from circuitcheck.prompts.definition import TaskDefinition
from circuitcheck.prompts.schema.task import Pool
from circuitcheck.prompts.schema.template import Template

_FRAMES = {
    "went": "When {A} and {B} went to the {place}, {S2} gave a {object} to",
    "arrived": "After {A} and {B} arrived at the {place}, {S2} handed a {object} to",
    "were": "While {A} and {B} were at the {place}, {S2} passed a {object} to",
    "drove": "Before {A} and {B} drove to the {place}, {S2} threw a {object} to",
    "met": "Once {A} and {B} met near the {place}, {S2} sold a {object} to",
    "visited": "Today {A} and {B} visited the {place}, where {S2} lent a {object} to",
    "worked": "Since {A} and {B} worked at the {place}, {S2} brought a {object} to",
    "reached": "Later {A} and {B} reached the {place}, where {S2} showed a {object} to",
}

_PLACES = """
    store park school office library hospital restaurant station market museum beach garden theater church hotel farm
    village castle factory bank
""".split()

_OBJECTS = """
    book drink ring ball letter card key phone camera ticket gift knife hat coat map pen basket bottle coin flower
""".split()


def ioi() -> TaskDefinition:
    """Eight frames, each with the indirect object (IO) first and with the subject (S) first: 16 templates.

    Counterfactuals: `abc` puts three other names, none of them twice; `swap` exchanges the two names.
    """
    return TaskDefinition(
        name="ioi",
        templates=tuple(
            Template(f"{frame}/{order}", text.replace("{A}", first).replace("{B}", second))
            for frame, text in _FRAMES.items()
            for order, first, second in (("IO-first", "{IO}", "{S1}"), ("S-first", "{S1}", "{IO}"))
        ),
        pools=(
            Pool("name", NAMES),
            Pool("place", tuple(_PLACES)),
            Pool("object", tuple(_OBJECTS)),
        ),
        variables=(
            ("io", "name"),
            ("s", "name"),
            ("place", "place"),
            ("object", "object"),
            ("other1", "name"),
            ("other2", "name"),
            ("other3", "name"),
        ),
        slots=(("IO", "io"), ("S1", "s"), ("S2", "s"), ("place", "place"), ("object", "object")),
        answer="io",
        distractor="s",
        counterfactuals=(
            ("abc", (("IO", "other1"), ("S1", "other2"), ("S2", "other3"))),
            ("swap", (("IO", "s"), ("S1", "io"), ("S2", "io"))),
        ),
        second_cluster="io",
    )
