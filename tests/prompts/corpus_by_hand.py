"""Corpora walked through by hand: documents, files that hold them, and the rows that each token makes."""

import csv
import json
import random
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq

from circuitcheck.prompts import STREAMS

WORDS = ["Mary", "John", "Tom", "went", "and", "then", "store", "park", "café", "naïve", "24", '"Yes', "no"]
FORMATS = ("txt", "jsonl", "csv", "parquet")


def documents(count, longest=16, seed=0):
    """Texts that begin with a number of their own, in sentences of a few words."""
    chance, found = random.Random(seed), []
    for number in range(count):
        words = [chance.choice(WORDS) for _ in range(chance.randint(3, longest))]
        ends = chance.choices((" ", "! ", '!" ', ". ", "\n", '"\r\n'), (6, 1, 1, 1, 1, 1), k=len(words) - 1)
        found.append(f"({number}) " + "".join(word + end for word, end in zip(words, [*ends, "."], strict=True)))
    return found


DOCUMENTS = [*documents(9), '(9) "Go!" Tom store and then, store and no!" so']


def write(path, texts, separator="<|endoftext|>"):
    if path.suffix == ".txt":
        path.write_bytes(separator.join(texts).encode())
    elif path.suffix == ".jsonl":
        path.write_bytes("".join(json.dumps({"id": 1, "text": text}, ensure_ascii=False) + "\n" for text in texts).encode())
    elif path.suffix == ".parquet":
        pq.write_table(pa.table({"id": [1] * len(texts), "text": texts}), path, row_group_size=7)
    else:
        with path.open("w", encoding="utf-8", newline="") as out:
            csv.writer(out).writerows([("id", "text"), *((1, text) for text in texts)])
    return path


def walk(model, text):
    """Ids of a document and, for each, where its token begins and ends: white space belongs to what comes after it."""
    encoded = model.tokenizer.encode(text)
    pairs = [(number, end) for number, (_, end) in zip(encoded.ids, encoded.offsets, strict=True)]
    ids, ends = zip(*(pairs[1:] if model.ref.bos == "always" else pairs), strict=True)
    return ids, list(zip((0, *ends[:-1]), ends, strict=True))


def by_hand(model, texts, context, picks, *, only_read=False):
    """Each row, as window, place in it and next token: all of which `picks(text, begin, end, index)` says yes to. With
    `only_read` it sees of the text what the window holds."""
    rows = []
    for text in texts:
        ids, spans = walk(model, text)
        bos = (0,) if model.ref.bos == "always" else ()
        piece = context - len(bos)
        for i, (begin, end) in enumerate(spans[:-1]):
            start = spans[i - i % piece][0] if only_read else 0
            if picks("\0" * start + text[start:], begin, end, i):
                window = ids[i - i % piece :][:piece]
                rows.append((bos + window, len(bos) + i % piece, ids[i + 1]))
    return Counter(rows)


def row(prompt):
    (end,) = prompt.positions["END"]
    (answer,) = prompt.answer_ids
    return prompt.tokens, end, answer


def rows(task, model):
    """Of all streams."""
    return Counter(row(prompt) for stream in STREAMS for prompt in task.iterate(model, stream=stream))
