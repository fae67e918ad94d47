"""From values to prompts: texts, tokens, positions."""

from collections.abc import Mapping, Sequence

from circuitcheck.errors import BadTask
from circuitcheck.prompts.prompt import Counterfactual, Prompt
from circuitcheck.prompts.realised.frames import Frame
from circuitcheck.prompts.realised.survivors import Survivors
from circuitcheck.prompts.realised.tokens import Encoder, Filled, Run, Splicer
from circuitcheck.prompts.schema.task import TaskSchema
from circuitcheck.prompts.tokenizer import Tokenizer

Drawn = tuple[int, Frame, Mapping[str, str]]  # index, template, values of all variables


class Renderer:
    """Renders prompts of one task for one tokenizer, many at a time."""

    def __init__(self, task: TaskSchema, tokenizer: Tokenizer, frames: tuple[Frame, ...], survivors: Survivors) -> None:
        self._task, self._tokenizer, self._survivors = task, tokenizer, survivors
        roles = (task.answer, *((task.distractor,) if task.distractor else ()), *task.candidates)
        self._roles = tuple(dict.fromkeys(roles))
        self._ids = {
            (frame.template, variable): survivors.answers(frame, variable) for frame in frames for variable in self._roles
        }
        self._encoder = Encoder(tokenizer, chat=task.chat)
        self._runs: Encoder | Splicer = self._encoder

    def try_splicing(self, examples: Sequence[Drawn]) -> None:
        """From prompts of every template: may their tokens be put together from those of their words? Only if that is
        what the tokenizer gives for each of them."""
        filled = [each for drawn in examples for each in self._versions(drawn)]
        first = {drawn[1].template: self._versions(drawn)[0] for drawn in reversed(examples)}
        splicer = Splicer(self._encoder, self._survivors, first)
        if splicer.agrees_on(filled):
            self._runs = splicer

    def render(self, drawn: Sequence[Drawn]) -> tuple[Prompt, ...]:
        """Raises BadTask for a prompt that this tokenizer breaks."""
        versions = [self._versions(each) for each in drawn]
        runs = iter(self._runs.runs([each for group in versions for each in group]))
        return tuple(
            self._prompt(each, group[0][1], [next(runs) for _ in group]) for each, group in zip(drawn, versions, strict=True)
        )

    def _versions(self, drawn: Drawn) -> list[Filled]:
        """The clean prompt, and each counterfactual in order."""
        _, frame, values = drawn
        clean = {slot: values[variable] for slot, variable in frame.held.items()}
        altered = [{slot: values[variable] for slot, variable in changes.items()} for changes in frame.altered.values()]
        return [(frame, clean), *((frame, clean | changes) for changes in altered)]

    def _prompt(self, drawn: Drawn, slots: Mapping[str, str], runs: list[Run]) -> Prompt:
        index, frame, values = drawn
        clean = runs[0]
        for name, other in zip(frame.altered, runs[1:], strict=True):
            if other.positions != clean.positions:
                raise BadTask(
                    f"counterfactual {name!r} of task {self._task.name!r} has other positions than its clean prompt "
                    f"under {self._tokenizer.name}: {clean.text!r} against {other.text!r}."
                )
        texts = {role: self._task.answer_prefix + values[role] for role in self._roles}
        ids = {role: self._ids[frame.template, role][values[role]] for role in self._roles}
        distractor = self._task.distractor
        return Prompt(
            index=index,
            text=clean.text,
            tokens=clean.ids,
            answer=texts[self._task.answer],
            distractor=texts[distractor] if distractor else None,
            answer_ids=ids[self._task.answer],
            distractor_ids=ids[distractor] if distractor else (),
            positions=clean.positions,
            counterfactuals={
                name: Counterfactual(other.text, other.ids) for name, other in zip(frame.altered, runs[1:], strict=True)
            },
            template=frame.template,
            slots=slots,
            candidates=tuple(texts.values()),
            candidate_ids=tuple(ids.values()),
        )
