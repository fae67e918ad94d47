"""The tasks that come with circuitcheck, ready to use: `cc.tasks.ioi()`."""

from circuitcheck.prompts.builtin import ioi as _ioi
from circuitcheck.quantities import Task


def ioi() -> Task:
    """Indirect object identification: "When Mary and John went to the store, John gave a drink to" -> " Mary".

    Positions IO, S1, S2, place, object, END. Counterfactuals `abc` (three other names) and `swap` (names exchanged).
    """
    return Task(_ioi.ioi())
