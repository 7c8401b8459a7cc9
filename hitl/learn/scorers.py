"""Scorers: a text-classification model as a judge of texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from hitl.errors import HitlError
from hitl.learn.hub import located
from hitl.learn.policy import quiet

_POSITIVE = ("positive", "label_1", "pos")
_LONGEST = 512
"""Tokens a text is cut to where neither tokeniser nor model names a limit."""


def load_scorer(
    source: Path | str, *, raw: bool = False, device: torch.device | str = "cpu"
) -> Scorer:
    """The scorer at a folder or hub id. Raises HitlError when there is none."""
    try:
        return Scorer(source, device, raw=raw)
    except (OSError, ValueError) as error:
        raise HitlError(
            f"the scorer could not be loaded ({error}): use sentiment-zh, sentiment-en, or a "
            "local folder"
        ) from error


class Scorer:
    """Gives each text the probability of the positive label, or the single output of a reward
    model."""

    def __init__(
        self, source: Path | str, device: torch.device | str = "cpu", *, raw: bool = False
    ) -> None:
        """`raw`: the logit of the positive label in place of its probability."""
        quiet()
        source = located(source)
        self._model = AutoModelForSequenceClassification.from_pretrained(
            source, dtype=torch.float32, use_safetensors=True, trust_remote_code=False
        ).to(device)
        self._model.train(False)
        self._tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        self._raw = raw
        self._positive = positive_label(self._model.config)

    @property
    def bounded(self) -> bool:
        """Whether scores are probabilities; else any number."""
        return self._positive is not None and not self._raw

    @torch.no_grad()
    def __call__(self, texts: Sequence[str], batch_size: int = 32) -> list[float]:
        """One score a text, in order: probability of positive in [0, 1], or a raw reward."""
        logits = logits_of(self._model, self._tokenizer, texts, batch_size)
        if self._positive is None:
            values = logits.squeeze(-1)
        elif self._raw:
            values = logits[:, self._positive]
        else:
            values = logits.softmax(-1)[:, self._positive]
        scores: list[float] = values.tolist()
        return scores


def positive_label(config: Any) -> int | None:
    """Index of the label that means good; None for a model with a single output.

    Raises ValueError when no label, or more than one, is called positive.
    """
    labels = {int(i): str(n).lower() for i, n in config.id2label.items()}
    if len(labels) == 1:
        return None
    matches = [i for i, name in labels.items() if name.startswith(_POSITIVE)]
    if len(matches) != 1:
        raise ValueError(
            f"which of the labels {', '.join(labels.values())} is the good one? "
            "A scorer needs exactly one named positive, or a single output"
        )
    return matches[0]


@torch.no_grad()
def logits_of(model: Any, tokenizer: Any, texts: Sequence[str], batch_size: int = 32) -> Tensor:
    """(N, labels) fp32 on the CPU, in the order of the N texts. Texts of like length share a batch:
    padding costs as much as text."""
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    logits = torch.zeros(len(texts), model.config.num_labels)
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        inputs = tokenizer(
            [texts[i] for i in rows],
            padding=True,
            truncation=True,
            max_length=longest(model, tokenizer),
            return_tensors="pt",
        ).to(model.device)
        logits[rows] = model(**inputs).logits.float().cpu()
    return logits


def longest(model: Any, tokenizer: Any) -> int:
    """Tokens that both model and tokeniser take; a tokeniser without a limit says 10³⁰."""
    positions = getattr(model.config, "max_position_embeddings", None) or _LONGEST
    limit = int(min(tokenizer.model_max_length, positions))
    return max(limit, 1)
