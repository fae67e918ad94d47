"""Small checks that every part of a task shares."""

from collections.abc import Collection, Iterable

from circuitcheck.errors import BadTask
from circuitcheck.prompts.schema.task import TaskSchema
from circuitcheck.text import shown


def expect(task: TaskSchema, what: str, name: object, known: Collection[str]) -> None:
    """Raises BadTask unless `name` is declared."""
    if not isinstance(name, str) or name not in known:
        raise BadTask(f"task {task.name!r}: {what} {shown(name)}, which is not declared; there are {sorted(known)}.")


def check_names(task: TaskSchema, what: str, names: list[str]) -> None:
    """Raises BadTask for names that are no words or come twice."""
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise BadTask(f"task {task.name!r} has {what} with the name {shown(name)}; expected a word.")
    if twice := repeated(names):
        raise BadTask(f"task {task.name!r} has {what} that share a name: {', '.join(twice)}.")


def repeated(names: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    twice: set[str] = set()
    for name in names:
        (twice if name in seen else seen).add(name)
    return sorted(twice)


def known_variables(task: TaskSchema) -> list[str]:
    return [name for name, _ in task.variables] + [each.variable for each in task.derived]


def check_text(task: TaskSchema, where: str, text: object) -> None:
    """Raises BadTask for what is no text, is empty, or begins or ends in white space."""
    if not isinstance(text, str):
        raise BadTask(f"task {task.name!r}: {where} {text!r}, which is no text.")
    if not text.strip():
        raise BadTask(f"task {task.name!r}: {where} the empty text {text!r}: a slot must hold something.")
    if text != text.strip():
        raise BadTask(
            f"task {task.name!r}: {where} {text!r}, which begins or ends in white space: put the space into the template."
        )
