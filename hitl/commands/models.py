"""`hitl pretrain`, and `hitl reward train` on labelled texts: the recipes of the shipped models."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

from hitl.config.pretrain import PretrainConfig
from hitl.config.reward import RewardTrainConfig
from hitl.models import resolve


def pretrain(config: PretrainConfig) -> int:
    """Trains a tiny GPT-2 from scratch and prints its held-out loss."""
    if config.init is not None:
        start = resolve(str(config.init), Path("checkpoints"), "policy")
        config = dataclasses.replace(config, init=Path(start))

    from hitl.learn.pretrain import pretrain as learn

    result = learn(config, progress)
    print(f"{result.out}: {result.parameters:,} parameters, {result.texts:,} texts")
    if result.heldout is not None:
        print(
            f"held out: {result.heldout.per_token:.3f} nats a token, "
            f"{result.heldout.per_character:.3f} nats a character"
        )
    if result.alike is not None:
        print(f"held out: layers align with the encoder by {result.alike:.2f} of 1")
    return 0


def train_on_texts(config: RewardTrainConfig, *, as_json: bool) -> int:
    """Trains a classifier and prints its held-out accuracy."""
    from hitl.learn.classifier import train_classifier

    result = train_classifier(config, progress)
    if as_json:
        shares = {name: accuracy.share for name, accuracy in result.figures.accuracy.items()}
        figures = {"out": str(result.out), "texts": result.texts, "accuracy": shares,
                   "calibration_error": result.figures.calibration_error}  # fmt: skip
        print(json.dumps(figures))
        return 0
    print(f"{result.out}: {result.parameters:,} parameters, {result.texts:,} texts")
    for name, accuracy in result.figures.accuracy.items():
        print(f"held out, {name}: {accuracy.share:.1%} of {accuracy.count} right")
    print(f"calibration error {result.figures.calibration_error:.3f}")
    return 0


def progress(line: str) -> None:
    """A line of progress, on standard error."""
    print(line, file=sys.stderr)
