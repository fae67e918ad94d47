"""Ablations under a tokenizer that makes templates differ in length, against hooks on plain transformers modules. SmolLM2's
are in test_real_models_reference.py, which loads it once."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from plain import Ablation, PlainModel, Question, Replacements, Unit, load_folder, template_means
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

import circuitcheck as cc
from circuitcheck.prompts.builtin.ioi import ioi as ioi_definition

TOLERANCE = 1e-4
SMALLEST_REAL_EFFECT = 1e-3
PROMPTS = 6
REFERENCE_PROMPTS = 64


@dataclass(frozen=True)
class Step:
    """An ablation in circuitcheck's words, with the units they mean spelled out for the plain computation."""

    words: str
    plain: Ablation

    def apply(self, model):
        ablation = self.plain
        at = list(ablation.at) if isinstance(ablation.at, tuple) else ablation.at
        options = {"mean": {"n": REFERENCE_PROMPTS}, "counterfactual": {"source": ablation.source}}
        return model.ablate(self.words, kind=ablation.kind, at=at, **options.get(ablation.kind, {}))


def heads(layer: int, *numbers: int) -> tuple[str, ...]:
    return tuple(f"L{layer}H{number}" for number in numbers)


def step(words: str, kind: str, at: str | tuple[str, ...] | None, source: str = "abc", *, units: tuple[str, ...]) -> Step:
    return Step(words, Ablation(units, kind, at, source))


class Pair:
    """One checkpoint loaded by circuitcheck and by plain transformers, and the prompts that both answer."""

    def __init__(self, circuit, plain: PlainModel, cases: Iterable[Sequence[Step]]) -> None:
        self.circuit, self.plain, self.task = circuit, plain, cc.tasks.ioi().on_stream("test")
        self.prompts = self.task.prompts(PROMPTS, model=circuit, seed=0, stream="test")
        self.reference = self.task.prompts(REFERENCE_PROMPTS, model=circuit, seed=0, stream="reference")
        self.questions = [question(prompt) for prompt in self.prompts]
        self.clean = plain.logit_diffs(self.questions)
        self.replacements = self._record({unit for case in cases for one in case for unit in one.plain.parsed_units()})

    def measured(self, model) -> np.ndarray:
        return self.task.logit_diff(model).values(PROMPTS)

    def expected(self, case: Sequence[Step]) -> np.ndarray:
        edits = self.plain.edits(self.questions, [one.plain for one in case], self.replacements)
        return self.plain.logit_diffs(self.questions, edits)

    def questions_on(self, counterfactual: str) -> list[Question]:
        """The counterfactual texts, scored on the clean answers."""
        return [
            Question(prompt.counterfactuals[counterfactual].text, prompt.answer, prompt.distractor, prompt.template)
            for prompt in self.prompts
        ]

    def _record(self, units: set[Unit]) -> Replacements:
        reference = self.plain.record([prompt.text for prompt in self.reference], units)
        return Replacements(
            means=template_means([prompt.template for prompt in self.reference], reference),
            counterfactuals={
                name: self.plain.record([prompt.counterfactuals[name].text for prompt in self.prompts], units)
                for name in ("abc", "swap")
            },
        )


def question(prompt) -> Question:
    return Question(prompt.text, prompt.answer, prompt.distractor, prompt.template)


def apply_all(model, case: Sequence[Step]):
    for one in case:
        model = one.apply(model)
    return model


