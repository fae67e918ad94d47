"""Definitions of the tasks that come with circuitcheck."""

from circuitcheck.prompts.builtin.entity_binding import entity_binding
from circuitcheck.prompts.builtin.gendered_pronoun import gendered_pronoun
from circuitcheck.prompts.builtin.greater_than import greater_than
from circuitcheck.prompts.builtin.induction import induction
from circuitcheck.prompts.builtin.ioi import ioi
from circuitcheck.prompts.builtin.quoted_speech import quoted_speech
from circuitcheck.prompts.builtin.syllogism import syllogism

__all__ = ["entity_binding", "gendered_pronoun", "greater_than", "induction", "ioi", "quoted_speech", "syllogism"]
