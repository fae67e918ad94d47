"""Two quotations: after the second, who speaks how is told as it was after the first; stories and words are our own."""

from circuitcheck.prompts.builtin.words import NAMES
from circuitcheck.prompts.definition import TaskDefinition
from circuitcheck.prompts.schema.task import Pool
from circuitcheck.prompts.schema.template import Template

_VERBS = (
    "said says asked asks cried shouted called whispered answered replied laughed sang yelled wrote told thought".split()
)
_THINGS = "dog cat bird ball boat car tree flower cake kite train horse fish moon star house bear duck frog rabbit".split()
_STORIES = {
    "park": 'One day {A} and {B} went to the park. "Look at the {thing}!" {SAYS} {A2}. "I want to play with the {other}!"',
    "garden": 'In the garden {A} sat with {B}. "There is a {thing} here!" {SAYS} {A2}. "And I can see a {other}!"',
    "shop": 'In the shop {A} met {B}. "I like my {thing}!" {SAYS} {A2}. "It is better than a {other}!"',
    "rain": 'It rained, and {A} and {B} stayed at home. "I will draw a {thing}!" {SAYS} {A2}. "You can draw a {other}!"',
    "night": 'At night {A} woke up and ran to {B}. "I saw a {thing}!" {SAYS} {A2}. "It was as big as a {other}!"',
    "school": 'After school {A} waited for {B}. "My {thing} is gone!" {SAYS} {A2}. "Now I only have a {other}!"',
    "beach": 'On the beach {A} sat next to {B}. "We need a {thing}!" {SAYS} {A2}. "Then we can make a {other}!"',
    "birthday": 'On the birthday of {B}, {A} came. "I have a {thing} for you!" {SAYS} {A2}. "And here is a {other}!"',
}


def quoted_speech() -> TaskDefinition:
    """END is the second closing quote, SAYS the verb after the first quotation, which comes again. Counterfactual `verb` has
    another verb there."""
    return TaskDefinition(
        name="quoted_speech",
        templates=tuple(Template(name, text) for name, text in _STORIES.items()),
        pools=(Pool("name", NAMES), Pool("verb", tuple(_VERBS)), Pool("thing", tuple(_THINGS))),
        variables=(
            ("a", "name"),
            ("b", "name"),
            ("says", "verb"),
            ("another", "verb"),
            ("thing", "thing"),
            ("other", "thing"),
        ),
        slots=(("A", "a"), ("B", "b"), ("SAYS", "says"), ("A2", "a")),
        answer="says",
        distractor="another",
        counterfactuals=(("verb", (("SAYS", "another"),)),),
    )
