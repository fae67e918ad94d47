"""Which items of a pool a tokenizer leaves, and which of them can stand for each other at equal length."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from circuitcheck.errors import BadTask, EmptyPool
from circuitcheck.prompts.realised.frames import Frame
from circuitcheck.prompts.realised.spelling import Spelled, Spelling, Surroundings
from circuitcheck.prompts.schema.task import Pool, TaskSchema
from circuitcheck.prompts.schema.variables import all_values, becoming, pool_of, root_of
from circuitcheck.prompts.tokenizer import Tokenizer
from circuitcheck.text import counted

_MOST_PAIRS = 20_000
_MOST_CHARACTERS = 2_500_000  # of one task: a tokenizer takes some seconds for them; built-in tasks have 230,000 at most
_AROUND = 16  # characters, about, that a word is looked up with
EXAMPLES = 4  # prompts of each template, on which both ways of making tokens must agree
_AS_ANSWER = "as an answer to"
Classes = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Dropped:
    """An item that no prompt uses, and why."""

    pool: str
    item: str
    reason: str


@dataclass(frozen=True)
class _Use:
    """Somewhere an item can stand: as `variable` in a slot at `place`, or (`slot` None) as an answer after `place[0]`."""

    slot: str | None
    place: Surroundings
    variable: str
    template: str

    def describe(self) -> str:
        return f"in {{{self.slot}}} of template {self.template!r}" if self.slot else f"{_AS_ANSWER} {self.template!r}"


class Survivors:
    """Pools as one tokenizer has them: `classes` by pool, items of one class having equal token counts everywhere.

    Raises EmptyPool where a pool has too few, BadTask where there is more to look up than is done in seconds.
    """

    def __init__(self, task: TaskSchema, frames: tuple[Frame, ...], tokenizer: Tokenizer) -> None:
        self._task, self._tokenizer = task, tokenizer
        self._spelling = Spelling(tokenizer, task.digest)
        self._uses = _uses(task, frames)
        _check_size(task, frames, self._uses)
        self._counts = dict(task.tokens)
        self.dropped: list[Dropped] = []
        self.signatures: dict[str, dict[str, tuple[int, ...]]] = {pool.name: self._judge(pool) for pool in task.pools}
        self.classes: dict[str, Classes] = {pool.name: self._classes(pool) for pool in task.pools}

    def check(self) -> None:
        """Raises EmptyPool for the first pool that cannot fill a prompt."""
        for pool in self._task.pools:
            wanted = max(1, sum(1 for _, name in self._task.variables if name == pool.name))
            kept = self.signatures[pool.name]
            if max(map(len, self.classes[pool.name]), default=0) >= wanted:
                continue
            reasons = [f"{each.item!r} {each.reason}" for each in self.dropped if each.pool == pool.name]
            why = f"; {reasons[0]}" if reasons else "; those are of different token counts"
            raise EmptyPool(
                f"pool {pool.name!r} of task {self._task.name!r} keeps {len(kept)} of {counted(len(pool.items), 'item')} "
                f"under the tokenizer of {self._tokenizer.name}, and a prompt needs {wanted} of equal length{why}. Give "
                f"the pool words that fit, or {self._remedy(reasons[0] if reasons else '')}."
            )

    def _remedy(self, reason: str) -> str:
        """What to change of the task where items are dropped for this reason."""
        if _AS_ANSWER not in reason:
            return "the slots another number of tokens (tokens=None for any)"
        if "shares a token" in reason:
            return f"the answers a space before them (answer_prefix=' ', and not {self._task.answer_prefix!r})"
        return f"the answers another number of tokens (answer_tokens=None for any, not {self._task.answer_tokens})"

    def answers(self, frame: Frame, variable: str) -> dict[str, tuple[int, ...]]:
        """Ids of each value that `variable` can have after a prompt of `frame`."""
        pool = pool_of(self._task, variable)
        values = list(dict.fromkeys(map(becoming(self._task, variable), self.signatures[pool])))
        spelled = self._spelling.answers(frame.ending(), self._task.answer_prefix, values)
        return {value: ids for value, ids in zip(values, spelled, strict=True) if not isinstance(ids, str)}

    def slot_ids(self, frame: Frame) -> dict[str, dict[str, tuple[int, ...]]]:
        """Ids of each value that each slot of `frame` can hold, clean or altered."""
        found: dict[str, dict[str, tuple[int, ...]]] = {}
        for slot in frame.held:
            for variable in frame.variables_in(slot):
                kept = self.signatures[pool_of(self._task, variable)]
                values = list(map(becoming(self._task, variable), kept))
                spelled = self._spelling.words(frame.context(slot), values)
                known = {value: ids for value, ids in zip(values, spelled, strict=True) if not isinstance(ids, str)}
                found.setdefault(slot, {}).update(known)
        return found

    def independent(self, frame: Frame) -> bool:
        """Have the slots of `frame` that no word parts the same tokens together as alone, for every pair of values?"""
        ids = self.slot_ids(frame)
        for slot, literal, after in frame.touching():
            before, behind = frame.context(slot)[0], frame.context(after)[1]
            if len(ids[slot]) * len(ids[after]) > _MOST_PAIRS:
                return False
            if not self._spelling.apart(before, ids[slot], literal, ids[after], behind):
                return False
        return True

    def _judge(self, pool: Pool) -> dict[str, tuple[int, ...]]:
        """Token counts of the items that stay, in the order of their uses."""
        uses = [use for use in self._uses if pool_of(self._task, use.variable) == pool.name]
        table = [self._spell(use, pool) for use in uses]
        kept: dict[str, tuple[int, ...]] = {}
        taken: dict[tuple[Spelled, ...], str] = {}
        for number, item in enumerate(pool.items):
            spelled = tuple(column[number] for column in table)
            twin = taken.get(spelled) if spelled else None
            reason = self._problem(uses, spelled, item) or (f"has the tokens of {twin!r}" if twin else None)
            if reason is not None:
                self.dropped.append(Dropped(pool.name, item, reason))
                continue
            taken[spelled] = item
            kept[item] = tuple(len(ids) for use, ids in zip(uses, spelled, strict=True) if use.slot)
        return kept

    def _spell(self, use: _Use, pool: Pool) -> list[Spelled]:
        values = map(becoming(self._task, use.variable), pool.items)
        if use.slot is None:
            return self._spelling.answers(use.place[0], self._task.answer_prefix, values)
        return self._spelling.words(use.place, values)

    def _problem(self, uses: list[_Use], spelled: tuple[Spelled, ...], item: str) -> str | None:
        counts: dict[tuple[str, str], int] = {}
        for use, ids in zip(uses, spelled, strict=True):
            word = self._word(use, item)
            if isinstance(ids, str):
                return f"{word}{ids} {use.describe()}"
            wanted = self._counts.get(use.slot, 1) if use.slot else self._task.answer_tokens
            if wanted is not None and len(ids) != wanted:
                return f"{word}is {counted(len(ids), 'token')} {use.describe()}, not {wanted}"
            if use.slot and counts.setdefault((use.template, use.slot), len(ids)) != len(ids):
                there = f"{counted(len(ids), 'token')} {use.describe()}"
                return f"{word}is {there}, and a counterfactual puts one of another length there"
        return self._shared_first_token(uses, spelled)

    def _shared_first_token(self, uses: list[_Use], spelled: tuple[Spelled, ...]) -> str | None:
        """Answer and distractor that follow from one item must differ where they are compared."""
        task = self._task
        if task.distractor is None or root_of(task, task.answer) != root_of(task, task.distractor):
            return None
        first: dict[tuple[str, str], object] = {}
        for use, ids in zip(uses, spelled, strict=True):
            if use.slot is None:
                first[use.template, use.variable] = ids[0]
        for template in {use.template for use in uses}:
            if (answer := first.get((template, task.answer))) is not None and answer == first.get(
                (template, task.distractor)
            ):
                return "gives an answer and a distractor that share their first token"
        return None

    def _word(self, use: _Use, item: str) -> str:
        value = becoming(self._task, use.variable)(item)
        return "" if value == item else f"becomes {value!r}, which "

    def _classes(self, pool: Pool) -> Classes:
        found: dict[object, list[str]] = {}
        groups = {item: number for number, group in enumerate(pool.groups) for item in group}
        for item, signature in self.signatures[pool.name].items():
            found.setdefault((groups.get(item), signature), []).append(item)
        return tuple(map(tuple, found.values()))


def _uses(task: TaskSchema, frames: tuple[Frame, ...]) -> list[_Use]:
    """Every use once: frames often give a slot the same neighbours."""
    roles = tuple(dict.fromkeys(each for each in (task.answer, task.distractor, *task.candidates) if each is not None))
    uses: list[_Use] = []
    for frame in frames:
        for _, slot in frame.parts:
            if slot is not None:
                uses += [_Use(slot, frame.context(slot), name, frame.template) for name in frame.variables_in(slot)]
        uses += [_Use(None, (frame.ending(), ""), name, frame.template) for name in roles]
    company: dict[tuple[str | None, str], tuple[str, ...]] = {}  # the variables that share a slot of a template
    for use in uses:
        company[use.slot, use.template] = (*company.get((use.slot, use.template), ()), use.variable)
    return _once(uses, lambda use: (use.slot, use.place, use.variable, company[use.slot, use.template]))


def _check_size(task: TaskSchema, frames: tuple[Frame, ...], uses: list[_Use]) -> None:
    names = {use.variable for use in uses}
    sizes = {name: sum(len(value) + _AROUND for value in all_values(task, name)) for name in names}
    words = sum(sizes[use.variable] for use in uses)
    examples = sum(EXAMPLES * (1 + len(frame.altered)) * frame.length(_AROUND) for frame in frames)
    if words + examples > _MOST_CHARACTERS:
        raise BadTask(
            f"task {task.name!r} is too large: every word in every place where it can stand, and {EXAMPLES} prompts of each "
            f"template, are {words + examples:,} characters to tokenize, and {_MOST_CHARACTERS:,} at most are. Use smaller "
            f"pools (the largest has {max(len(pool.items) for pool in task.pools):,} words), or fewer or shorter templates "
            f"(there are {len(frames):,})."
        )


def _once(uses: Iterable[_Use], key: Callable[[_Use], object]) -> list[_Use]:
    return list({key(use): use for use in reversed(list(uses))}.values())[::-1]
