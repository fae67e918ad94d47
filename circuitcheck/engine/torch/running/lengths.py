"""Prompts of several lengths in one pass: tokens follow the shorter ones, which no token before them sees.

On running text nearly every prompt has a length of its own, and prompts of templates have a few. A pass over one of them
takes almost as long as one over many.
"""

from collections.abc import Callable, Iterable, Sequence

from circuitcheck.engine.registry import is_ours
from circuitcheck.engine.torch.running.graph import Node
from circuitcheck.engine.torch.shortened.parity import next_power_of_2
from circuitcheck.engine.torch.shortened.shortcut import KNOW_THE_START, knows_its_tokens
from circuitcheck.plan import Both, Metric, PatchPath
from circuitcheck.prompts import Prompt

_OURS = [each for each in KNOW_THE_START if each is not PatchPath]  # whose own passes begin at the receivers
_FEW_VIEWS = 4  # of more, each begins at the first token that it touches, which prompts of one length have in common
_FEW = 8  # lengths: prompts of templates hardly have more, and mostly fill passes by themselves
_LONGER = 1.25  # than the shortest of a pass: the more, the more is run that nobody reads
MayRunOn = Callable[[tuple[int, ...], int], bool]


def take_many_lengths(graph: Sequence[Node], metrics: Iterable[Metric]) -> bool:
    """May these passes be over prompts of several lengths, and are they faster for it?"""
    acting = {node.run: node.run.interventions for node in graph if node.run.interventions}
    done = [each for interventions in acting.values() for each in interventions]
    everywhere = all(at is None for each in done for _, at in each.writes)
    known = all(type(each) in _OURS for each in done) and all(map(_reads_its_tokens, metrics))
    return known and (everywhere or len(acting) <= _FEW_VIEWS)


def _reads_its_tokens(metric: Metric) -> bool:
    """One of a user's may count the tokens of its batch."""
    if type(metric) is Both:
        return all(map(_reads_its_tokens, metric.metrics))
    return is_ours(type(metric)) and knows_its_tokens(metric)


def joined(prompts: Sequence[Prompt], groups: list[list[int]], size: int, may_run_on: MayRunOn) -> list[list[int]]:
    """`groups` of one length each, shortest first; neighbours of which one has fewer texts than the `size` of a pass are put
    together, and of few lengths those that one pass holds. `may_run_on(tokens, length)` says whether other tokens may follow
    these, up to that length."""
    most = size if len(groups) <= _FEW else len(prompts)
    found: list[list[int]] = []
    for group in groups:
        if found and _are_near(prompts, found[-1], group, size, most) and may_run_on(*_ends(prompts, found[-1], group)):
            found[-1] = found[-1] + group
        else:
            found.append(group)
    return found


def _are_near(prompts: Sequence[Prompt], shorter: list[int], group: list[int], size: int, most: int) -> bool:
    tokens, length = _ends(prompts, shorter, group)
    texts = [len({prompts[index].tokens for index in each}) for each in (shorter, group)]
    alike = next_power_of_2(length) == next_power_of_2(len(tokens))  # some models have other positions from one of them on
    return alike and len(tokens) < length <= _LONGER * len(tokens) and min(texts) < size and sum(texts) <= most


def _ends(prompts: Sequence[Prompt], shorter: list[int], group: list[int]) -> tuple[tuple[int, ...], int]:
    """The shortest of all, and the length of the longest."""
    return prompts[shorter[0]].tokens, len(prompts[group[0]].tokens)
