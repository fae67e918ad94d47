"""Definitions of the tasks that come with circuitcheck."""

from collections.abc import Callable, Mapping
from functools import partial

from circuitcheck.prompts.builtin.entity_binding import entity_binding
from circuitcheck.prompts.builtin.gendered_pronoun import gendered_pronoun
from circuitcheck.prompts.builtin.greater_than import greater_than
from circuitcheck.prompts.builtin.induction import induction
from circuitcheck.prompts.builtin.ioi import ioi
from circuitcheck.prompts.builtin.quoted_speech import quoted_speech
from circuitcheck.prompts.builtin.syllogism import syllogism
from circuitcheck.prompts.definition import TaskDefinition

BUILT_IN: Mapping[str, Callable[[], TaskDefinition]] = {  # by name; entity binding is one for each kind
    "ioi": ioi,
    "capital": partial(entity_binding, "capital", 2),
    "fruit": partial(entity_binding, "fruit", 2),
    "syllogism": syllogism,
    "quoted_speech": quoted_speech,
    "induction": induction,
    "greater_than": greater_than,
    "gendered_pronoun": gendered_pronoun,
}

__all__ = [
    "BUILT_IN",
    "entity_binding",
    "gendered_pronoun",
    "greater_than",
    "induction",
    "ioi",
    "quoted_speech",
    "syllogism",
]
