"""A token that comes again is followed by what followed it before (Olsson et al. 2022, arXiv:2209.11895)."""

from circuitcheck.prompts.builtin.entity_binding import FRUITS
from circuitcheck.prompts.builtin.words import NAMES
from circuitcheck.prompts.definition import Pool, TaskDefinition
from circuitcheck.prompts.template import Template

_MORE = """
    house river table window garden mountain paper stone glass metal water fire snow wind cloud sun moon star night day
    king queen doctor teacher soldier farmer driver writer painter singer red blue green yellow white black brown gray
    run walk jump swim fly read write sing play work sleep eat drink build break open close push pull carry
    north south east west left right north first second third next last early late
""".split()
WORDS = tuple(dict.fromkeys((*_MORE, *NAMES[:40], *FRUITS[:10])))
_LENGTH = 10  # words before the one that comes again


def induction() -> TaskDefinition:
    """Ten different words in no order, then one of them again (END): what followed it (PREV+1) should follow. The distractor
    is another of the words. Counterfactual `unseen`: the last word is one that did not occur."""
    places = range(_LENGTH - 2)
    return TaskDefinition(
        name="induction",
        templates=tuple(_template(place) for place in places),
        pools=(Pool("word", WORDS),),
        variables=(*((name, "word") for name in _variables()), ("new", "word")),
        slots=(("PREV", "again"), ("LAST", "again")),
        answer="after",
        distractor="elsewhere",
        counterfactuals=(("unseen", (("LAST", "new"),)),),
    )


def _variables() -> list[str]:
    return ["again", "after", "elsewhere", *(f"w{number}" for number in range(_LENGTH - 3))]


def _template(place: int) -> Template:
    """The word that comes again stands at `place`, the one after it next; `elsewhere` far from both."""
    names = [f"w{number}" for number in range(_LENGTH - 3)]
    words = [*names[:place], "PREV", "after", *names[place:]]
    far = place + _LENGTH // 2
    words.insert(far if far < _LENGTH else 0, "elsewhere")
    return Template(f"place{place}", "Words: " + " ".join(f"{{{word}}}" for word in (*words, "LAST")))
