"""Prompts: tasks as data, rendered for a tokenizer. A prompt is a pure function of task, tokenizer, seed, stream, index."""

from circuitcheck.prompts.define import define_task
from circuitcheck.prompts.definition import TaskDefinition
from circuitcheck.prompts.given import GivenPrompts, given_prompts
from circuitcheck.prompts.permutation import keyed_number
from circuitcheck.prompts.prompt import Counterfactual, Labels, Prompt
from circuitcheck.prompts.prompt_stream import PromptStream
from circuitcheck.prompts.schema.constraints import Different, Increasing, different, increasing
from circuitcheck.prompts.schema.task import Derived, Pool
from circuitcheck.prompts.schema.template import Template
from circuitcheck.prompts.source import MeanBy, PromptSource, SourceFacts
from circuitcheck.prompts.streams import STREAMS, Stream
from circuitcheck.prompts.tokenizer import ChatFrame, Encoding, Tokenizer

__all__ = [
    "STREAMS",
    "ChatFrame",
    "Counterfactual",
    "Derived",
    "Different",
    "Encoding",
    "GivenPrompts",
    "Increasing",
    "Labels",
    "MeanBy",
    "Pool",
    "Prompt",
    "PromptSource",
    "PromptStream",
    "SourceFacts",
    "Stream",
    "TaskDefinition",
    "Template",
    "Tokenizer",
    "define_task",
    "different",
    "given_prompts",
    "increasing",
    "keyed_number",
]
