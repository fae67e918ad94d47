"""Answers, how prompts are judged, token counts and constraints."""

from circuitcheck.errors import BadTask
from circuitcheck.prompts.schema.constraints import Constraint, Increasing
from circuitcheck.prompts.schema.task import TaskSchema
from circuitcheck.prompts.schema.variables import all_values
from circuitcheck.prompts.validation.words import expect, known_variables, repeated


def check_roles(task: TaskSchema) -> None:
    variables = known_variables(task)
    expect(task, "the answer is", task.answer, variables)
    if task.distractor is not None:
        expect(task, "the distractor is", task.distractor, variables)
    if task.answer == task.distractor:
        raise BadTask(f"task {task.name!r} has {task.answer!r} as answer and as distractor: no difference to measure.")
    for variable in task.candidates:
        expect(task, "a candidate is", variable, variables)
    if twice := repeated(task.candidates):
        raise BadTask(f"task {task.name!r} names candidates more than once: {', '.join(twice)}.")
    _check_judging(task)
    if not isinstance(task.chat, bool):
        raise BadTask(f"task {task.name!r} has chat={task.chat!r}; expected True or False.")
    if not isinstance(task.answer_prefix, str):
        raise BadTask(f"task {task.name!r} has answer_prefix={task.answer_prefix!r}; expected text, such as ' '.")


def _check_judging(task: TaskSchema) -> None:
    variables = known_variables(task)
    if task.second_cluster is not None:
        expect(task, "prompts are clustered by", task.second_cluster, variables)
    for variable in task.pairs:
        expect(task, "prompts are paired by", variable, variables)
    if task.pairs and len(set(task.pairs)) < max(2, len(task.pairs)):
        raise BadTask(f"task {task.name!r} pairs prompts by {task.pairs}: name two variables or more that change places.")


def check_tokens(task: TaskSchema) -> None:
    slots = {slot for template in task.templates for slot in template.slot_names()}
    for slot, count in task.tokens:
        expect(task, "tokens are given for the slot", slot, slots)
        _check_count(task, f"the slot {slot!r}", count)
    _check_count(task, "its answers", task.answer_tokens)


def _check_count(task: TaskSchema, what: str, count: object) -> None:
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
        raise BadTask(
            f"task {task.name!r} wants {count!r} tokens for {what}; expected a whole number from 1, or None for any."
        )


def check_constraints(task: TaskSchema) -> None:
    for constraint in task.constraints:
        _check_constraint(task, constraint)


def _check_constraint(task: TaskSchema, constraint: Constraint) -> None:
    variables = constraint.variables
    for variable in variables:
        expect(task, f"the constraint '{constraint.describe()}' is about", variable, known_variables(task))
    if len(set(variables)) < 2 or repeated(variables):
        raise BadTask(
            f"task {task.name!r} has a constraint over {variables!r}; expected two variables or more, each named once."
        )
    if isinstance(constraint, Increasing):
        for variable in variables:
            for value in all_values(task, variable):
                _check_number(task, constraint, variable, value)


def _check_number(task: TaskSchema, constraint: Constraint, variable: str, value: str) -> None:
    try:
        float(value)
    except ValueError:
        raise BadTask(
            f"task {task.name!r}: the constraint '{constraint.describe()}' compares numbers; {variable!r} can be {value!r}."
        ) from None
