"""May two stored sets of prompts be paired?"""

from circuitcheck.grounds.rests import PromptSet, Rests


def paired_prompts(was: Rests, rests: Rests) -> int:
    """Those that both measured whatever came out: samples that stopped because of what they showed are biased."""
    return min(was.fixed, rests.fixed)


def other_prompts(one: PromptSet, other: PromptSet, n: int) -> str:
    """Why the first `n` prompts of the two are not the same ones; empty where they are."""
    for what, before, now in (
        ("the task", one.task, other.task),
        ("the stream", one.stream, other.stream),
        ("the seed", one.seed, other.seed),
    ):
        if before != now:
            return f"prompts changed: {what} was {before} and is {now}"
    differ = int((one.digests[:n] != other.digests[:n]).any(axis=1).sum())
    if not differ:
        return ""
    why = f"the task {other.task} has another definition" if one.task_digest != other.task_digest else "another tokenizer"
    return f"prompts changed: {differ} of {n} are others ({why})"
