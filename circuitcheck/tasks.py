"""The tasks that come with circuitcheck, ready to use: `cc.tasks.ioi()`; and those that extensions registered, by name."""

from collections.abc import Callable
from functools import cache
from typing import Literal

from circuitcheck.errors import BadExtension
from circuitcheck.extensions import load_extensions
from circuitcheck.prompts import builtin
from circuitcheck.quantities import Task
from circuitcheck.text import a_kind, shown, suggestion

_OURS = ("entity_binding", "gendered_pronoun", "greater_than", "induction", "ioi", "quoted_speech", "syllogism")
_REGISTERED: dict[str, Callable[[], Task]] = {}
_GIVEN: dict[str, Callable[[], Task]] = {}  # as they were given


def register_task(name: str, make: Callable[[], Task]) -> None:
    """Let `cc.tasks.NAME()` be the task that `make` gives, made when it is first asked for; in pytest there is a fixture of
    that name, too. The same function again changes nothing.

    Raises BadExtension for a name that is taken, or that Python does not take; when it is asked for, for what is no task.
    """
    if not isinstance(name, str) or not name.isidentifier() or name.startswith("_") or not callable(make):
        raise BadExtension(
            f"{name!r}: {shown(make)} cannot be registered; expected a name and a function that gives a task."
        )
    if name in globals() or _GIVEN.get(name, make) is not make:
        raise BadExtension(f"there is a task called {name!r} already: give yours another name.")
    _GIVEN[name] = make
    _REGISTERED.setdefault(name, cache(lambda: _made(name, make)))


def registered_tasks() -> tuple[str, ...]:
    """Names of the tasks that are not ours."""
    return tuple(_REGISTERED)


def _made(name: str, make: Callable[[], Task]) -> Task:
    found = make()
    if not isinstance(found, Task):
        raise BadExtension(f"the task {name!r} is {a_kind(found)}; expected a cc.Task, as of cc.Task.define(...).")
    return found


def __getattr__(name: str) -> Callable[[], Task]:
    if not name.startswith("_"):
        load_extensions()
        if name in _REGISTERED:
            return _REGISTERED[name]
    known = sorted({*_OURS, *_REGISTERED})
    raise AttributeError(f"cc.tasks has no {name!r}; there are {', '.join(known)}.{suggestion(name, known)}")


def ioi() -> Task:
    """Indirect object identification: "When Mary and John went to the store, John gave a drink to" -> " Mary".

    Positions IO, S1, S2, place, object, END. Counterfactuals `abc` (three other names) and `swap` (names exchanged).
    """
    return Task(builtin.ioi())


def entity_binding(kind: Literal["capital", "fruit"] = "capital", entities: int = 2) -> Task:
    """Who has what: "Context: Mary lives in the capital city of France. John lives in the capital city of Italy.
    Question: In which city does John live? Answer: John lives in the city of" -> " Rome"; with `kind="fruit"`, "Mary likes
    eating the apple. ... John likes the" -> " lemon".

    Positions E0, A0, E1, A1 ... (people and attributes in the order of the text), Q (the question's person), R (the
    answer's), END. Counterfactuals `swap` (each person gets the next one's attribute) and `other` (all attributes anew). The
    distractor is the next person's. Raises BadTask for another kind, or entities outside 2 to 5.
    """
    return Task(builtin.entity_binding(kind, entities))


def syllogism() -> Task:
    """ "All birds are hot, not cold. Robins are birds. Therefore, robins are" -> " hot".

    Positions category, X, Y, group, nouns, END. Counterfactual `swap` exchanges the adjectives. Adjectives may have several
    tokens and are compared on their first.
    """
    return Task(builtin.syllogism())


def quoted_speech() -> Task:
    """A short story with two quotations: 'One day Mary and Tom went to the park. "Look at the dog!" says Mary. "I want to
    play with the kite!"' -> " says".

    Positions A, B, thing, other, SAYS (the verb after the first quotation), A2, END (the second closing quote).
    Counterfactual `verb` (another verb after the first).
    """
    return Task(builtin.quoted_speech())


def induction() -> Task:
    """Words in no order, one of which comes again: "Words: king river moon ... river" -> " moon".

    Positions PREV (where the last word stood before; PREV+1 is the answer's place), LAST, after, elsewhere, END.
    Counterfactual `unseen` (the last word did not occur).
    """
    return Task(builtin.induction())


def greater_than() -> Task:
    """ "The war lasted from the year 1742 to the year 17" -> "58", and not "36".

    Positions YY, event, END. Counterfactual `late` (the year in the text is the answer). Digits may be tokens of their own:
    answers are compared on their first token, and decades always differ.
    """
    return Task(builtin.greater_than())


def gendered_pronoun() -> Task:
    """ "So Emma is such a good doctor, isn't" -> " she".

    Positions NAME, END. Counterfactual `swap` (a name of the other gender).
    """
    return Task(builtin.gendered_pronoun())
