"""Which attribute belongs to whom (the task of Feng & Steinhardt 2024, arXiv:2310.17191; frames and pools are our own)."""

from circuitcheck.errors import BadTask
from circuitcheck.prompts.builtin.words import NAMES
from circuitcheck.prompts.definition import TaskDefinition
from circuitcheck.prompts.schema.task import Derived, Pool
from circuitcheck.prompts.schema.template import Template

_CAPITALS = """
    France Paris, Germany Berlin, Italy Rome, Spain Madrid, England London, Russia Moscow, China Beijing, Japan Tokyo,
    Egypt Cairo, Greece Athens, Austria Vienna, Poland Warsaw, Sweden Stockholm, Ireland Dublin, Cuba Havana, Peru Lima,
    Iran Tehran, Iraq Baghdad, Turkey Ankara, India Delhi, Canada Ottawa, Norway Oslo, Finland Helsinki, Portugal Lisbon,
    Hungary Budapest, Belgium Brussels, Denmark Copenhagen, Kenya Nairobi, Syria Damascus, Chile Santiago, Ukraine Kiev,
    Scotland Edinburgh, Wales Cardiff, Taiwan Taipei, Lebanon Beirut, Indonesia Jakarta, Philippines Manila, Korea Seoul,
    Venezuela Caracas, Thailand Bangkok
"""
CAPITALS = dict(pair.split() for pair in _CAPITALS.split(","))
FRUITS = tuple(
    """
    apple banana orange lemon cherry grape peach pear plum mango melon lime berry coconut olive fig date tomato apricot
    pineapple strawberry raspberry blueberry watermelon kiwi pumpkin papaya grapefruit cranberry
    """.split()
)
_FRAMES = {  # what the context says of each person, the question, and the answer up to the attribute
    "capital": {
        "lives": ("{E} lives in the capital city of {A}.", "does {Q} live", "{R} lives in the city of"),
        "works": ("{E} works in the capital city of {A}.", "does {Q} work", "{R} works in the city of"),
        "born": ("{E} was born in the capital city of {A}.", "was {Q} born", "{R} was born in the city of"),
        "moved": ("{E} moved to the capital city of {A}.", "did {Q} move", "{R} moved to the city of"),
        "studies": ("{E} studies in the capital city of {A}.", "does {Q} study", "{R} studies in the city of"),
        "travels": ("{E} travels to the capital city of {A}.", "does {Q} travel", "{R} travels to the city of"),
        "sings": ("{E} sings in the capital city of {A}.", "does {Q} sing", "{R} sings in the city of"),
        "house": ("{E} has a house in the capital city of {A}.", "does {Q} have a house", "{R} has a house in the city of"),
    },
    "fruit": {
        "likes": ("{E} likes eating the {A}.", "does {Q} like", "{R} likes the"),
        "bought": ("{E} bought the {A} yesterday.", "did {Q} buy", "{R} bought the"),
        "cut": ("{E} cut the {A} in two.", "did {Q} cut", "{R} cut the"),
        "found": ("{E} found the {A} at home.", "did {Q} find", "{R} found the"),
        "washed": ("{E} washed the {A} with care.", "did {Q} wash", "{R} washed the"),
        "carried": ("{E} carried the {A} home.", "did {Q} carry", "{R} carried the"),
        "sold": ("{E} sold the {A} to a friend.", "did {Q} sell", "{R} sold the"),
        "painted": ("{E} painted the {A} in oil.", "did {Q} paint", "{R} painted the"),
    },
}
_ASKS = {"capital": "In which city", "fruit": "Which fruit"}


def entity_binding(kind: str, entities: int) -> TaskDefinition:
    """Sentences that bind `entities` people to a country or a fruit, a question about one, the beginning of its answer.

    A template for each frame and each place of the person asked for; slots E0, A0, E1, A1 ... are in the order of the text.
    Counterfactuals: `swap` gives each person the attribute of the next (with two, it exchanges them); `other` gives all
    new ones.
    """
    if kind not in _FRAMES:
        raise BadTask(f"entity_binding has kind={kind!r}; expected 'capital' or 'fruit'.")
    if isinstance(entities, bool) or not isinstance(entities, int) or not 2 <= entities <= 5:
        raise BadTask(f"entity_binding has entities={entities!r}; expected a whole number from 2 to 5.")
    numbers = range(entities)
    pool = Pool("country", tuple(CAPITALS)) if kind == "capital" else Pool("fruit", FRUITS)
    draws = [(f"{role}{number}", pool.name) for role in ("attribute", "other") for number in numbers]
    answers = [f"capital{number}" if kind == "capital" else f"attribute{number}" for number in numbers]
    return TaskDefinition(
        name=kind,
        templates=tuple(
            binding_template(kind, name, frame, place, entities)
            for place in numbers
            for name, frame in _FRAMES[kind].items()
        ),
        pools=(Pool("name", NAMES), pool),
        variables=(*((f"person{number}", "name") for number in numbers), *draws),
        slots=(("Q", "person0"), ("R", "person0")),
        answer=answers[0],
        distractor=answers[1],
        counterfactuals=(
            ("swap", tuple((f"A{number}", f"A{(number + 1) % entities}") for number in numbers)),
            ("other", tuple((f"A{number}", f"other{number}") for number in numbers)),
        ),
        derived=tuple(
            Derived(answer, f"attribute{number}", tuple(CAPITALS.items()))
            for number, answer in enumerate(answers)
            if kind == "capital"
        ),
        candidates=tuple(answers[2:]),
    )


def binding_template(kind: str, name: str, frame: tuple[str, str, str], place: int, entities: int) -> Template:
    """`frame`: what the context says of each person, the question, the answer up to the attribute. Person 0 is the one asked
    for, at `place`; the others follow in a circle, so person 1 is always the next."""
    sentence, asks, answers = frame
    context = " ".join(
        sentence.replace("{E}", f"{{E{number}}}").replace("{A}", f"{{A{number}}}") for number in range(entities)
    )
    text = (
        f"Answer the question briefly from the context.\nContext: {context}\n"
        f"Question: {_ASKS[kind]} {asks}?\nAnswer: {answers}"
    )
    who = {(place + number) % entities: number for number in range(entities)}
    slots = {f"E{at}": f"person{number}" for at, number in who.items()} | {
        f"A{at}": f"attribute{number}" for at, number in who.items()
    }
    return Template(f"{name}/ask{place}", text, slots)
