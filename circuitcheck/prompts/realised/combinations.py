"""The combinations of each template: which variables it draws, from what, under which constraints."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from circuitcheck.errors import BadTask, EmptyPool
from circuitcheck.prompts.permutation import keyed_number
from circuitcheck.prompts.realised.frames import Frame
from circuitcheck.prompts.realised.numbering import Block, PoolBlock, combination_values, table_of, total
from circuitcheck.prompts.realised.survivors import Classes
from circuitcheck.prompts.schema.constraints import Constraint, Different
from circuitcheck.prompts.schema.task import TaskSchema
from circuitcheck.prompts.schema.variables import all_values, becoming, pool_of, root_of


@dataclass(frozen=True)
class _Rooted:
    """A constraint, asked of drawn variables."""

    constraint: Constraint
    roots: tuple[str, ...]
    become: tuple[tuple[str, str, Callable[[str], str]], ...]  # variable, its root, what the root's value becomes

    @classmethod
    def of(cls, task: TaskSchema, constraint: Constraint) -> "_Rooted":
        become = tuple((each, root_of(task, each), becoming(task, each)) for each in constraint.variables)
        return cls(constraint, tuple(dict.fromkeys(root for _, root, _ in become)), become)

    def holds(self, values: Mapping[str, str]) -> bool:
        """True where a root has no value yet."""
        for root in self.roots:
            if root not in values:
                return True
        return self.constraint.holds({variable: become(values[root]) for variable, root, become in self.become})


_ATTEMPTS = 64  # at a value that constraints allow, before taking the first
_MOST_SEARCHED = 200_000  # sets of values, for one prompt or one table: some seconds; greater_than takes 56,000


class Combinations:
    """Values of all variables by template and number."""

    def __init__(self, task: TaskSchema, frames: tuple[Frame, ...], classes: Mapping[str, Classes]) -> None:
        self._task, self._classes = task, classes
        self._pools = dict(task.variables)
        self._become = {each.variable: becoming(task, each.variable) for each in task.derived}
        self._roots = {each.variable: root_of(task, each.variable) for each in task.derived}
        self._constraints = [_Rooted.of(task, each) for each in (*task.constraints, *_implied(task))]
        self._tied_roots = tuple(dict.fromkeys(root for constraint in self._constraints for root in constraint.roots))
        tied_pools = {self._pools[root] for root in self._tied_roots}
        self._concerned = tuple(variable for variable, pool in self._pools.items() if pool in tied_pools)
        self._extendable: dict[tuple[str | None, ...], bool] = {}
        self._searched = 0
        self._tables: dict[tuple[str, ...], Block] = {}
        self.drawn = {frame.template: self._drawn(frame) for frame in frames}
        self._wants_fresh = {frame.template: self._altered_beyond(frame) for frame in frames}
        self.blocks = {name: self._blocks_of(drawn) for name, drawn in self.drawn.items()}
        self.counts = {name: total(blocks) for name, blocks in self.blocks.items()}
        for name, count in self.counts.items():
            if not count:
                raise EmptyPool(
                    f"template {name!r} of task {task.name!r} has no combination of values that its constraints allow."
                )

    def values(self, template: str, number: int) -> dict[str, str]:
        """Combination `number` of a template; variables that it does not show are drawn afresh, if a counterfactual does."""
        values = combination_values(self.blocks[template], number)
        if not self._wants_fresh[template]:
            return self.complete(values)
        return self.complete(self.with_fresh(template, number, values))

    def with_fresh(self, template: str, number: int, values: dict[str, str]) -> dict[str, str]:
        """`values` and those of the variables that the template does not show."""
        key = f"fresh {self._task.digest} {template} {number}"
        for variable, _ in self._task.variables:
            if variable not in values:
                values[variable] = self._fresh(f"{key} {variable}", variable, values)
        return values

    def complete(self, values: dict[str, str]) -> dict[str, str]:
        """The same with derived variables, as far as their roots have values."""
        found = {
            name: become(values[self._roots[name]]) for name, become in self._become.items() if self._roots[name] in values
        }
        return values | found

    def allowed(self, values: Mapping[str, str]) -> bool:
        """Do the constraints hold, as far as their drawn variables have values?"""
        return all(constraint.holds(values) for constraint in self._constraints)

    def possible(self, template: str, values: Mapping[str, str]) -> bool:
        """Has this template prompts with these values of all drawn variables?"""
        if template not in self.blocks or set(values) != set(self._pools):
            return False
        for pool, classes in self._classes.items():
            items = [value for variable, value in values.items() if self._pools[variable] == pool]
            if len(set(items)) < len(items) or (items and not any(set(items) <= set(each) for each in classes)):
                return False
        return self.allowed(values)

    def free(self, variable: str, values: Mapping[str, str]) -> list[str]:
        """Items that `variable` can have beside `values`: of their class, not taken, leaving something for others."""
        free = self._left(variable, values)
        if self._constraints:
            free = [item for item in free if self.extendable({**values, variable: item})]
        if not free:
            raise self._nothing_left(variable)
        return free

    def items(self, variable: str) -> tuple[str, ...]:
        """All that `variable` can be, in the order of its pool's classes."""
        return tuple(item for items in self._fitting(self._pools[variable]) for item in items)

    def extendable(self, values: Mapping[str, str]) -> bool:
        """Do the constraints leave a value for every variable that has none? Raises BadTask where that takes too long to
        find out."""
        self._searched = 0
        return self._extends(values)

    def _extends(self, values: Mapping[str, str]) -> bool:
        key = tuple(values.get(variable) for variable in self._concerned)
        if key not in self._extendable:
            self._extendable[key] = self._can_extend(values)
        return self._extendable[key]

    def _can_extend(self, values: Mapping[str, str]) -> bool:
        self._searched += 1
        if self._searched > _MOST_SEARCHED:
            raise BadTask(
                f"task {self._task.name!r}: whether its constraints leave a value for every variable is not found out in "
                f"{_MOST_SEARCHED:,} tries. Use smaller pools, or fewer constraints and variables."
            )
        if not self.allowed(values):
            return False
        missing = next((root for root in self._tied_roots if root not in values), None)
        if missing is None:
            return True
        return any(self._extends({**values, missing: item}) for item in self._left(missing, values))

    def _left(self, variable: str, values: Mapping[str, str]) -> list[str]:
        pool = self._pools[variable]
        taken = {value for name, value in values.items() if self._pools[name] == pool}
        for items in self._fitting(pool):
            if taken <= set(items):
                return [item for item in items if item not in taken]
        return []

    def _fresh(self, key: str, variable: str, values: Mapping[str, str]) -> str:
        free = self._left(variable, values)
        for attempt in range(_ATTEMPTS if self._constraints else 1):
            item = free[keyed_number(key if attempt == 0 else f"{key} {attempt}", len(free))]
            if not self._constraints or self.extendable({**values, variable: item}):
                return item
        return self.free(variable, values)[0]

    def _nothing_left(self, variable: str) -> BadTask:
        return BadTask(
            f"task {self._task.name!r}: no item of pool {self._pools[variable]!r} is left that the constraints "
            f"allow {variable!r}."
        )

    def _altered_beyond(self, frame: Frame) -> bool:
        """Do answers, counterfactuals, or the way prompts are judged need a variable that the template does not show?"""
        drawn = {variable for variables in self.drawn[frame.template].values() for variable in variables}
        needed = [variable for changes in frame.altered.values() for variable in changes.values()]
        task = self._task
        needed += [task.answer, *task.candidates, *task.pairs]
        needed += [each for each in (task.distractor, task.second_cluster) if each is not None]
        return any(root_of(self._task, variable) not in drawn for variable in needed)

    def _drawn(self, frame: Frame) -> dict[str, tuple[str, ...]]:
        """The variables that tell this template's texts apart, by pool."""
        task = self._task
        used = {root_of(task, variable) for variable in frame.held.values()}
        drawn: dict[str, tuple[str, ...]] = {}
        for variable, pool in task.variables:
            if variable in used:
                drawn[pool] = (*drawn.get(pool, ()), variable)
        return drawn

    def _blocks_of(self, drawn: dict[str, tuple[str, ...]]) -> tuple[Block, ...]:
        blocks: list[Block] = []
        tied = self._tied(drawn)
        for pool, variables in drawn.items():
            if not any(pool in group for group in tied):
                blocks.append(PoolBlock(variables, self._fitting(pool)))
        blocks += [self._table([(pool, drawn[pool]) for pool in group]) for group in tied]
        return tuple(blocks)

    def _fitting(self, pool: str) -> Classes:
        """Classes with an item for every variable of the pool, those drawn afresh included."""
        wanted = sum(1 for _, name in self._task.variables if name == pool)
        return tuple(items for items in self._classes[pool] if len(items) >= wanted)

    def _tied(self, drawn: Mapping[str, tuple[str, ...]]) -> list[list[str]]:
        """Groups of pools that constraints over drawn variables join."""
        roots = {variable for variables in drawn.values() for variable in variables}
        groups: list[set[str]] = []
        for constraint in self._constraints:
            if roots.intersection(constraint.roots):
                joined = {self._pools[root] for root in constraint.roots}
                for other in [group for group in groups if group & joined]:
                    joined |= other
                    groups.remove(other)
                groups.append(joined)
        return [[pool for pool in drawn if pool in group] for group in groups]

    def _table(self, group: list[tuple[str, tuple[str, ...]]]) -> Block:
        key = tuple(variable for _, variables in group for variable in variables)
        if key not in self._tables:
            blocks = [PoolBlock(variables, self._fitting(pool)) for pool, variables in group]
            what = f"the constraints of task {self._task.name!r} on {', '.join(key)}"
            self._searched = 0
            self._tables[key] = table_of(blocks, self.allowed, self._extends, what)
        return self._tables[key]


def _implied(task: TaskSchema) -> list[Constraint]:
    """Answer and distractor differ, also where two pools or a mapping could make them one."""
    if task.distractor is None or root_of(task, task.answer) == root_of(task, task.distractor):
        return []
    answers, distractors = all_values(task, task.answer), all_values(task, task.distractor)
    same_pool = pool_of(task, task.answer) == pool_of(task, task.distractor)
    if same_pool and answers == distractors and len(set(answers)) == len(answers):
        return []
    return [Different((task.answer, task.distractor))] if set(answers) & set(distractors) else []
