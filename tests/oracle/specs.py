"""The cases that `generate.py` makes numbers of: what each is about, and how it is set up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Spec:
    name: str
    note: str
    ppo: dict[str, Any] = field(default_factory=dict)
    optimizer: str = "sgd"
    lr: float = 0.1
    steps: int = 3
    batches: str = "ragged"
    dropout: bool = False
    # 0.11.4 raises on use_score_scaling (float has no `.to`); the shim below lets it pass.
    patched: bool = False


SPECS = (
    Spec("kl-sgd", "defaults: adaptive KL towards 6, horizon 10000, one mini-batch", steps=8),
    Spec("abs-sgd", "penalty |lp - ref|", {"kl_penalty": "abs"}),
    Spec("mse-sgd", "penalty (lp - ref)^2 / 2", {"kl_penalty": "mse"}),
    Spec("full-sgd", "penalty: exact KL over the vocabulary", {"kl_penalty": "full"}),
    Spec("minibatch-sgd", "4 mini-batches of 2", {"mini_batch_size": 2}, steps=8),
    Spec(
        "accumulate-sgd",
        "2 mini-batches of 2 for each optimizer step",
        {"mini_batch_size": 2, "gradient_accumulation_steps": 2},
    ),
    Spec("whiten-sgd", "reward whitening", {"whiten_rewards": True, "mini_batch_size": 4}),
    Spec("score-clip-sgd", "scores clipped to +-1", {"score_clip": 1.0}),
    Spec(
        "early-stop-sgd",
        "early stopping that stops some steps after some epochs",
        {"early_stopping": True, "target_kl": 0.012, "mini_batch_size": 4},
        lr=0.3,
        steps=8,
    ),
    Spec(
        "ratio-sgd",
        "ratio threshold that skips some mini-batches",
        {"ratio_threshold": 1.04, "mini_batch_size": 2},
        lr=0.3,
        steps=4,
    ),
    Spec(
        "one-token-sgd",
        "1-token responses in a larger batch",
        {"mini_batch_size": 4},
        batches="one_token",
    ),
    Spec("fixed-kl-sgd", "fixed KL coefficient", {"adap_kl_ctrl": False, "init_kl_coef": 0.5}),
    Spec(
        "adaptive-kl-sgd",
        "KL controller that moves: target inside the range, short horizon",
        {"kl_penalty": "abs", "target": 3.0, "horizon": 50.0},
        steps=8,
    ),
    Spec(
        "coefficients-sgd",
        "every coefficient off its default",
        {
            "gamma": 0.9,
            "lam": 0.8,
            "cliprange": 0.05,
            "cliprange_value": 0.02,
            "vf_coef": 0.5,
            "ppo_epochs": 3,
            "init_kl_coef": 0.1,
            "mini_batch_size": 4,
        },
    ),
    Spec(
        "dropout-sgd",
        "dropout .1 configured in GPT-2 and value head: step must have it off in every forward",
        {"mini_batch_size": 4},
        dropout=True,
    ),
    Spec("kl-adam", "defaults, TRL's own Adam, lr 1.41e-5", optimizer="adam", lr=1.41e-5, steps=8),
    Spec("kl-adam-large", "Adam, lr 1e-3", optimizer="adam", lr=1e-3, steps=8),
    Spec(
        "minibatch-adam",
        "4 mini-batches of 2, Adam",
        {"mini_batch_size": 2},
        optimizer="adam",
        lr=1e-3,
    ),
    Spec(
        "accumulate-adam",
        "2 mini-batches of 2 for each optimizer step, Adam",
        {"mini_batch_size": 2, "gradient_accumulation_steps": 2},
        optimizer="adam",
        lr=1e-3,
    ),
    Spec(
        "ratio-adam",
        "skipped mini-batches still move Adam's moments, and so the weights",
        {"ratio_threshold": 1.01, "mini_batch_size": 2},
        optimizer="adam",
        lr=5e-3,
        steps=4,
    ),
    Spec(
        "all-adam",
        "most options at once",
        {
            "kl_penalty": "full",
            "mini_batch_size": 2,
            "gradient_accumulation_steps": 2,
            "whiten_rewards": True,
            "score_clip": 1.0,
            "early_stopping": True,
            "target_kl": 0.012,
            "target": 1.0,
            "horizon": 50.0,
        },
        optimizer="adam",
        lr=5e-3,
        steps=8,
    ),
    Spec(
        "score-scaling-sgd",
        "scores / running std",
        {"use_score_scaling": True},
        steps=4,
        patched=True,
    ),
    Spec(
        "score-norm-sgd",
        "(scores - running mean) / running std, then clipped to +-1",
        {"use_score_scaling": True, "use_score_norm": True, "score_clip": 1.0},
        steps=4,
        patched=True,
    ),
)
