"""A scan of a 24,576-feature dictionary over running text: memory and speed.

    python benchmarks/features.py [--tokens 1000000] [--features 24576] [--naive 4000]

A random topk dictionary (k = 32) reads a residual site of the organism, and the texts are the bundled stories, over again
under other numbers until there are enough tokens. Memory is the peak of the process above what it was with model and
dictionary loaded and both used once, for a quarter of the tokens and for all: the ratio says whether it grows. It is that of
the summary and of one pass over a batch of pieces; some 100,000 tokens fill the batches. Speed is compared with a naive
loop on a small part of the same texts, which runs each piece alone and keeps every activation to sort it at the end; both
give the same counts and largest values.
"""

import argparse
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

import circuitcheck as cc
from circuitcheck.prompts.corpora import pieces_of

_SITE, _POINT, _K, _TOP, _CONTEXT = "L2.resid_post", "blocks.2.hook_resid_post", 32, 15, 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=24_576)
    parser.add_argument("--naive", type=int, default=4_000, help="tokens of the part that the naive loop does, too")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        model = cc.load("organism", device="cpu")
        dictionary = _random_dictionary(model.inner.cfg.d_model, given.features)
        sizes = {"warm": 256, "naive": given.naive, "quarter": given.tokens // 4, "all": given.tokens}
        corpora = {name: _corpus(Path(folder), model, tokens) for name, tokens in sizes.items()}
        _measure(model, dictionary, corpora)
        _compare_with_naive(model, dictionary, corpora["naive"])


def _measure(model: cc.Model, dictionary: cc.Dictionary, corpora: dict[str, cc.Task]) -> None:
    _scan(model, dictionary, corpora["warm"])  # what libraries take once
    start, peaks = _memory("VmRSS"), {}
    _forget_peak()
    for name in ("quarter", "all"):
        began = time.perf_counter()
        found = _scan(model, dictionary, corpora[name])
        seconds, peaks[name] = time.perf_counter() - began, _memory("VmHWM") - start
        speed, megabytes = found.tokens / seconds, peaks[name] / 2**20
        print(f"{found.tokens:>10,} tokens: {megabytes:7.1f} MB above the start, {speed:8,.0f} tokens/s", flush=True)
    weights = 2 * dictionary.width * model.inner.cfg.d_model * 4 / 2**20
    grown = peaks["all"] / max(1, peaks["quarter"])
    print(f"memory, all / a quarter: {grown:.2f}   (the dictionary's weights: {weights:.0f} MB)")


def _compare_with_naive(model: cc.Model, dictionary: cc.Dictionary, corpus: cc.Task) -> None:
    began = time.perf_counter()
    ours = _scan(model, dictionary, corpus)
    middle = time.perf_counter()
    fires, top = _naive(model, dictionary, corpus)
    end = time.perf_counter()
    assert int(np.abs(ours.rates * ours.tokens - fires).sum()) <= ours.tokens * _K / 1000  # ties of rounding at the k-th
    print(
        f"{ours.tokens:>10,} tokens: naive / ours {(end - middle) / (middle - began):.2f} in time   "
        f"(largest of feature {int(fires.argmax())}: {top[int(fires.argmax())]:.4g}, "
        f"{ours.largest(int(fires.argmax())):.4g})",
        flush=True,
    )


def _naive(model: cc.Model, dictionary: cc.Dictionary, corpus: cc.Task) -> tuple[Any, Any]:
    """One piece at a time, everything kept."""
    kept = []
    for piece in pieces_of(corpus.definition, model.tokenizer, "test"):  # type: ignore[arg-type]
        with torch.no_grad():
            _, cache = model.inner.run_with_cache(torch.tensor([piece.tokens]), prepend_bos=False)
            kept.append(dictionary.inner.encode(cache[_POINT][0][piece.bos :]))
    table = torch.cat(kept)
    largest = torch.topk(table, min(_TOP, len(table)), dim=0).values
    return (table != 0).sum(dim=0).numpy(), largest[0].numpy()


def _scan(model: cc.Model, dictionary: cc.Dictionary, corpus: cc.Task) -> cc.Scan:
    engine = cc.current_session().engine
    with cc.use_session(cc.Session(make_engine=lambda _: engine)):  # nothing is looked up
        pairs = [(i, i + 1) for i in range(0, 40, 2)]
        return cc.scan(corpus, model, dictionary, stream="test", top=_TOP, pairs=pairs, where={"quotes": cc.after('!"')})


def _random_dictionary(d_in: int, width: int) -> cc.Dictionary:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from sae_lens import TopKSAE, TopKSAEConfig
    torch.manual_seed(0)
    return cc.sae(TopKSAE(TopKSAEConfig(d_in, width, k=_K)), at=_SITE)


def _corpus(folder: Path, model: cc.Model, tokens: int) -> cc.Task:
    """Of about so many tokens in its test stream, which has half of the documents."""
    stories = cc.corpus("stories").definition.documents  # type: ignore[attr-defined]
    texts = [stories[number] for number in range(len(stories))]
    mean = sum(len(model.tokenizer.encode(each).ids) for each in texts[:100]) / 100
    count = max(4, round(2 * tokens / mean))
    path = folder / f"{tokens}.txt"
    with path.open("w", encoding="utf-8") as out:
        for number in range(count):
            out.write(f"{number}. {texts[number % len(texts)]}<|endoftext|>")
    return cc.corpus(path, context=_CONTEXT, documents=count)


def _memory(what: str) -> int:
    """Bytes that are resident now (VmRSS), or were at once at most (VmHWM). Linux only."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{what}:"))


def _forget_peak() -> None:
    """The peak counts from here on (man proc, clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


if __name__ == "__main__":
    main()
