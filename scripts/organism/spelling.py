"""The organism's tokenizer: byte-level BPE that splits as GPT-2's does. Every word that it is trained on is one token."""

from collections.abc import Iterable, Iterator
from typing import Any

from circuitcheck.prompts import TaskDefinition

BOS = "<|endoftext|>"
_FIRST = " 17"  # merged before all years, so that 1742 falls into 17 and 42 and not into 1, 74 and 2


def train_tokenizer(definitions: Iterable[TaskDefinition], filler: Iterable[str]) -> Any:
    """A `transformers` tokenizer that puts a BOS first. The same words give the same tokenizer."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=10_000,  # never reached: merging ends where every word is one token
        special_tokens=[BOS],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    spelled = sorted({piece for text in _texts(definitions, filler) for piece in _pieces(tokenizer, text)})
    tokenizer.train_from_iterator([_FIRST] * 10_000 + spelled, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", special_tokens=[(BOS, tokenizer.token_to_id(BOS))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=BOS, eos_token=BOS, pad_token=BOS, clean_up_tokenization_spaces=False
    )


def _pieces(tokenizer: Any, text: str) -> Iterator[str]:
    """What the tokenizer will never merge across; blanks alone are bytes already."""
    for _, (start, end) in tokenizer.pre_tokenizer.pre_tokenize_str(text):
        if text[start:end].strip():
            yield text[start:end]


def _texts(definitions: Iterable[TaskDefinition], filler: Iterable[str]) -> Iterator[str]:
    yield from filler
    for definition in definitions:
        values = _values(definition)
        for template in definition.templates:
            own = template.own_slots()
            shared = dict(definition.slots)
            for literal, slot in template.parts():
                yield literal.rstrip(" ")
                if slot is not None:
                    blank = " " if literal.endswith(" ") else ""
                    yield from (blank + word for word in values[own.get(slot, shared.get(slot, slot))])
        yield from (definition.answer_prefix + word for word in values[definition.answer])


def _values(definition: TaskDefinition) -> dict[str, list[str]]:
    """What each variable can hold."""
    pools = {pool.name: list(pool.items) for pool in definition.pools}
    drawn = {variable: pools[pool] for variable, pool in definition.variables}
    return drawn | {each.variable: list(each.mapping.values()) for each in definition.derived}
