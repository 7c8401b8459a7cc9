"""Scorers: a text-classification model as a judge of texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from hitl.learn.hub import loading, located
from hitl.learn.policy import quiet
from hitl.learn.precision import use_bf16
from hitl.models import check_use

_POSITIVE = ("positive", "label_1", "pos")
AT_ONCE = 4096
"""Texts in memory as tokens."""
CPU_TOKENS = 1024
"""Tokens in a batch on a CPU: twice as many take longer a token."""
GPU_TOKENS = 32_768
"""Tokens in a batch on a GPU."""
_LONGEST = 512
"""Tokens a text is cut to where neither tokeniser nor model names a limit."""


def load_scorer(
    source: Path | str,
    *,
    raw: bool = False,
    device: torch.device | str = "cpu",
    precision: Literal["auto", "fp32", "bf16"] = "auto",
) -> Scorer:
    """The scorer at a folder or hub id. Raises HitlError when there is none."""
    with loading("scorer", source, "use sentiment-zh, sentiment-en, or a local folder"):
        return Scorer(source, device, raw=raw, precision=precision)


class Scorer:
    """Gives each text the probability of the positive label, or the single output of a reward
    model."""

    def __init__(
        self,
        source: Path | str,
        device: torch.device | str = "cpu",
        *,
        raw: bool = False,
        precision: Literal["auto", "fp32", "bf16"] = "auto",
    ) -> None:
        """`raw`: the logit of the positive label in place of its probability. `precision` auto is
        bf16 where that is native: scores then differ by some thousandths."""
        quiet()
        name, source = str(source), located(source)
        bf16 = use_bf16(precision, "cpu" if torch.device(device).type == "cpu" else "auto")
        self._model = AutoModelForSequenceClassification.from_pretrained(
            source,
            dtype=torch.bfloat16 if bf16 else torch.float32,
            use_safetensors=True,
            trust_remote_code=False,
        ).to(device)
        check_use(name, self._model.config.architectures or (), "scorer")
        self._model.train(False)
        if bf16:
            _widen_head(self._model)
        self._tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        self._raw = raw
        self._positive = positive_label(self._model.config)

    @property
    def bounded(self) -> bool:
        """Whether scores are probabilities; else any number."""
        return self._positive is not None and not self._raw

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


def _widen_head(model: Any) -> None:
    """Has the last layer compute in fp32: a logit in bf16 has eight bits, and of two texts that are
    nearly as good neither would be better."""
    labels = model.config.num_labels
    heads = [m for m in model.modules() if isinstance(m, nn.Linear) and m.out_features == labels]
    for head in heads[-1:]:
        head.float()
        head.register_forward_pre_hook(lambda _, inputs: tuple(x.float() for x in inputs))


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


@torch.inference_mode()
def logits_of(model: Any, tokenizer: Any, texts: Sequence[str], batch_size: int = 32) -> Tensor:
    """(N, labels) fp32 on the CPU, in the order of the N texts.

    Texts of like length share a batch, since padding costs as much as text, of at most `batch_size`
    and of so few tokens that what a layer makes of them stays in the processor's cache.
    """
    budget = CPU_TOKENS if model.device.type == "cpu" else GPU_TOKENS
    logits = torch.zeros(len(texts), model.config.num_labels)
    for first in range(0, len(texts), AT_ONCE):
        encoded = tokenizer(
            list(texts[first : first + AT_ONCE]),
            truncation=True,
            max_length=longest(model, tokenizer),
        )
        for rows in batches([len(ids) for ids in encoded["input_ids"]], batch_size, budget):
            inputs = tokenizer.pad(
                {name: [column[i] for i in rows] for name, column in encoded.items()},
                return_tensors="pt",
            ).to(model.device)
            logits[[first + i for i in rows]] = model(**inputs).logits.float().cpu()
    return logits


def batches(lengths: Sequence[int], most: int, budget: int) -> Iterator[list[int]]:
    """Indices of texts of these lengths, the like beside each other: at most `most` in a batch, and
    no more than `budget` tokens, padding included, unless one text alone has more."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if batch and (len(batch) == most or (len(batch) + 1) * lengths[index] > budget):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def longest(model: Any, tokenizer: Any) -> int:
    """Tokens that both model and tokeniser take; a tokeniser without a limit says 10³⁰."""
    positions = getattr(model.config, "max_position_embeddings", None) or _LONGEST
    limit = int(min(tokenizer.model_max_length, positions))
    return max(limit, 1)
