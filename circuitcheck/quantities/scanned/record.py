"""A feature as other tools' files have it.

sae-dashboard's `batch-N.json` is what `NeuronpediaDashboardBatch.to_dict` gives (sae_dashboard/neuronpedia/
neuronpedia_dashboard.py and neuronpedia_converter.py, github.com/jbloomAus/SAEDashboard): `model_id`, `layer`, `sae_set`,
`sae_id_suffix` and `features`. Neuronpedia's feature is the answer of `/api/feature/{modelId}/{layer}-{set}/{index}`, whose
names are those of its database (`Neuron` and `Activation`, github.com/hijohnnylin/neuronpedia, also written by its
convert-saedashboard-to-neuronpedia-export.py). Bars of both are parallel lists: where a bar stands, and how high it is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from circuitcheck.errors import BadRecord
from circuitcheck.quantities.scanned.shown import Example
from circuitcheck.text import shown

_LEFT_EMPTY = (
    "neuron_alignment_indices neuron_alignment_values neuron_alignment_l1 correlated_neurons_indices correlated_neurons_l1 "
    "correlated_neurons_pearson correlated_features_indices correlated_features_l1 correlated_features_pearson "
    "logits_hist_data_bar_heights logits_hist_data_bar_values decoder_weights_dist"
).split()
_NUMBER = re.compile(r"[0-9]{1,12}")
_TOP = -1  # sae-dashboard's word for the group of top activations, in the place of a bin's lower edge and share
Token = tuple[str, float]


@dataclass(frozen=True)
class FeatureRecord:
    """What sae-dashboard's and Neuronpedia's files say of a feature: its `number`; the `model`, `layer` and name of its
    `dictionary`; the `rate` at which it fires; `bars` (activation, height) of its histogram; (token, effect) of tokens that
    are `promoted` and `suppressed`, most first; `examples`, largest first. Of a batch also the `dataset`, how many `pieces`
    of it were read, and of how many tokens (`context`); 0 where a file does not say."""

    number: int
    model: str
    layer: int
    dictionary: str
    rate: float
    bars: tuple[tuple[float, float], ...] = ()
    promoted: tuple[Token, ...] = ()
    suppressed: tuple[Token, ...] = ()
    examples: tuple[Example, ...] = ()
    dataset: str = ""
    pieces: int = 0
    context: int = 0

    def to_batch(self) -> dict[str, Any]:
        """An entry of `features` in sae-dashboard's `batch-N.json`."""
        return {
            "feature_index": self.number,
            **{name: [] for name in _LEFT_EMPTY},
            **self._shared(),
            "n_prompts_total": self.pieces,
            "n_tokens_in_prompt": self.context,
            "dataset": self.dataset,
            "activations": [_example_of_batch(each) for each in self.examples],
        }

    @classmethod
    def from_batch(cls, batch: Mapping[str, Any], feature: Mapping[str, Any]) -> "FeatureRecord":
        """Of a batch and one entry of its `features`. Raises BadRecord for what is not of that format."""
        place = f"feature {shown(feature.get('feature_index'))}"
        return cls(
            number=_whole(place, feature, "feature_index"),
            model=_text(place, batch, "model_id"),
            layer=_whole(place, batch, "layer"),
            dictionary=_text(place, batch, "sae_set"),
            **_read_shared(place, feature),
            examples=_examples(place, feature, "qualifying_token_index"),
            dataset=_text(place, feature, "dataset"),
            pieces=_whole(place, feature, "n_prompts_total"),
            context=_whole(place, feature, "n_tokens_in_prompt"),
        )

    def to_neuronpedia(self) -> dict[str, Any]:
        """As Neuronpedia's `/api/feature/{model}/{layer}-{dictionary}/{number}` answers."""
        place = {"modelId": self.model, "layer": f"{self.layer}-{self.dictionary}", "index": str(self.number)}
        return {
            **place,
            "sourceSetName": self.dictionary,
            "maxActApprox": max((each.value for each in self.examples), default=0.0),
            **{name: [] for name in _LEFT_EMPTY},
            **self._shared(),
            "explanations": [],
            "activations": [{**place, **_example_of_neuronpedia(each)} for each in self.examples],
        }

    @classmethod
    def from_neuronpedia(cls, feature: Mapping[str, Any]) -> "FeatureRecord":
        """Of such an answer. Raises BadRecord for what is not of that format."""
        if not isinstance(feature, Mapping):
            raise BadRecord(f"{shown(feature)} is no feature; expected the object that Neuronpedia answers with.")
        place = f"feature {shown(feature.get('index'))}"
        layer, dash, dictionary = _text(place, feature, "layer").partition("-")
        number = str(feature.get("index", ""))
        if not (_NUMBER.fullmatch(layer) and dash and _NUMBER.fullmatch(number)):
            raise BadRecord(
                f"{place}: layer={shown(feature.get('layer'))}; expected such as '6-res-jb', and a number for its index."
            )
        return cls(
            number=int(number),
            model=_text(place, feature, "modelId"),
            layer=int(layer),
            dictionary=dictionary,
            **_read_shared(place, feature),
            examples=_examples(place, feature, "qualifyingTokenIndex", "maxValueTokenIndex"),
        )

    def _shared(self) -> dict[str, Any]:
        """What both formats have, under the same names."""
        return {
            "neg_str": [token for token, _ in self.suppressed],
            "neg_values": [effect for _, effect in self.suppressed],
            "pos_str": [token for token, _ in self.promoted],
            "pos_values": [effect for _, effect in self.promoted],
            "frac_nonzero": self.rate,
            "freq_hist_data_bar_values": [middle for middle, _ in self.bars],
            "freq_hist_data_bar_heights": [height for _, height in self.bars],
        }


