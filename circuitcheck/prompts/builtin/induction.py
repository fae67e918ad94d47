"""A token that comes again is followed by what followed it before (Olsson et al. 2022, arXiv:2209.11895)."""

from circuitcheck.prompts.builtin.entity_binding import FRUITS
from circuitcheck.prompts.builtin.words import NAMES
from circuitcheck.prompts.definition import TaskDefinition
from circuitcheck.prompts.schema.task import Pool
from circuitcheck.prompts.schema.template import Template

_MORE = """
    house river table window garden mountain paper stone glass metal water fire snow wind cloud sun moon star night day
    king queen doctor teacher soldier farmer driver writer painter singer red blue green yellow white black brown gray
    run walk jump swim fly read write sing play work sleep eat drink build break open close push pull carry
    north south east west left right north first second third next last early late
""".split()
WORDS = tuple(dict.fromkeys((*_MORE, *NAMES[:40], *FRUITS[:10])))


def induction(length: int = 10) -> TaskDefinition:
    """`length` different words in no order, then one of them again (END): what followed it (PREV+1) should follow. The
    distractor is another of the words. Counterfactual `unseen`: the last word is one that did not occur."""
    places = range(length - 2)
    others = [f"w{number}" for number in range(length - 3)]
    return TaskDefinition(
        name="induction",
        templates=tuple(_template(others, place) for place in places),
        pools=(Pool("word", WORDS),),
        variables=tuple((name, "word") for name in ("again", "after", "elsewhere", *others, "new")),
        slots=(("PREV", "again"), ("LAST", "again")),
        answer="after",
        distractor="elsewhere",
        counterfactuals=(("unseen", (("LAST", "new"),)),),
    )


def _template(others: list[str], place: int) -> Template:
    """The word that comes again stands at `place`, the one after it next; `elsewhere` far from both."""
    length = len(others) + 3
    words = [*others[:place], "PREV", "after", *others[place:]]
    far = place + length // 2
    words.insert(far if far < length else 0, "elsewhere")
    return Template(f"place{place}", "Words: " + " ".join(f"{{{word}}}" for word in (*words, "LAST")))
