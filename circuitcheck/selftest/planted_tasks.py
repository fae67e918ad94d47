"""The planted model's language: its words, and the two tasks written in it."""

from dataclasses import dataclass

from circuitcheck.prompts import Pool, TaskDefinition, Template
from circuitcheck.prompts.permutation import permute

YES, NO, LAST = "yes", "no", "asks"
SYMBOLS = tuple("alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi".split())
FILLERS = tuple("the of with near and for then by".split())
EXTRAS = tuple(f"x{number:02}" for number in range(100))  # drawn twice a prompt, and read by inert heads only

_INDUCTION = {
    "first": "the {A} {B} with {C} {D} then {A2}",
    "second": "the {C} {D} with {A} {B} then {A2}",
    "apart": "for the {A} {B} and {C} near {D} by {A2}",
    "far": "by the {A} {B} of {D} and {C} {A2}",
    "late": "and {D} near {C} with {A} {B} for {A2}",
    "close": "then {D} {C} {A} {B} with the {A2}",
    "around": "with {C} of {A} {B} and {D} the {A2}",
    "broken": "of {D} by {A} {B} for the {C} {A2}",
}


@dataclass(frozen=True)
class Language:
    """`noise[i]` are the words that tell effect head i how much to add; `templates[t]` the word that only template t has."""

    noise: tuple[tuple[str, ...], ...]
    templates: tuple[str, ...]

    @classmethod
    def of(cls, heads: int, words: int, templates: int) -> "Language":
        noise = tuple(tuple(f"n{head}w{word:03}" for word in range(words)) for head in range(1, heads + 1))
        return cls(noise, tuple(f"t{number:02}" for number in range(templates)))

    @property
    def words(self) -> tuple[str, ...]:
        """Every word that a prompt can hold, each once."""
        noise = (word for pool in self.noise for word in pool)
        return (YES, NO, LAST, *SYMBOLS, *FILLERS, *EXTRAS, *self.templates, *noise)


def slot_of(head: int) -> str:
    """The slot that effect head `head` reads, counted from 0."""
    return f"N{head + 1}"


def effects_definition(language: Language) -> TaskDefinition:
    """Counterfactual `fresh`: every slot that an effect head reads is drawn again."""
    slots = [slot_of(head) for head in range(len(language.noise))]
    names = [f"noise{head + 1}" for head in range(len(slots))]
    draws = [(name, name) for name in names]
    again = [(f"{name} again", name) for name in names]
    return TaskDefinition(
        name="planted",
        templates=tuple(_effects_template(number, word, slots) for number, word in enumerate(language.templates)),
        pools=(
            *(Pool(name, pool) for name, pool in zip(names, language.noise, strict=True)),
            Pool("extra", EXTRAS),
            Pool("yes", (YES,)),
            Pool("no", (NO,)),
        ),
        variables=(*draws, *again, ("extra1", "extra"), ("extra2", "extra"), ("yes", "yes"), ("no", "no")),
        slots=(*zip(slots, names, strict=True), ("X1", "extra1"), ("X2", "extra2")),
        answer="yes",
        distractor="no",
        counterfactuals=(("fresh", tuple((slot, f"{name} again") for slot, name in zip(slots, names, strict=True))),),
    )


def induction_definition() -> TaskDefinition:
    """Counterfactual `unseen`: the last symbol is one that did not occur before."""
    return TaskDefinition(
        name="planted_induction",
        templates=tuple(Template(name, text) for name, text in _INDUCTION.items()),
        pools=(Pool("symbol", SYMBOLS),),
        variables=tuple((name, "symbol") for name in ("a", "b", "c", "d", "other")),
        slots=(("A", "a"), ("B", "b"), ("C", "c"), ("D", "d"), ("A2", "a")),
        answer="b",
        distractor="d",
        counterfactuals=(("unseen", (("A2", "other"),)),),
    )


def _effects_template(number: int, own: str, slots: list[str]) -> Template:
    """Slots, the template's own word and, in every other template, two fillers more, in an order of their own. Only two
    lengths, since prompts of one length run together."""
    inside = [*(f"{{{slot}}}" for slot in (*slots, "X1", "X2")), own]
    inside += [FILLERS[(number + turn) % len(FILLERS)] for turn in range(2 * (number % 2))]
    ordered = [inside[permute(place, len(inside), f"order {own}")] for place in range(len(inside))]
    return Template(own, " ".join(("the", *ordered, LAST)))
