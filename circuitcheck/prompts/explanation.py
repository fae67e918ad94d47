"""What a tokenizer leaves of a task, item by item."""

from collections.abc import Mapping
from dataclasses import dataclass

from circuitcheck.errors import CircuitCheckError
from circuitcheck.prompts.realised import realise
from circuitcheck.prompts.realised.frames import frames_of
from circuitcheck.prompts.realised.survivors import Dropped, Survivors
from circuitcheck.prompts.schema.task import TaskSchema
from circuitcheck.prompts.streams import STREAMS
from circuitcheck.prompts.tokenizer import Tokenizer
from circuitcheck.text import counted, printable


@dataclass(frozen=True)
class Explanation:
    """`kept` items of each pool out of `pools`, those `dropped` with the reason, and the number of different prompts in each
    of the `streams`; `problem` says why there is none."""

    task: str
    tokenizer: str
    pools: Mapping[str, int]
    kept: Mapping[str, tuple[str, ...]]
    dropped: tuple[Dropped, ...]
    streams: Mapping[str, int]
    problem: str = ""

    def __str__(self) -> str:
        lines = [f"task {self.task!r} under the tokenizer of {self.tokenizer}"]
        lines += [f"  pool {name}: {len(self.kept[name])} of {counted(total, 'item')}" for name, total in self.pools.items()]
        lines += [f"    dropped {each.item!r} ({each.pool}): {each.reason}" for each in self.dropped]
        lines += [f"  {stream} stream: {counted(size, 'prompt')}" for stream, size in self.streams.items()]
        return printable("\n".join([*lines, *([f"  {self.problem}"] if self.problem else [])]))

    __repr__ = __str__


def explain(task: TaskSchema, tokenizer: Tokenizer) -> Explanation:
    survivors = Survivors(task, frames_of(task, tokenizer), tokenizer)
    streams, problem = {}, ""
    try:
        realised = realise(task, tokenizer)
        streams = {stream: realised.size(stream) for stream in STREAMS}
    except CircuitCheckError as error:
        problem = str(error)
    return Explanation(
        task=task.name,
        tokenizer=tokenizer.name,
        pools={pool.name: len(pool.items) for pool in task.pools},
        kept={name: tuple(kept) for name, kept in survivors.signatures.items()},
        dropped=tuple(survivors.dropped),
        streams=streams,
        problem=problem,
    )
