"""A period ends later than it began (the task of Hanna et al. 2023, arXiv:2305.00586; frames are our own)."""

from circuitcheck.prompts.definition import TaskDefinition
from circuitcheck.prompts.schema.constraints import Increasing
from circuitcheck.prompts.schema.task import Derived, Pool
from circuitcheck.prompts.schema.template import Template

_YEARS = tuple(f"{tens}{ones}" for tens in range(1, 10) for ones in range(2, 9))
_EVENTS = "war trip project reign contract siege dispute journey campaign strike trial plan".split()
_FRAMES = {
    "lasted": "The {event} lasted from the year 17{YY} to the year 17",
    "ran": "The {event} ran from 17{YY} to 17",
    "began": "The {event} began in 17{YY} and ended in 17",
    "started": "The {event} that started in 17{YY} was over in 17",
    "years": "In the years of the {event}, from 17{YY} to 17",
    "record": "The record of the {event} covers the years 17{YY} to 17",
    "during": "He wrote about the {event} between 17{YY} and 17",
    "house": "The house that they began to build in 17{YY}, before the {event}, was finished in 17",
}


def greater_than() -> TaskDefinition:
    """The answer is the last two digits of a later year, the distractor those of an earlier one; their decades differ from
    the year's, so that the first token tells them apart also where each digit is a token. Counterfactual `late`: the year
    in the text is the later one."""
    years = [(name, "year") for name in ("low", "year", "high")]
    decades = tuple((year, year[0]) for year in _YEARS)
    return TaskDefinition(
        name="greater_than",
        templates=tuple(Template(name, text) for name, text in _FRAMES.items()),
        pools=(Pool("year", _YEARS), Pool("event", tuple(_EVENTS))),
        variables=(*years, ("event", "event")),
        slots=(("YY", "year"),),
        answer="high",
        distractor="low",
        counterfactuals=(("late", (("YY", "high"),)),),
        derived=tuple(Derived(f"decade of {name}", name, decades) for name, _ in years),
        constraints=(Increasing(tuple(f"decade of {name}" for name, _ in years)),),
        tokens=(("YY", None),),
        answer_tokens=None,
        answer_prefix="",
    )
