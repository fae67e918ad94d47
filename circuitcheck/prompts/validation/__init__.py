"""Does a task definition fit together? Found out when it is made, before any tokenizer or model is there."""

from circuitcheck.prompts.schema.task import TaskSchema
from circuitcheck.prompts.validation.counterfactuals import check_counterfactuals
from circuitcheck.prompts.validation.roles import check_constraints, check_roles, check_tokens
from circuitcheck.prompts.validation.templates import check_templates
from circuitcheck.prompts.validation.variables import check_derived, check_pools, check_variables


def check_task(task: TaskSchema) -> None:
    """Raises BadTask, naming the part that does not fit."""
    check_pools(task)
    check_variables(task)
    check_derived(task)
    check_templates(task)
    check_roles(task)
    check_tokens(task)
    check_counterfactuals(task)
    check_constraints(task)
