"""A name's usual pronoun (the task of Mathwin et al. 2023; frames and words are our own)."""

from circuitcheck.prompts.builtin.words import MEN, WOMEN
from circuitcheck.prompts.definition import TaskDefinition
from circuitcheck.prompts.schema.task import Derived, Pool
from circuitcheck.prompts.schema.template import Template

_PARTNER = dict(zip(WOMEN, MEN, strict=True)) | dict(zip(MEN, WOMEN, strict=True))
_PRONOUN = dict.fromkeys(WOMEN, "she") | dict.fromkeys(MEN, "he")
_OTHER = dict.fromkeys(WOMEN, "he") | dict.fromkeys(MEN, "she")
_JOBS = "doctor teacher nurse lawyer farmer writer driver singer cook painter student manager".split()
_PLACES = "school office hospital station library market museum farm theater village".split()
_FRAMES = {
    "good": "So {NAME} is such a good {job}, isn't",
    "great": "They say {NAME} is a really great {job} at the {place}, isn't",
    "tired": "Yesterday {NAME} went home from the {place} early because",
    "happy": "The {job} smiled at {NAME} in the {place}, and",
    "letter": "I wrote {NAME} a letter from the {place}, but",
    "train": "In the morning {NAME} missed the train to the {place}, so",
    "asked": "When we asked {NAME} about the {place},",
    "likes": "Everybody at the {place} knows {NAME} because",
}


def gendered_pronoun() -> TaskDefinition:
    """Counterfactual `swap` puts a name of the other gender."""
    return TaskDefinition(
        name="gendered_pronoun",
        templates=tuple(Template(name, text) for name, text in _FRAMES.items()),
        pools=(Pool("name", (*WOMEN, *MEN)), Pool("job", tuple(_JOBS)), Pool("place", tuple(_PLACES))),
        variables=(("name", "name"), ("job", "job"), ("place", "place")),
        slots=(("NAME", "name"),),
        answer="pronoun",
        distractor="other",
        counterfactuals=(("swap", (("NAME", "partner"),)),),
        derived=(
            Derived("pronoun", "name", tuple(_PRONOUN.items())),
            Derived("other", "name", tuple(_OTHER.items())),
            Derived("partner", "name", tuple(_PARTNER.items())),
        ),
    )
