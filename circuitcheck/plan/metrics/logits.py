"""Metrics of logits: at END, or over the tokens of a whole answer."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from circuitcheck.plan.metrics.protocol import MetricBase, Reading, Support


@dataclass(frozen=True)
class LogitDiff(MetricBase):
    """Logit of the answer minus logit of the distractor, subtracted in float64; of their first tokens, which must differ."""

    name: ClassVar[str] = "logit_diff"
    tokens: ClassVar[Literal["pair"]] = "pair"
    support: ClassVar[Support] = "real"


@dataclass(frozen=True)
class Accuracy(MetricBase):
    """1 where the answer has the largest logit of the whole vocabulary, else 0."""

    name: ClassVar[str] = "accuracy"
    tokens: ClassVar[Literal["all"]] = "all"
    support: ClassVar[Support] = "binary"


@dataclass(frozen=True)
class CandidateAccuracy(MetricBase):
    """1 where the answer has the largest logit among the task's candidates (answer, distractor and others that it names),
    compared on their first tokens, else 0."""

    name: ClassVar[str] = "candidate_accuracy"
    tokens: ClassVar[Literal["candidates"]] = "candidates"
    support: ClassVar[Support] = "binary"


@dataclass(frozen=True)
class Loss(MetricBase):
    """Minus the log-probability of the answer's first token, in nats: on running text the loss of the next token."""

    name: ClassVar[str] = "loss"
    tokens: ClassVar[Literal["all"]] = "all"
    support: ClassVar[Support] = (0.0, math.inf)


@dataclass(frozen=True)
class LogProb(MetricBase):
    """Log-probability of the whole answer, or distractor, in nats: the sum over its tokens, each given those before it
    (teacher forcing)."""

    of: Literal["answer", "distractor"] = "answer"
    tokens: ClassVar[Literal["all"]] = "all"
    support: ClassVar[Support] = (-math.inf, 0.0)

    @property
    def name(self) -> str:
        return "log_prob" if self.of == "answer" else "log_prob_of_distractor"

    @property
    def reads(self) -> Reading:  # type: ignore[override]
        return self.of


@dataclass(frozen=True)
class Probability(MetricBase):
    """Softmax probability of the answer's first token."""

    name: ClassVar[str] = "probability"
    tokens: ClassVar[Literal["all"]] = "all"
    support: ClassVar[Support] = (0.0, 1.0)


@dataclass(frozen=True)
class Rank(MetricBase):
    """1 where the answer's first token has the largest logit, 2 where one token has a larger one, and so on."""

    name: ClassVar[str] = "rank"
    tokens: ClassVar[Literal["all"]] = "all"
    support: ClassVar[Support] = (1.0, math.inf)


@dataclass(frozen=True)
class KLFromClean(MetricBase):
    """Kullback-Leibler divergence of the view's next-token distribution at END from the untouched model's on the clean
    prompt, D(clean || view), in nats."""

    name: ClassVar[str] = "kl_from_clean"
    tokens: ClassVar[Literal["all"]] = "all"
    support: ClassVar[Support] = (0.0, math.inf)
    compares_with_clean: ClassVar[bool] = True


OF_FIRST_TOKEN = (LogitDiff, Accuracy, CandidateAccuracy, Loss, Probability, Rank)  # of an answer that has several
