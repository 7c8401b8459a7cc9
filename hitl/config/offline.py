"""Options of the trainings on files: what all of them have, reward models, SFT and DPO."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from hitl.config.checks import MAX_SEED, at_least, learning_rate, within
from hitl.errors import UsageError


@dataclass(frozen=True, slots=True)
class Passes:
    """Options that every training on a file has."""

    epochs: float = 3.0
    """Passes over the training part."""
    heldout: float | None = None
    """Share that is not learned from and gives the figures, above 0 and below 1. Default: a tenth,
    but at least 8 rows or lists of 24 and more."""
    warmup: float = 0.1
    """Share of the steps over which the learning rate rises; then it falls along a cosine."""
    lora_rank: int = 0
    """Rank of LoRA adapters, merged into the model at the end; 0 teaches all weights."""
    gradient_checkpointing: bool = False
    """Less memory for about a fifth more time."""

    def __post_init__(self) -> None:
        if not 0 < self.epochs < 10_000:
            raise UsageError(f"--epochs {self.epochs:g}: give a number above 0")
        if self.heldout is not None and not 0 < self.heldout < 1:
            raise UsageError(f"--heldout {self.heldout:g}: give a share above 0 and below 1")
        if not 0 <= self.warmup < 1:
            raise UsageError(f"--warmup {self.warmup:g}: give a share from 0, below 1")
        if self.lora_rank < 0:
            raise UsageError(f"--lora-rank {self.lora_rank}: give 0 or more")

    def rate(self, asked: float | None, default: float) -> float:
        """The learning rate: as asked, else `default`, of which adapters take ten times."""
        if asked is not None:
            return asked
        return default * 10 if self.lora_rank else default


@dataclass(frozen=True, slots=True)
class PreferenceConfig:
    """Rank lists, preferences and runs only."""

    passes: tyro.conf.OmitArgPrefixes[Passes] = field(default_factory=Passes)
    """Options of the training."""
    pairs_per_step: int = 16
    """Pairs in an optimiser step."""
    pair_lr: float | None = None
    """Highest learning rate of AdamW. Default: 1e-4, with LoRA 1e-3."""

    def __post_init__(self) -> None:
        at_least("--pairs-per-step", self.pairs_per_step, 1)
        learning_rate("--pair-lr", self.pair_lr)

    @property
    def rate(self) -> float:
        """The learning rate that holds."""
        return self.passes.rate(self.pair_lr, 1e-4)


@dataclass(frozen=True, slots=True)
class Tuning:
    """What SFT and DPO share: policy, data, and where the result goes."""

    data: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="DATA")]
    """What to learn from; see the page of the command."""
    out: Path
    """Folder the finished policy is written to: plain, as `hitl train --policy OUT` takes it."""
    policy: str | None = None
    """Policy to start from: a folder, a shipped name or a hub id. Default: that of the run, or the
    shipped one of the texts' language."""
    passes: tyro.conf.OmitArgPrefixes[Passes] = field(default_factory=Passes)
    """Options of the training."""
    max_tokens: int = 256
    """Longer texts are cut here, in tokens; the policy's own limit holds as well."""
    bad_rows: Literal["refuse", "skip"] = "refuse"
    """Rows of a file that cannot be used: refuse the file, or leave them out. Both tell them."""
    device: Literal["auto", "cpu"] = "auto"
    """auto is a GPU if there is one."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Arithmetic of the forward pass; auto is bf16 where the processor multiplies it natively."""
    seed: int = 0
    """Seed of the split, the order and the adapters."""
    json: bool = False
    """Print the figures as one JSON object on the last line."""
    root: str = "checkpoints"
    """Folder that holds runs and models."""

    def __post_init__(self) -> None:
        at_least("--max-tokens", self.max_tokens, 8)
        within(self, "seed", 0, MAX_SEED)


@dataclass(frozen=True, slots=True)
class Sft:
    """Supervised fine-tuning: the policy learns to write such texts."""

    tuning: tyro.conf.OmitArgPrefixes[Tuning]
    """Data, result and training."""
    batch_size: int = 16
    """Texts in an optimiser step."""
    lr: float | None = None
    """Highest learning rate of AdamW. Default: 5e-4, with LoRA 5e-3."""

    def __post_init__(self) -> None:
        at_least("--batch-size", self.batch_size, 1)
        learning_rate("--lr", self.lr)

    @property
    def rate(self) -> float:
        """The learning rate that holds."""
        return self.tuning.passes.rate(self.lr, 5e-4)


@dataclass(frozen=True, slots=True)
class Dpo:
    """DPO: the policy learns the judgements of a run, or of a file, without sampling."""

    tuning: tyro.conf.OmitArgPrefixes[Tuning]
    """Data, result and training."""
    batch_size: int = 16
    """Pairs in an optimiser step."""
    lr: float | None = None
    """Highest learning rate of AdamW. Default: 1e-4, with LoRA 1e-3."""
    beta: float = 0.1
    """How strongly the policy is held to the one it starts from."""

    def __post_init__(self) -> None:
        at_least("--batch-size", self.batch_size, 1)
        learning_rate("--lr", self.lr)
        if not 0 < self.beta < 100:
            raise UsageError(f"--beta {self.beta:g}: give a number above 0")

    @property
    def rate(self) -> float:
        """The learning rate that holds."""
        return self.tuning.passes.rate(self.lr, 1e-4)
