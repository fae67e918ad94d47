"""Do plans get the values that they ask for, prompt by prompt? The same patch through the engine's whole machinery."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import torch

from circuitcheck.engine.checkup import EVERYTHING, Finding
from circuitcheck.engine.torch.dictionaries.pool import DictionaryPool
from circuitcheck.engine.torch.doctor.examined import ROWS, ExaminedModel
from circuitcheck.engine.torch.running.references import Directions, Means
from circuitcheck.engine.torch.running.run import Run
from circuitcheck.engine.torch.sites.shapes import Logits, PerPrompt
from circuitcheck.places import Site
from circuitcheck.plan import CLEAN, Cell, LogitDiff, Patch, Plan, View
from circuitcheck.prompts import Prompt, PromptStream
from circuitcheck.prompts.prompt import Counterfactual

_OTHER = "other"


def check_plans(examined: ExaminedModel) -> Iterator[Finding]:
    """All of the stream that enters layer 0, from the counterfactual of each prompt and from the clean run."""
    prompts, ref = _prompts(examined), examined.loaded.card.ref
    there, back = (Patch((Site("resid_pre", 0),), None, source) for source in (_OTHER, CLEAN))
    views = (View(ref), View(ref, _OTHER), View(ref).then(there), View(ref, _OTHER).then(back))
    cells = tuple(Cell(view, LogitDiff()) for view in views)
    task: Any = SimpleNamespace(name="random tokens", digest="random tokens", prompts=lambda *_, **__: prompts)
    with torch.no_grad():
        nothing = Means(0, lambda means: means.bytes), Directions(0, len), DictionaryPool()
        found = Run(examined.loaded, Plan(ref, PromptStream(task, "test", 0), cells), *nothing).table(range(ROWS)).values
    clean, other = (_by_hand(logits, prompts) for logits in (examined.our_logits, examined.their_logits))
    for values, (name, expected, instead) in zip(
        found,
        (
            ("a plan measures each prompt's own logits", clean, other),
            ("on a counterfactual it measures that one's", other, clean),
            ("a patch from the counterfactual gives that one's", other, clean),
            ("a patch from the clean run gives the clean ones", clean, other),
        ),
        strict=True,
    ):
        yield examined.compare(EVERYTHING, name, torch.from_numpy(values), expected, instead)


def _prompts(examined: ExaminedModel) -> tuple[Prompt, ...]:
    """`answer` and `distractor` are the tokens of which the two inputs differ most, so that nothing hides in rounding."""
    apart = (examined.our_logits - examined.their_logits)[:, -1]
    ends = (examined.ours.shape[1] - 1,)
    return tuple(
        Prompt(
            index=row,
            text=f"random tokens {row}",
            tokens=tuple(ours),
            answer="",
            distractor="",
            answer_ids=(int(apart[row].argmax()),),
            distractor_ids=(int(apart[row].argmin()),),
            positions={"END": ends},
            counterfactuals={_OTHER: Counterfactual("other random tokens", tuple(theirs))},
            template="",
            slots={},
        )
        for row, (ours, theirs) in enumerate(zip(examined.ours.tolist(), examined.theirs.tolist(), strict=True))
    )


def _by_hand(logits: Logits, prompts: tuple[Prompt, ...]) -> PerPrompt:
    last = logits[:, -1].cpu()
    return torch.stack([last[row, each.answer_id] - last[row, each.distractor_id] for row, each in enumerate(prompts)])
