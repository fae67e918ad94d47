"""A task meets a tokenizer: pools are filtered, combinations numbered, prompts rendered and checked."""

from circuitcheck.prompts.realised.task import RealisedTask, realise

__all__ = ["RealisedTask", "realise"]
