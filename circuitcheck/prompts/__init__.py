"""Prompts: tasks as data, rendered for a tokenizer. A prompt is a pure function of task, tokenizer, seed, stream, index."""

from circuitcheck.prompts.definition import Pool, TaskDefinition, Template
from circuitcheck.prompts.prompt import Counterfactual, Prompt
from circuitcheck.prompts.streams import STREAMS
from circuitcheck.prompts.tokenizer import Encoding, Tokenizer

__all__ = ["STREAMS", "Counterfactual", "Encoding", "Pool", "Prompt", "TaskDefinition", "Template", "Tokenizer"]
