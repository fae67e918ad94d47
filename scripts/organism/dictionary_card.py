"""What a dictionary keeps of the values that it was trained on, measured on text that it has not seen."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from circuitcheck.prompts import Prompt
from organism.activations import Place, Replacement, Text, batches, losses, values

_HEADS = 4
_README = """\
# Dictionaries of the organism

Sparse dictionaries of the model in the folder above, as sae_lens saves them: `SAE.load_from_disk(folder)` loads each.
`python scripts/train_organism_saes.py` trains them, `card.json` of each has all its numbers. A `batchtopk` one is saved as
a JumpReLU, the one that reads and writes at different points as a transcoder. Training texts are of the organism's own
training, prompts among them of the reference stream; the numbers are of held-out texts, prompts among them of the discovery
stream. Loss is the cross-entropy of the next token in nats; it is recovered (1) or as bad as with zeros there (0).

| name | reads | writes | trained as | features | explained variance | L0 | never fire | loss | spliced | zeros | recovered |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""
_BEST = 4  # features of each task in the card

Loss = Callable[[Replacement | None], float]


@dataclass(frozen=True)
class HeldOut:
    """Texts of every kind, and prompts of each task; all of the discovery stream."""

    texts: Sequence[Text]
    prompts: Mapping[str, Sequence[Prompt]]


def measured(model: Any, place: Place, dictionary: Any, held_out: HeldOut) -> dict[str, Any]:
    """On running text, where every token counts the same, and at each prompt's END, for the answer's first token."""
    read, written = values(model, held_out.texts, place)
    mean = written.mean(0)
    replacements = {
        "with_reconstruction": dictionary,
        "with_mean": lambda value: mean.expand(*value.shape[:2], -1),
        "with_zero": torch.zeros_like,
    }
    return {
        "held_out_text": {
            **_reconstruction(dictionary, read, written),
            "loss": _spliced(replacements, lambda replacement: _text_loss(model, held_out.texts, place, replacement)),
        },
        "features_at_end": features_at_end(model, place, dictionary, held_out.prompts),
        "tasks": {
            name: _spliced(
                replacements,
                lambda replacement, prompts=prompts: _answer_loss(model, prompts, place, replacement),  # type: ignore[misc]
            )
            for name, prompts in held_out.prompts.items()
        },
    }


@torch.no_grad()
def _reconstruction(dictionary: Any, read: Tensor, written: Tensor) -> dict[str, Any]:
    """Total variance is that around the mean, summed over the width."""
    features = _encode(dictionary, read)
    rest = (written - _decode(dictionary, features)).pow(2).sum()
    unexplained = float(rest / (written - written.mean(0)).pow(2).sum())
    firing = features > 0
    return {
        "tokens": len(read),
        "explained_variance": round(1 - unexplained, 4),
        "fraction_of_variance_unexplained": round(unexplained, 4),
        "l0": round(float(firing.sum(1, dtype=torch.float32).mean()), 3),
        "share_of_features_that_fire": round(float(firing.any(0).float().mean()), 4),
        "dead_features": int((~firing.any(0)).sum()),
    }


def write_readme(folder: Path) -> None:
    """One table of all dictionaries that have a card in the folder."""
    cards = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*/card.json"))]
    (folder / "README.md").write_text(_README + "\n".join(map(_row, cards)) + "\n", encoding="utf-8")


def _row(card: dict[str, Any]) -> str:
    text = card["held_out_text"]
    cells = (
        card["name"],
        card["reads"] + ("" if card["head"] is None else f", head {card['head']}"),
        card["writes"],
        card["trained_as"],
        card["width"],
        text["explained_variance"],
        text["l0"],
        text["dead_features"],
        text["loss"]["clean"],
        text["loss"]["with_reconstruction"],
        text["loss"]["with_zero"],
        text["loss"]["recovered_against_zero"],
    )
    return f"| {' | '.join(map(str, cells))} |"


@torch.no_grad()
def features_at_end(
    model: Any, place: Place, dictionary: Any, prompts: Mapping[str, Sequence[Prompt]]
) -> dict[str, list[dict[str, float]]]:
    """For each task the features that tell its END best from other tokens of all tasks' prompts, by their F1. The token at
    END is not counted where it comes before, as the closing quotation mark does: there a feature may fire or not."""
    found = {name: _at_tokens(model, place, dictionary, some) for name, some in prompts.items()}
    fires = torch.cat([features > 0 for features, _, _ in found.values()])
    best = {}
    for name, (features, end, same) in found.items():
        recall = (features[end] > 0).float().mean(0)
        others = fires.sum(0) - (features[same] > 0).sum(0)
        hits = (features[end] > 0).sum(0)
        precision = hits / (hits + others).clamp(min=1)
        f1 = 2 * precision * recall / (precision + recall).clamp(min=1e-9)
        best[name] = [
            {
                "feature": number,
                "precision": round(float(precision[number]), 4),
                "recall": round(float(recall[number]), 4),
                "mean_activation": round(float(features[end, number].mean()), 3),
            }
            for number in f1.topk(_BEST).indices.tolist()
        ]
    return best


def _at_tokens(model: Any, place: Place, dictionary: Any, prompts: Sequence[Prompt]) -> tuple[Tensor, Tensor, Tensor]:
    """Features at all tokens [token, feature]; which are an END; which have the token of their prompt's END."""
    texts = [np.array(prompt.tokens) for prompt in prompts]
    read, _ = values(model, texts, place)
    tokens = [some for _, some in batches(texts)]
    end = torch.cat([(torch.arange(some.shape[1]) == some.shape[1] - 1).expand_as(some).flatten() for some in tokens])
    same = torch.cat([(some == some[:, -1:]).flatten() for some in tokens])
    return _encode(dictionary, read), end, same


def _encode(dictionary: Any, flat: Tensor) -> Tensor:
    """sae_lens wants the values of heads apart where it lays them side by side itself."""
    features: Tensor = dictionary.encode(flat.reshape(len(flat), _HEADS, -1) if dictionary.hook_z_reshaping_mode else flat)
    return features


def _decode(dictionary: Any, features: Tensor) -> Tensor:
    decoded: Tensor = dictionary.decode(features)
    return decoded.flatten(1)


def _spliced(replacements: Mapping[str, Replacement], loss: Loss) -> dict[str, float]:
    """Recovered: 1 where the reconstruction is as good as what it replaces, 0 where it is as bad as nothing or the mean."""
    found = {"clean": loss(None)} | {name: loss(replacement) for name, replacement in replacements.items()}
    for other in ("zero", "mean"):
        worse = found[f"with_{other}"]
        found[f"recovered_against_{other}"] = (worse - found["with_reconstruction"]) / (worse - found["clean"])
    return {name: round(value, 4) for name, value in found.items()}


def _text_loss(model: Any, texts: Sequence[Text], place: Place, replacement: Replacement | None) -> float:
    return float(torch.cat(losses(model, texts, place, replacement)).mean())


def _answer_loss(model: Any, prompts: Sequence[Prompt], place: Place, replacement: Replacement | None) -> float:
    texts = [_answered(prompt) for prompt in prompts]
    return float(torch.stack([each[-1] for each in losses(model, texts, place, replacement)]).mean())


def _answered(prompt: Prompt) -> Text:
    return np.array([*prompt.tokens, prompt.answer_id])
