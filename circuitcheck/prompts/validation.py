"""Does a task definition fit together? Found out when it is made, before any tokenizer or model is there."""

from collections.abc import Collection, Iterable

from circuitcheck.errors import BadTask
from circuitcheck.prompts.definition import END, TaskDefinition, Template


def check_task(task: TaskDefinition) -> None:
    """Raises BadTask, naming the part that does not fit."""
    if not task.templates:
        raise BadTask(f"task {task.name!r} has no templates.")
    _check_names(task, "templates", [template.id for template in task.templates])
    _check_names(task, "pools", [pool.name for pool in task.pools])
    _check_names(task, "variables", [name for name, _ in task.variables])
    _check_names(task, "slots", [slot for slot, _ in task.slots])
    if END in dict(task.slots):
        raise BadTask(f"a slot of task {task.name!r} cannot be called {END}: every prompt's last token is.")
    if twice := _repeated(template.text for template in task.templates):
        ids = " and ".join(repr(template.id) for template in task.templates if template.text == twice[0])
        raise BadTask(f"templates {ids} of task {task.name!r} have one text: prompts would repeat.")
    _check_pools(task)
    _check_roles(task)
    for template in task.templates:
        _check_template(task, template)
    _check_counterfactuals(task)


def _check_names(task: TaskDefinition, what: str, names: list[str]) -> None:
    if twice := _repeated(names):
        raise BadTask(f"task {task.name!r} has {what} that share a name: {', '.join(twice)}.")


def _check_pools(task: TaskDefinition) -> None:
    pools = {pool.name for pool in task.pools}
    for pool in task.pools:
        if twice := _repeated(pool.items):
            raise BadTask(f"pool {pool.name!r} holds {', '.join(twice)} more than once: prompts would repeat.")
    for variable, pool_name in task.variables:
        _expect(task, f"variable {variable!r} draws from", pool_name, pools)


def _check_roles(task: TaskDefinition) -> None:
    variables = dict(task.variables)
    for slot, variable in task.slots:
        _expect(task, f"slot {slot!r} holds", variable, variables)
    for role, variable in (("answer", task.answer), ("distractor", task.distractor)):
        _expect(task, f"the {role} is", variable, variables)
    if task.answer == task.distractor:
        raise BadTask(f"task {task.name!r} has {task.answer!r} as answer and as distractor: no difference to measure.")
    for variable in ((task.second_cluster,) if task.second_cluster is not None else ()) + task.pairs:
        _expect(task, "prompts are clustered by", variable, variables)
    if task.pairs and len(set(task.pairs)) < max(2, len(task.pairs)):
        raise BadTask(f"task {task.name!r} pairs prompts by {task.pairs}: name two variables or more that change places.")


def _check_template(task: TaskDefinition, template: Template) -> None:
    try:
        parts = template.parts()
    except ValueError as error:
        raise BadTask(f"template {template.id!r} cannot be read ({error}): {template.text!r}") from error
    if not template.text:
        raise BadTask(f"template {template.id!r} is empty.")
    for literal, slot in parts:
        if slot is None:
            continue
        _expect(task, f"template {template.id!r} has the slot", slot, dict(task.slots))
        if not literal.endswith(" "):
            raise BadTask(f"template {template.id!r}: slot {{{slot}}} must follow a space, it follows {literal!r}.")
    if template.text != template.text.rstrip():
        raise BadTask(f"template {template.id!r} ends in white space: the answer's own space would come twice.")
    if twice := _repeated(template.slots()):
        raise BadTask(f"template {template.id!r} has {', '.join(twice)} twice: give each occurrence its own slot.")


def _check_counterfactuals(task: TaskDefinition) -> None:
    slots, variables = dict(task.slots), dict(task.variables)
    _check_names(task, "counterfactuals", list(task.counterfactual_names))
    for name, changes in task.counterfactuals:
        if name in ("clean", END):
            raise BadTask(f"a counterfactual of task {task.name!r} cannot be called {name!r}: that word is taken.")
        for slot, variable in changes:
            _expect(task, f"counterfactual {name!r} changes", slot, slots)
            _expect(task, f"counterfactual {name!r} puts into {slot!r}", variable, variables)


def _expect(task: TaskDefinition, what: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise BadTask(f"task {task.name!r}: {what} {name!r}, which is not declared; there are {sorted(known)}.")


def _repeated(names: Iterable[str]) -> list[str]:
    listed = list(names)
    return sorted({name for name in listed if listed.count(name) > 1})
