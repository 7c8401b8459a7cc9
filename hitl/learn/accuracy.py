"""How good a classifier of texts is: what it scores against what people said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from hitl.corpora import Example
from hitl.learn.scratch import autocast

NEGATIVE, POSITIVE = 0, 1
#: Mean human rating (−4..4) from which on a text counts as clearly positive or negative.
CLEAR = 0.5
FRAGMENT = 40
BINS = 10


@dataclass(frozen=True, slots=True)
class Accuracy:
    """``right`` of ``count`` texts were called what people called them (undecided ones aside)."""

    right: int
    count: int

    @property
    def share(self) -> float:
        return self.right / self.count if self.count else float("nan")


@dataclass(frozen=True, slots=True)
class Bin:
    """Texts that were scored alike: their share of all, mean score, and share of positive ones."""

    share: float
    score: float
    positive: float


@dataclass(frozen=True, slots=True)
class Figures:
    """How good a classifier is on labelled texts.

    ``accuracy`` has ``all``; one entry a source; ``clear`` (mean rating at least 0.5 from zero,
    where there are ratings) also by source; and ``fragments``, the middle 40 characters of longer
    texts. ``loss``: mean cross-entropy against the share of people who call a text positive, nats.
    ``calibration``: up to ten bins of equal width, lowest scores first. ``deciles``: 10 %,
    50 % and 90 % points of the scores.
    """

    accuracy: dict[str, Accuracy]
    loss: float
    calibration: tuple[Bin, ...]
    deciles: tuple[float, float, float]

    @property
    def calibration_error(self) -> float:
        """Mean distance between the score and the share of positive texts scored alike."""
        return sum(one.share * abs(one.score - one.positive) for one in self.calibration)


def score(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]
) -> Tensor:
    """Probability of positive (N,), float32 on the CPU, for N texts; dropout off."""
    training = model.training
    model.train(False)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    scores = torch.empty(len(texts))
    device = model.device
    with torch.no_grad():
        for start in range(0, len(order), 64):
            rows = order[start : start + 64]
            batch = tokenise([texts[i] for i in rows], tokenizer).to(device)
            with autocast(device):
                logits = model(**batch).logits
            scores[rows] = logits.float().softmax(-1)[:, POSITIVE].cpu()
    model.train(training)
    return scores


def tokenise(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> Any:
    """A padded batch, cut at the tokeniser's limit."""
    return tokenizer(
        list(texts),
        padding=True,
        truncation=True,
        return_tensors="pt",
        return_token_type_ids=False,
    )


def evaluate(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, examples: Sequence[Example]
) -> Figures:
    """Figures of a classifier on labelled examples."""
    examples = [e for e in examples if _leaning(e) != 0]
    scores = score(model, tokenizer, [e.text for e in examples])
    long = [e for e in examples if len(e.text) > FRAGMENT]
    pieces = score(model, tokenizer, [middle(e.text, FRAGMENT) for e in long])

    accuracy = {"all": _accuracy(examples, scores)}
    clear = torch.tensor([e.rating is not None and abs(e.rating) >= CLEAR for e in examples])
    if bool(clear.any()):
        accuracy["clear"] = _accuracy(examples, scores, clear)
    for source in sorted({e.source for e in examples}):
        here = torch.tensor([e.source == source for e in examples])
        accuracy[source] = _accuracy(examples, scores, here)
        if bool((here & clear).any()):
            accuracy[f"{source} clear"] = _accuracy(examples, scores, here & clear)
    accuracy["fragments"] = _accuracy(long, pieces)
    deciles = (
        torch.quantile(scores, torch.tensor([0.1, 0.5, 0.9])).tolist() if len(scores) else [0.5] * 3
    )
    return Figures(
        accuracy=accuracy,
        loss=_loss(examples, scores),
        calibration=tuple(_bins(examples, scores)),
        deciles=(deciles[0], deciles[1], deciles[2]),
    )


def middle(text: str, characters: int) -> str:
    """The middle ``characters`` of a text, the whole of a shorter one."""
    start = max(0, (len(text) - characters) // 2)
    return text[start : start + characters]


def _leaning(example: Example) -> float:
    if example.rating is not None:
        return example.rating
    return 0.0 if example.label is None else example.label - 0.5


def _accuracy(
    examples: Sequence[Example], scores: Tensor, chosen: Tensor | None = None
) -> Accuracy:
    right = torch.tensor([_leaning(e) > 0 for e in examples], dtype=torch.bool) == (scores > 0.5)
    if chosen is not None:
        right = right[chosen]
    return Accuracy(int(right.sum()), len(right))


def _loss(examples: Sequence[Example], scores: Tensor) -> float:
    truth = [float(_leaning(e) > 0) if e.label is None else e.label for e in examples]
    return F.binary_cross_entropy(scores, torch.tensor(truth)).item() if truth else float("nan")


def _bins(examples: Sequence[Example], scores: Tensor) -> list[Bin]:
    """Those that hold a text."""
    truth = torch.tensor([_leaning(e) > 0 for e in examples], dtype=torch.float)
    places = (scores * BINS).long().clamp(max=BINS - 1)
    chosen = [places == i for i in range(BINS)]
    return [
        Bin(here.float().mean().item(), scores[here].mean().item(), truth[here].mean().item())
        for here in chosen
        if bool(here.any())
    ]
