"""From values to prompts: texts, tokens, positions, each checked against what the task says of it."""

from collections.abc import Mapping, Sequence

from circuitcheck.errors import BadTask
from circuitcheck.prompts.definition import END, TaskDefinition
from circuitcheck.prompts.prompt import Counterfactual, Prompt
from circuitcheck.prompts.realised.frames import Frame, Spans
from circuitcheck.prompts.realised.spelling import tokens_over
from circuitcheck.prompts.realised.survivors import Survivors
from circuitcheck.prompts.tokenizer import Encoding, Tokenizer

Drawn = tuple[int, Frame, Mapping[str, str]]  # index, template, values of all variables
_Version = tuple[str, str, Spans, Mapping[str, str]]  # clean or a counterfactual: its name, text, spans, slots
Positions = dict[str, tuple[int, ...]]


class Renderer:
    """Renders prompts of one task for one tokenizer, many at a time."""

    def __init__(self, task: TaskDefinition, tokenizer: Tokenizer, frames: tuple[Frame, ...], survivors: Survivors) -> None:
        self._task, self._tokenizer = task, tokenizer
        roles = (task.answer, *((task.distractor,) if task.distractor else ()), *task.candidates)
        self._roles = tuple(dict.fromkeys(roles))
        self._ids = {
            (frame.template, variable): survivors.answers(frame, variable) for frame in frames for variable in self._roles
        }

    def render(self, drawn: Sequence[Drawn]) -> tuple[Prompt, ...]:
        """Raises BadTask for a prompt that this tokenizer breaks."""
        texts: list[str] = []
        filled: list[list[_Version]] = []
        for _, frame, values in drawn:
            slots = {slot: values[variable] for slot, variable in frame.held.items()}
            versions: list[_Version] = [("clean", *frame.fill(slots), slots)]
            for name, changes in frame.altered.items():
                altered = slots | {slot: values[variable] for slot, variable in changes.items()}
                versions.append((name, *frame.fill(altered), altered))
            filled.append(versions)
            texts += [text for _, text, _, _ in versions]
        encodings = iter(self._tokenizer.encode_many(texts, chat=self._task.chat))
        return tuple(
            self._prompt(each, versions, [next(encodings) for _ in versions])
            for each, versions in zip(drawn, filled, strict=True)
        )

    def _prompt(self, drawn: Drawn, versions: list[_Version], encodings: list[Encoding]) -> Prompt:
        index, frame, values = drawn
        (_, text, spans, slots), clean = versions[0], encodings[0]
        positions = self._positions(frame, text, spans, slots, clean)
        counterfactuals = {}
        for (name, other, other_spans, altered), encoding in zip(versions[1:], encodings[1:], strict=True):
            if self._positions(frame, other, other_spans, altered, encoding) != positions:
                raise BadTask(
                    f"counterfactual {name!r} of task {self._task.name!r} has other positions than its clean prompt "
                    f"under {self._tokenizer.name}: {text!r} against {other!r}."
                )
            counterfactuals[name] = Counterfactual(other, encoding.ids)
        texts = {role: self._task.answer_prefix + values[role] for role in self._roles}
        ids = {role: self._ids[frame.template, role][values[role]] for role in self._roles}
        distractor = self._task.distractor
        return Prompt(
            index=index,
            text=text,
            tokens=clean.ids,
            answer=texts[self._task.answer],
            distractor=texts[distractor] if distractor else None,
            answer_ids=ids[self._task.answer],
            distractor_ids=ids[distractor] if distractor else (),
            positions=positions,
            counterfactuals=counterfactuals,
            template=frame.template,
            slots=slots,
            candidates=tuple(texts.values()),
            candidate_ids=tuple(ids.values()),
        )

    def _positions(self, frame: Frame, text: str, spans: Spans, slots: Mapping[str, str], encoding: Encoding) -> Positions:
        positions: Positions = {}
        offsets, begin = encoding.offsets, 0
        for slot, start, stop in spans:
            first, last = tokens_over(offsets, start, stop, begin)
            shown = text[offsets[first][0] : offsets[last - 1][1]].strip() if first < last else ""
            if shown != slots[slot]:
                raise BadTask(
                    f"{{{slot}}} of template {frame.template!r} is the tokens {shown!r} under {self._tokenizer.name}, not "
                    f"{slots[slot]!r}: {text!r}."
                )
            positions[slot] = tuple(range(first, last))
            begin = first
        positions[END] = (len(encoding.ids) - 1,)
        return positions
