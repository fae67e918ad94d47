"""Prompts: tasks as data, rendered for a tokenizer. A prompt is a pure function of task, tokenizer, seed, stream, index."""

from circuitcheck.prompts.constraints import Different, Increasing, different, increasing
from circuitcheck.prompts.define import define_task
from circuitcheck.prompts.definition import Derived, Pool, TaskDefinition
from circuitcheck.prompts.permutation import keyed_number
from circuitcheck.prompts.prompt import Counterfactual, Labels, Prompt
from circuitcheck.prompts.source import Digested, PromptSource
from circuitcheck.prompts.streams import STREAMS
from circuitcheck.prompts.template import Template
from circuitcheck.prompts.tokenizer import ChatFrame, Encoding, Tokenizer

__all__ = [
    "STREAMS",
    "ChatFrame",
    "Counterfactual",
    "Derived",
    "Different",
    "Digested",
    "Encoding",
    "Increasing",
    "Labels",
    "Pool",
    "Prompt",
    "PromptSource",
    "TaskDefinition",
    "Template",
    "Tokenizer",
    "define_task",
    "different",
    "increasing",
    "keyed_number",
]
