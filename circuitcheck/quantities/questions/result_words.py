"""What a person reads of a result, made of what JSON holds of it: a stored report says what the run said."""

from collections.abc import Iterable, Mapping
from typing import Any

from circuitcheck.stats.planning import CAP
from circuitcheck.text import counted, in_table, printable

Found = Mapping[str, Any]  # a comparison, a receipt, ... as JSON holds it
_FEATURES_SHOWN = 4


def percent(share: float) -> str:
    """95%, and 99.58% for a claim of a family of twelve: rounding it to 100% would promise what nothing can."""
    return f"{100 * share:.4g}%"


def more_prompts(count: int | None) -> str:
    if count is None:
        return f"more than {CAP} times these prompts, too many to plan for from this sample"
    return f"about {count} prompts more"


def estimate(found: Found) -> Iterable[str]:
    if found["estimate"] is not None:
        low, high = found["ci"]
        ends = f"[{'-inf' if low is None else f'{low:.4g}'}, {'inf' if high is None else f'{high:.4g}'}]"
        yield f"{found['estimate']:.4g}, {percent(found['confidence'])} interval {ends}"


def sample(found: Found) -> Iterable[str]:
    groups = counted(found["templates"], found["groups"].removesuffix("s"))
    yield (
        f"{counted(found['n'], 'prompt')} from {groups} of {found['task']} ({found['stream']} stream, "
        f"seed {found['seed']}; scope: {found['scope'].replace('_', ' ')})"
    )


def method(found: Found) -> Iterable[str]:
    if found["method_in_words"]:
        yield f"{found['method_in_words']}{_looks(found)}"


def _looks(found: Found) -> str:
    """At which numbers of prompts it was looked."""
    if found["planned_looks"] < 2:
        return ""
    counts = [str(n) for n, _, _ in found["looks"]]
    listed = counts[0] if len(counts) == 1 else f"{', '.join(counts[:-1])} and {counts[-1]}"
    return f"; looked at after {listed} prompts, at levels that allow for {found['planned_looks']} looks"


def to_decide(found: Found) -> Iterable[str]:
    return [f"with probability {power}: {more_prompts(count)}" for power, count in found["n_more"].items()]


def not_seen(found: Found) -> Iterable[str]:
    """What would overturn a verdict is among the warnings already."""
    unseen = found["unseen"]
    return [] if unseen is None or unseen["fragile"] else [unseen["text"]]


def against_it(found: Found) -> Iterable[str]:
    prompts = found["contrary"]
    if prompts:
        yield f"{_heading(prompts)}:{''.join(f'{chr(10)}  {_contrary(each)}' for each in prompts)}"


def _heading(prompts: list[Found]) -> str:
    many = f"{len(prompts)} prompts" if len(prompts) > 1 else "prompt"
    if any(each["value"] is None for each in prompts):
        return "prompts without a finite number, or on the other side"
    scale = " (linearised; a ratio has no value on one prompt)" if prompts[0]["linearised"] else ""
    return f"the {many} farthest on the other side{scale}"


def _contrary(prompt: Found) -> str:
    where = "shrunk" if prompt["index"] is None else f"#{prompt['index']}"
    value = "nan" if prompt["value"] is None else in_table(prompt["value"])
    return f"{value:>8}  {where} [{prompt['template']}] {printable(prompt['text'])}"


def proof(found: Found) -> Iterable[str]:
    """Of a comparison or a claim, whichever has the receipts."""
    return [
        f"{receipt['intervention']} changed {receipt['changed']} of {receipt['prompts']} prompts "
        f"(mean relative change {_number(receipt['mean_relative_change'])}{_of_output(receipt)}){_firing(receipt)}"
        for receipt in found["receipts"]
    ]


def _number(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.3g}"


def _of_output(receipt: Found) -> str:
    found = receipt["mean_output_change"]
    return "" if found is None else f", of the dictionary's output {found:.3g}"


def _firing(receipt: Found) -> str:
    features = receipt["features"]
    counts = ", ".join(f"{each['feature']} on {each['fires']}" for each in features[:_FEATURES_SHOWN])
    more = f", and {len(features) - _FEATURES_SHOWN} more" if len(features) > _FEATURES_SHOWN else ""
    return f"; firing before: {counts}{more}" if counts else ""


def dictionary(found: Found) -> Iterable[str]:
    for ref in found["dictionaries"]:
        where = f"at {ref['reads']}" if ref["reads"] == ref["writes"] else f"from {ref['reads']} to {ref['writes']}"
        yield f"{ref['name']} ({ref['fingerprint'][:12]}): {ref['features']} features {where}"