def _example_of_batch(example: Example) -> dict[str, Any]:
    return {
        "bin_min": _TOP,
        "bin_max": example.value,
        "bin_contains": _TOP,
        "tokens": list(example.tokens),
        "values": list(example.activations),
        "qualifying_token_index": example.place,
    }


def _example_of_neuronpedia(example: Example) -> dict[str, Any]:
    values = example.activations
    return {
        "tokens": list(example.tokens),
        "values": list(values),
        "maxValue": max(values),
        "maxValueTokenIndex": values.index(max(values)),
        "minValue": min(values),
        "binMin": _TOP,
        "binMax": example.value,
        "binContains": _TOP,
        "qualifyingTokenIndex": example.place,
    }


def _read_shared(place: str, feature: Mapping[str, Any]) -> dict[str, Any]:
    values, heights = (_numbers(place, feature, f"freq_hist_data_bar_{each}") for each in ("values", "heights"))
    return {
        "rate": _number(place, "frac_nonzero", feature.get("frac_nonzero")),
        "bars": tuple(zip(values, heights, strict=False)),  # sae-dashboard's has an edge more than bars in some versions
        "promoted": _tokens(place, feature, "pos"),
        "suppressed": _tokens(place, feature, "neg"),
    }


def _tokens(place: str, feature: Mapping[str, Any], which: str) -> tuple[Token, ...]:
    words, effects = _texts(place, feature, f"{which}_str"), _numbers(place, feature, f"{which}_values")
    if len(words) != len(effects):
        raise BadRecord(f"{place}: {which}_str has {len(words)} tokens, and {which}_values {len(effects)} numbers.")
    return tuple(zip(words, effects, strict=True))


def _examples(place: str, feature: Mapping[str, Any], *where: str) -> tuple[Example, ...]:
    """`where` are the names under which the token may be that an example is of; without them it is the largest."""
    found = []
    for each in _list(place, feature, "activations"):
        if not isinstance(each, Mapping):
            raise BadRecord(f"{place}: activations holds {shown(each)}; expected objects with tokens and values.")
        words, values = _texts(place, each, "tokens"), _numbers(place, each, "values")
        if len(words) != len(values) or not words:
            raise BadRecord(f"{place}: an example has {len(words)} tokens and {len(values)} values.")
        index = next((each[name] for name in where if each.get(name) is not None), values.index(max(values)))
        if isinstance(index, bool) or not isinstance(index, int) or index not in range(len(words)):
            raise BadRecord(f"{place}: an example of {len(words)} tokens is of token {shown(index)}.")
        found.append(Example(values[index], words, values, index))
    return tuple(found)


def _list(place: str, held: Mapping[str, Any], name: str) -> list[Any]:
    found = held.get(name)
    if not isinstance(found, list):
        raise BadRecord(f"{place}: {name} is {shown(found)}; expected a list.")
    return found


def _texts(place: str, held: Mapping[str, Any], name: str) -> tuple[str, ...]:
    found = _list(place, held, name)
    wrong = next((each for each in found if not isinstance(each, str)), None)
    if wrong is not None:
        raise BadRecord(f"{place}: {name} holds {shown(wrong)}; expected texts.")
    return tuple(found)


def _numbers(place: str, held: Mapping[str, Any], name: str) -> tuple[float, ...]:
    return tuple(_number(place, name, each) for each in _list(place, held, name))


def _number(place: str, name: str, found: object) -> float:
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise BadRecord(f"{place}: {name} holds {shown(found)}; expected a number.")
    try:
        return float(found)
    except OverflowError:
        raise BadRecord(f"{place}: {name} holds {shown(found)}, which is no number that can be computed with.") from None


def _whole(place: str, held: Mapping[str, Any], name: str) -> int:
    found = held.get(name)
    if isinstance(found, bool) or not isinstance(found, int):
        raise BadRecord(f"{place}: {name} is {shown(found)}; expected a whole number.")
    return found


def _text(place: str, held: Mapping[str, Any], name: str) -> str:
    found = held.get(name)
    if not isinstance(found, str):
        raise BadRecord(f"{place}: {name} is {shown(found)}; expected text.")
    return found
