"""From "all A are X, not Y" and "N are A" to "N are X"; frames and words are our own."""

from circuitcheck.prompts.definition import TaskDefinition
from circuitcheck.prompts.schema.task import Derived, Pool
from circuitcheck.prompts.schema.template import Template

_OPPOSITES = """
    endothermic ectothermic, herbivorous carnivorous, bipedal quadrupedal, nocturnal diurnal, aquatic terrestrial,
    edible poisonous, heavy light, hot cold, wet dry, old young, rich poor, strong weak, fast slow, loud quiet,
    wild tame, clean dirty, sharp blunt, smooth rough, brave timid, bright dark, soft hard, sweet bitter, tall short,
    thick thin, warm cool, happy sad, kind cruel, wise foolish, safe dangerous, lazy busy
"""
_PAIRS = [tuple(pair.split()) for pair in _OPPOSITES.split(",")]
OPPOSITE = {one: other for pair in _PAIRS for one, other in (pair, reversed(pair))}
_CATEGORIES = (
    "birds fish animals plants insects reptiles mammals machines tools toys games metals stones stars drinks".split()
)
_NOUNS = """
    robins sparrows eagles owls hawks ducks geese swans lions tigers bears wolves foxes rabbits horses cows sheep goats
    cats dogs mice whales sharks frogs snakes lizards turtles bees ants wasps
""".split()
_FRAMES = {
    "therefore": "All {category} are {X}, not {Y}. {Nouns} are {group}. Therefore, {nouns} are",
    "so": "All {category} are {X}, never {Y}. {Nouns} are {group}. So all {nouns} are",
    "hence": "Every one of the {category} is {X} and not {Y}. {Nouns} are {group}. Hence {nouns} are",
    "know": "We know that {category} are {X}, not {Y}. {Nouns} are {group}, so {nouns} are",
    "book": "The book says that {category} are {X} rather than {Y}. {Nouns} are {group}. It follows that {nouns} are",
    "teacher": "The teacher said: {category} are {X}, not {Y}. {Nouns} are {group}. Then {nouns} are",
    "since": "Since {category} are always {X} and never {Y}, and since {nouns0} are {group}, it is clear that {nouns} are",
    "if": "If all {category} are {X} instead of {Y}, and {nouns0} are {group}, then {nouns} are",
}


def syllogism() -> TaskDefinition:
    """Counterfactual `swap` exchanges the adjectives. They may have several tokens, as many as their opposites; answers are
    compared on their first token, so opposites that share it are dropped."""
    return TaskDefinition(
        name="syllogism",
        templates=tuple(Template(name, text) for name, text in _FRAMES.items()),
        pools=(Pool("adjective", tuple(OPPOSITE)), Pool("category", tuple(_CATEGORIES)), Pool("noun", tuple(_NOUNS))),
        variables=(("x", "adjective"), ("category", "category"), ("nouns", "noun")),
        slots=(("X", "x"), ("Y", "y"), ("Nouns", "capitalised"), ("nouns0", "nouns"), ("group", "category")),
        answer="x",
        distractor="y",
        counterfactuals=(("swap", (("X", "y"), ("Y", "x"))),),
        derived=(
            Derived("y", "x", tuple(OPPOSITE.items())),
            Derived("capitalised", "nouns", tuple((noun, noun.capitalize()) for noun in _NOUNS)),
        ),
        tokens=tuple((slot, None) for slot in ("X", "Y", "Nouns", "nouns0", "nouns")),
        answer_tokens=None,
    )
