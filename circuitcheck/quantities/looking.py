"""Are there prompts that a number can be looked at on, which no claim is judged on?"""

from circuitcheck.errors import BadTask
from circuitcheck.plan import ModelRef
from circuitcheck.prompts import PromptStream
from circuitcheck.session import current_session


def check_something_to_look_at(where: PromptStream, model: ModelRef | str) -> None:
    """Raises BadTask where the stream that looks go to has no prompts, and that of claims has."""
    sizes = {each: current_session().population(where.other(each), [model]) for each in (where.stream, "test")}
    if sizes["test"] and not sizes[where.stream]:
        raise BadTask(
            f"task {where.task.name!r} has 0 prompts in its {where.stream} stream, where looks outside of a claim go, so "
            f'that claims are judged on other prompts. task.on_stream("test") looks at those of claims; task.explain(model) '
            f"says where prompts went."
        )
