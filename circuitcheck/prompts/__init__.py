"""Prompts: tasks as data, rendered for a tokenizer. A prompt is a pure function of task, tokenizer, seed, stream, index."""

from circuitcheck.prompts.definition import Pool, TaskDefinition, Template
from circuitcheck.prompts.permutation import keyed_number
from circuitcheck.prompts.prompt import Counterfactual, Labels, Prompt
from circuitcheck.prompts.streams import STREAMS
from circuitcheck.prompts.tokenizer import Encoding, Tokenizer

__all__ = [
    "STREAMS",
    "Counterfactual",
    "Encoding",
    "Labels",
    "Pool",
    "Prompt",
    "TaskDefinition",
    "Template",
    "Tokenizer",
    "keyed_number",
]