def assert_same(measured: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(measured, expected, rtol=0, atol=TOLERANCE)


def check_case(pair: Pair, case: Sequence[Step]) -> None:
    expected = pair.expected(case)
    assert np.abs(expected - pair.clean).max() > SMALLEST_REAL_EFFECT, "this case would pass without an ablation"
    assert_same(pair.measured(apply_all(pair.circuit, case)), expected)


def check_on_counterfactual(pair: Pair, name: str) -> None:
    expected = pair.plain.logit_diffs(pair.questions_on(name))
    assert np.abs(expected - pair.clean).max() > SMALLEST_REAL_EFFECT
    assert_same(pair.measured(pair.circuit.on(name)), expected)


def check_tokens(pair: Pair) -> None:
    for prompt in pair.prompts:
        assert pair.plain.tokens(prompt.text) == list(prompt.tokens)
        assert pair.plain.word(prompt.answer) == prompt.answer_id
        assert pair.plain.word(prompt.distractor) == prompt.distractor_id
        for counterfactual in prompt.counterfactuals.values():
            assert pair.plain.tokens(counterfactual.text) == list(counterfactual.tokens)
    for prompt in pair.reference:
        assert pair.plain.tokens(prompt.text) == list(prompt.tokens)


GPT2_UNITS = {"L1H2": ("L1H2",), "L1.attn": ("L1.attn",), "L0.mlp": ("L0.mlp",)}
GPT2_CASES = {
    f"{kind}-{words}-{at or 'everywhere'}": [step(words, kind, at, units=units)]
    for kind in ("zero", "mean", "counterfactual")
    for words, units in GPT2_UNITS.items()
    for at in ("END", "S1+1", None)
} | {
    "swap-L1H2-everywhere": [step("L1H2", "counterfactual", None, "swap", units=("L1H2",))],
    "composed-one-unit-two-places": [
        step("L0.mlp", "zero", "END", units=("L0.mlp",)),
        step("L0.mlp", "counterfactual", "S2", units=("L0.mlp",)),
    ],
    "composed-head-and-its-layer-at-two-places": [
        step("L1H0-2", "mean", ("S1+1", "S2"), units=heads(1, 0, 1, 2)),
        step("L1.attn", "counterfactual", "END", "swap", units=("L1.attn",)),
    ],
}


@pytest.fixture(scope="module")
def gpt2_pair(tmp_path_factory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("tiny_gpt2")
    save_tiny_gpt2(folder)
    with cc.use_session(cc.Session(cc.Settings(batch=PROMPTS))):
        yield Pair(cc.load(str(folder)), load_folder(folder), GPT2_CASES.values())


@pytest.fixture(autouse=True)
def fresh_session(gpt2_pair) -> None:
    """The model of this module outlives a test, and so does its session."""


def save_tiny_gpt2(folder: Path) -> None:
    tokenizer = slot_word_tokenizer()
    tokenizer.save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = GPT2LMHeadModel(
            GPT2Config(
                vocab_size=len(tokenizer),
                n_positions=64,
                n_layer=3,
                n_head=4,
                n_embd=32,
                bos_token_id=tokenizer.bos_token_id,
                eos_token_id=tokenizer.eos_token_id,
            )
        )
        # Far from zero everywhere, biases and layer norms too: a mistake in any of them must show in the logits.
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.4 * torch.randn_like(parameter))
    network.save_pretrained(folder)


def slot_word_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE that knows the words of the slots only.

    The words of the frames fall into pieces, so templates differ in length, as they do not with SmolLM2's tokenizer.
    """
    words = [f" {word}" for pool in ioi_definition().pools for word in pool.items]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=5000,
        min_frequency=1,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<|endoftext|>"],
        show_progress=False,
    )
    tokenizer.train_from_iterator(words, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|endoftext|>", eos_token="<|endoftext|>", model_max_length=64
    )


def test_gpt2_tokens(gpt2_pair: Pair) -> None:
    check_tokens(gpt2_pair)
    assert len({len(prompt.tokens) for prompt in gpt2_pair.prompts}) > 1


def test_gpt2_clean(gpt2_pair: Pair) -> None:
    assert_same(gpt2_pair.measured(gpt2_pair.circuit), gpt2_pair.clean)


@pytest.mark.parametrize("counterfactual", ["abc", "swap"])
def test_gpt2_on_a_counterfactual(gpt2_pair: Pair, counterfactual: str) -> None:
    check_on_counterfactual(gpt2_pair, counterfactual)


@pytest.mark.parametrize("name", GPT2_CASES)
@pytest.mark.sampled(6)
def test_gpt2_ablation(gpt2_pair: Pair, name: str) -> None:
    check_case(gpt2_pair, GPT2_CASES[name])
