"""Scorers: a text-classification model as a judge of texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from hitl.errors import HitlError
from hitl.learn.hub import located
from hitl.learn.policy import quiet

_POSITIVE = ("positive", "label_1", "pos")


def load_scorer(source: Path | str) -> Scorer:
    """The scorer at a folder or hub id. Raises HitlError when there is none."""
    try:
        return Scorer(source)
    except (OSError, ValueError) as error:
        raise HitlError(
            f"the scorer could not be loaded ({error}): use sentiment-zh, sentiment-en, or a "
            "local folder"
        ) from error


class Scorer:
    """Gives each text the probability of the positive label, or the single output of a reward
    model."""

    def __init__(self, source: Path | str, device: torch.device | str = "cpu") -> None:
        quiet()
        source = located(source)
        self._model = AutoModelForSequenceClassification.from_pretrained(
            source, dtype=torch.float32, use_safetensors=True, trust_remote_code=False
        ).to(device)
        self._model.train(False)
        self._tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        labels = {int(i): str(n).lower() for i, n in self._model.config.id2label.items()}
        matches = [i for i, name in labels.items() if name.startswith(_POSITIVE)]
        if len(labels) > 1 and len(matches) != 1:
            raise ValueError(
                f"{source}: which of the labels {', '.join(labels.values())} is the good one? "
                "A scorer needs exactly one named positive, or a single output"
            )
        self._positive = matches[0] if len(labels) > 1 else None

    @torch.no_grad()
    def __call__(self, texts: Sequence[str], batch_size: int = 32) -> list[float]:
        """One score a text, in order: probability of positive in [0, 1], or a raw reward."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        scores = [0.0] * len(texts)
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            inputs = self._tokenizer(
                [texts[i] for i in rows],
                padding=True,
                truncation=True,
                max_length=256,
                return_tensors="pt",
            ).to(self._model.device)
            logits = self._model(**inputs).logits.float()
            values = (
                logits.squeeze(-1)
                if self._positive is None
                else logits.softmax(-1)[:, self._positive]
            )
            for i, value in zip(rows, values.tolist(), strict=True):
                scores[i] = value
        return scores
