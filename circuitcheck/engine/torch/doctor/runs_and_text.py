"""What else claims rely on: runs that can be repeated, prompts that do not disturb each other, how text becomes tokens."""

from collections.abc import Iterator
from dataclasses import replace

import torch

from circuitcheck.engine.checkup import EVERYTHING, TEXT, Finding, passed
from circuitcheck.engine.torch.doctor.examined import TOKENS, ExaminedModel
from circuitcheck.engine.torch.loaded.faithful import SAID
from circuitcheck.engine.torch.sites.shapes import Logits
from circuitcheck.errors import BadTask, ModelChanged

_SENTENCE = "When Mary and John went to the store, John gave a drink to"
_PAD = 5  # tokens
_PADDED = "largest difference of a logit with tokens to the right"


def check_numbers(examined: ExaminedModel) -> Iterator[Finding]:
    """First of all: does the model give numbers, and do they depend on what it is given?"""
    finite = all(bool(each.isfinite().all()) for each in (examined.our_logits, examined.their_logits))
    detail = "" if finite else f"NaN or infinity in {examined.loaded.card.ref.dtype}: the weights are broken, or overflow"
    yield Finding(EVERYTHING, "its logits are finite numbers", passed(finite), detail=detail)
    if finite:
        apart = examined.gap(examined.their_logits)
        detail = "" if apart > 0 else "two texts of random tokens have the same logits: the model ignores what it reads"
        yield Finding(EVERYTHING, "they depend on the input", passed(apart > 0), detail=detail)
    unlike = examined.loaded.unlike_bare
    if unlike is None:
        yield Finding(EVERYTHING, SAID, "noted", detail="there was none to compare with")
    else:
        yield Finding(EVERYTHING, SAID, "passed", unlike)


def check_runs(examined: ExaminedModel) -> Iterator[Finding]:
    """Determinism, causality, the noise floor, padding."""
    again = examined.logits(examined.ours)
    yield _same("the same run twice gives the same logits", examined, again, exactly=True)
    yield _looks_back_only(examined)
    alone = examined.alone_logits
    yield _same("a prompt alone gives the logits that it has in a batch", examined, alone)
    yield Finding("noise", "largest difference of a logit alone and in a batch", "noted", examined.gap(alone))
    yield _right_padding(examined)


def check_text(examined: ExaminedModel) -> Iterator[Finding]:
    """How this model's tokenizer treats BOS and spaces."""
    tokenizer = examined.loaded.tokenizer
    ids = tokenizer.encode(_SENTENCE).ids
    bos = tokenizer.inner.bos_token_id
    policy = examined.loaded.card.ref.bos
    expected = int(tokenizer.prepends_bos if policy == "tokenizer" else policy == "always")
    count = sum(each == bos for each in ids) if bos is not None else 0
    yield Finding(
        TEXT,
        "a prompt starts with one BOS" if expected else "a prompt has no BOS",
        passed(count == expected and (not expected or ids[0] == bos)),
        detail=f"{tokenizer.inner.bos_token!r}, by the policy of the model's spec",
    )
    read_back = tokenizer.decode(ids[expected:])
    yield Finding(TEXT, "what comes back from the tokens of a text", "noted", detail=repr(read_back))
    mary, spaced = (tokenizer.encode(text).ids[expected:] for text in ("Mary", " Mary"))
    detail = f"'Mary' {list(mary)}, ' Mary' {list(spaced)}"
    yield Finding(TEXT, "a word after a space is other tokens than at the start", "noted", detail=detail)
    yield _second_bos(examined)


def check_left_behind(examined: ExaminedModel) -> Iterator[Finding]:
    """Nothing of an examination stays."""
    try:
        examined.loaded.check_unchanged()
    except ModelChanged as error:
        yield Finding(EVERYTHING, "no hook is left, no weight changed", "failed", detail=str(error))
        return
    yield Finding(EVERYTHING, "no hook is left, no weight changed", "passed")


def _looks_back_only(examined: ExaminedModel) -> Finding:
    """Another last token changes no logits before it."""
    other = examined.ours.clone()
    other[:, -1] = examined.theirs[:, -1]
    moved = (examined.logits(other) - examined.our_logits).abs()
    before, there = float(moved[:, :-1].max()), float(moved[:, -1].max())
    return examined.nothing(EVERYTHING, "a token changes no logits before it", before, there)


def _right_padding(examined: ExaminedModel) -> Finding:
    """Prompts of many lengths are run side by side, unless a trial of its own shows that this changes their numbers."""
    if examined.loaded.card.architecture.n_ctx < TOKENS + _PAD:
        return Finding("padding", _PADDED, "noted", detail="the model's context is too short to tell")
    padded = torch.cat([examined.ours, examined.theirs[:, :_PAD]], dim=1)
    error = examined.gap(examined.logits(padded)[:, :TOKENS])
    return Finding("padding", _PADDED, "noted", error, "told by a trial before prompts of many lengths are run side by side")


def _second_bos(examined: ExaminedModel) -> Finding:
    tokenizer = examined.loaded.tokenizer
    check = "a text that holds the BOS already is refused"
    if not tokenizer.inner.bos_token:
        return Finding(TEXT, check, "noted", detail="this tokenizer has no BOS")
    try:
        tokenizer.encode(tokenizer.inner.bos_token + _SENTENCE)
    except BadTask:
        return Finding(TEXT, check, "passed")
    return Finding(TEXT, check, "failed")


def _same(check: str, examined: ExaminedModel, found: Logits, *, exactly: bool = False) -> Finding:
    gap = examined.gap(found)
    finding = examined.nothing(EVERYTHING, check, gap, examined.gap(examined.their_logits))
    return replace(finding, status="failed") if exactly and gap > 0 else finding
