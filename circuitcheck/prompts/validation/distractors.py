"""Is the scored distractor the word that prompts name?"""

from circuitcheck.prompts.schema.task import TaskSchema
from circuitcheck.prompts.schema.variables import all_values, root_of


def other_distractors(task: TaskSchema) -> tuple[str, ...]:
    """What a reader must know where a slot shows the distractor in some prompts, and in the others another of the words
    that are distractors: most often one of two lists is shifted."""
    if task.distractor is None:
        return ()
    scored, root = all_values(task, task.distractor), root_of(task, task.distractor)
    found = {}
    for slot, variable in (shown for template in task.templates for shown in task.slots_of(template).items()):
        if variable == task.distractor or root_of(task, variable) != root:
            continue
        named = all_values(task, variable)
        same = sum(one == other for one, other in zip(scored, named, strict=True))
        if set(named) == set(scored) and 0 < same < len(named):
            found[slot] = (
                f"the slot {slot} names the distractor for {same} of {len(named)} values of {root!r}, and another "
                f"distractor's word for the rest: is a list shifted? Where it shows {variable!r}, score against that"
            )
    return tuple(found.values())
