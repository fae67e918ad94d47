"""A task meets a tokenizer: pools are filtered, combinations numbered, prompts rendered and checked."""

import math
from collections.abc import Mapping
from functools import lru_cache

from circuitcheck.errors import BadTask, EmptyPool
from circuitcheck.prompts.definition import END, Pool, TaskDefinition, Template
from circuitcheck.prompts.permutation import keyed_number, permute
from circuitcheck.prompts.prompt import Counterfactual, Labels, Prompt
from circuitcheck.prompts.streams import combination, stream_size
from circuitcheck.prompts.tokenizer import Tokenizer


@lru_cache(maxsize=32)
def realise(task: TaskDefinition, tokenizer: Tokenizer) -> "RealisedTask":
    return RealisedTask(task, tokenizer)


class RealisedTask:
    """A task with the pool items that are single tokens for one tokenizer."""

    def __init__(self, task: TaskDefinition, tokenizer: Tokenizer) -> None:
        self.task, self.tokenizer = task, tokenizer
        self._slots, self._variables = dict(task.slots), dict(task.variables)
        self._pools = {pool.name: _single_tokens(pool, tokenizer) for pool in task.pools}
        self._check_pools()
        self._per_template = {template.id: self._combinations(template) for template in task.templates}

    def size(self, stream: str) -> int:
        """Prompts in `stream`: rounds in which every template comes once, until the smallest is used up."""
        per_template = min(stream_size(stream, count) for count in self._per_template.values())
        return per_template * len(self.task.templates)

    def prompt(self, index: int, *, seed: int, stream: str) -> Prompt:
        """Raises BadTask beyond the stream's size."""
        template, values = self._drawn_at(index, seed=seed, stream=stream)
        return self._render(index, template, values)

    def labels(self, index: int, *, seed: int, stream: str) -> Labels:
        """Raises BadTask beyond the stream's size."""
        template, values = self._drawn_at(index, seed=seed, stream=stream)
        second = self.task.second_cluster
        return Labels(template.id, None if second is None else values[second], self._pair(template, values))

    def _pair(self, template: Template, values: Mapping[str, str]) -> str | None:
        if not self.task.pairs:
            return None
        drawn = [variable for variables in self._drawn(template).values() for variable in variables]
        others = [values[variable] for variable in drawn if variable not in self.task.pairs]
        return "|".join([template.id, *sorted(values[variable] for variable in self.task.pairs), *others])

    def _drawn_at(self, index: int, *, seed: int, stream: str) -> tuple[Template, dict[str, str]]:
        size = self.size(stream)
        if not 0 <= index < size:
            raise BadTask(f"task {self.task.name!r} has {size} prompts in its {stream} stream, not {index + 1}.")
        templates = self.task.templates
        turn, place = divmod(index, len(templates))
        template = templates[permute(place, len(templates), f"round {self.task.digest} {stream} {seed} {turn}")]
        number = combination(
            turn,
            stream=stream,
            combinations=self._per_template[template.id],
            task=self.task.digest,
            seed=seed,
            template=template.id,
        )
        return template, self._values(template, number)

    def _combinations(self, template: Template) -> int:
        return math.prod(
            math.perm(len(self._pools[pool]), len(variables)) for pool, variables in self._drawn(template).items()
        )

    def _drawn(self, template: Template) -> dict[str, list[str]]:
        """The variables that tell this template's prompts apart, by pool."""
        used = {self._slots[slot] for slot in template.slots()} | {self.task.answer, self.task.distractor}
        drawn: dict[str, list[str]] = {}
        for variable, pool in self.task.variables:
            if variable in used:
                drawn.setdefault(pool, []).append(variable)
        return drawn

    def _values(self, template: Template, number: int) -> dict[str, str]:
        """Combination `number` of a template: a mixed-radix number, whose digits pick from what is left of each pool."""
        key = f"fresh {self.task.digest} {template.id} {number}"
        values: dict[str, str] = {}
        for pool, variables in self._drawn(template).items():
            left = list(self._pools[pool])
            for variable in variables:
                number, digit = divmod(number, len(left))
                values[variable] = left.pop(digit)
        for variable, pool in self.task.variables:
            if variable not in values:
                taken = {value for name, value in values.items() if self._variables[name] == pool}
                free = [item for item in self._pools[pool] if item not in taken]
                values[variable] = free[keyed_number(f"{key} {variable}", len(free))]
        return values

    def _render(self, index: int, template: Template, values: Mapping[str, str]) -> Prompt:
        slots = {slot: values[variable] for slot, variable in self.task.slots if slot in template.slots()}
        text, tokens, positions = self._encode(template, slots)
        counterfactuals = {}
        for name, changes in self.task.counterfactuals:
            changed = slots | {slot: values[variable] for slot, variable in changes if slot in slots}
            other, other_tokens, other_positions = self._encode(template, changed)
            if other_positions != positions or len(other_tokens) != len(tokens):
                raise BadTask(
                    f"counterfactual {name!r} of task {self.task.name!r} has other positions than its clean prompt "
                    f"under {self.tokenizer.name}: {text!r} against {other!r}."
                )
            counterfactuals[name] = Counterfactual(other, other_tokens)
        answer, distractor = " " + values[self.task.answer], " " + values[self.task.distractor]
        return Prompt(
            index=index,
            text=text,
            tokens=tokens,
            answer=answer,
            distractor=distractor,
            answer_id=self.tokenizer.word(answer)[0],
            distractor_id=self.tokenizer.word(distractor)[0],
            positions=positions,
            counterfactuals=counterfactuals,
            template=template.id,
            slots=slots,
        )

    def _encode(
        self, template: Template, slots: Mapping[str, str]
    ) -> tuple[str, tuple[int, ...], dict[str, tuple[int, ...]]]:
        text, spans = _fill(template, slots)
        encoding = self.tokenizer.encode(text)
        positions = {
            slot: tuple(i for i, (low, high) in enumerate(encoding.offsets) if low < stop and high > start)
            for slot, (start, stop) in spans.items()
        }
        for slot, span in positions.items():
            pieces = [text[slice(*encoding.offsets[i])].strip() for i in span]
            if pieces != [slots[slot]]:
                raise BadTask(
                    f"{{{slot}}} of template {template.id!r} is the tokens {pieces} under {self.tokenizer.name}, not "
                    f"the one token {slots[slot]!r}: {text!r}."
                )
        return text, encoding.ids, positions | {END: (len(encoding.ids) - 1,)}

    def _check_pools(self) -> None:
        for pool in self.task.pools:
            wanted = sum(1 for _, name in self.task.variables if name == pool.name)
            kept = self._pools[pool.name]
            if len(kept) < wanted or not kept:
                dropped = [item for item in pool.items if item not in kept]
                raise EmptyPool(
                    f"pool {pool.name!r} of task {self.task.name!r} keeps {len(kept)} of {len(pool.items)} items under "
                    f"the tokenizer of {self.tokenizer.name}, and a prompt needs {max(wanted, 1)}: the others are not "
                    f"one token after a space (such as {', '.join(map(repr, dropped[:5]))}). Give the pool words that are."
                )


def _single_tokens(pool: Pool, tokenizer: Tokenizer) -> tuple[str, ...]:
    return tuple(item for item in pool.items if len(tokenizer.word(" " + item)) == 1)


def _fill(template: Template, slots: Mapping[str, str]) -> tuple[str, dict[str, tuple[int, int]]]:
    text, spans = "", {}
    for literal, slot in template.parts():
        text += literal
        if slot is not None:
            spans[slot] = (len(text), len(text) + len(slots[slot]))
            text += slots[slot]
    return text, spans
