"""Writes the bundled corpus `stories`: short made-up stories with quotations, the same on every machine.

    python scripts/make_stories.py

Each is put together from sentences below by `random.Random(0)`, so its language is simple and its facts are nobody's.
"""

import random
from pathlib import Path

_OUT = Path(__file__).parents[1] / "circuitcheck/prompts/corpora/bundled/stories.txt"
_COUNT = 600
_NAMES = "Lily Tom Anna Ben Mia Sam Lucy Max Emma Jack Rose Tim Sara Leo Nina Paul Kate Dan Ella Fred".split()
_PLACES = "park garden forest beach market school kitchen library barn river village station".split()
_THINGS = "ball kite cake boat drum lamp hat book shell basket bell coat ladder bottle flower box".split()
_ANIMALS = "dog cat bird rabbit horse frog duck mouse goat fox bear hen".split()
_LOOKS = "red blue green small big old shiny soft heavy round".split()
VERBS = "says said cries cried asks asked shouts shouted whispers whispered".split()
_FEELS = "happy sad tired proud afraid hungry surprised quiet".split()
_OPENINGS = [
    "One morning {a} went to the {place} with {b}.",
    "It was a cold day, and {a} sat in the {place}.",
    "{a} and {b} lived near the {place}.",
    "Every day after lunch {a} walked to the {place}.",
    "Long ago there was a {look} {animal} in the {place}, and {a} wanted to see it.",
    "{b} had lost a {look} {thing} in the {place}, and {a} came to help.",
]
_MIDDLES = [
    "There they found a {look} {thing} next to the gate.",
    "A {animal} ran past them and took the {thing}.",
    "The {thing} was {look}, and nobody knew whose it was.",
    "They looked behind the door, under the table and in the {place2}.",
    "The {animal} was {feel}, because it had eaten nothing since noon.",
    "It began to rain, so they went into the {place2}.",
    "{b} gave {a} a {look} {thing2} to carry.",
    "On the way they counted {n} birds and one {animal}.",
]
_TALK = [
    '"Look at the {look} {thing}!" {v} {a}. {b} came closer. "It is mine!" {v} {b}.',
    '"Where is the {animal}?" {v} {b}. "It went to the {place2}!" {v} {a}.',
    '"We must go home," {v} {a}. "No, not without the {thing}!" {v} {b}.',
    '"I am {feel}," {v} {b}. "Then take my {thing2}!" {v} {a}.',
    '"Can we keep the {animal}?" {v} {a}. "Ask the people in the {place2}," {v} {b}.',
]
_ENDINGS = [
    "In the evening they were {feel} and went to sleep.",
    "From that day on {a} and {b} went to the {place} together.",
    "The {animal} followed them home and stayed.",
    "{a} put the {thing} on a shelf and smiled at {b}.",
    "Nobody ever saw the {look} {thing} again.",
    "And so {b} learned to look twice before speaking once.",
]


def story(dice: random.Random) -> str:
    a, b = dice.sample(_NAMES, 2)
    place, place2 = dice.sample(_PLACES, 2)
    thing, thing2 = dice.sample(_THINGS, 2)
    fixed = {"a": a, "b": b, "place": place, "place2": place2, "thing": thing, "thing2": thing2}
    fixed |= {"animal": dice.choice(_ANIMALS), "look": dice.choice(_LOOKS), "v": dice.choice(VERBS)}
    middles = dice.sample(_MIDDLES, dice.randint(2, 4))
    talks = dice.sample(_TALK, dice.randint(1, 2))
    sentences = [dice.choice(_OPENINGS), *middles[:1], talks[0], *middles[1:], *talks[1:], dice.choice(_ENDINGS)]
    return " ".join(
        each.format(**fixed, feel=dice.choice(_FEELS), n=dice.choice("two three five seven nine".split()))
        for each in sentences
    )


if __name__ == "__main__":
    rolled = random.Random(0)
    _OUT.write_text("\n\n".join(story(rolled) for _ in range(_COUNT)) + "\n", encoding="utf-8", newline="")
