"""What `learning.py` compares, and what it writes down."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from hitl.config.ppo import HUMAN, TRL_CLASSIC
from hitl.config.recorded import RecordedConfig, to_json
from hitl.config.session import SessionConfig

Lang = Literal["zh", "en"]
Mode = Literal["score", "rank"]

GROUP = 4
"""Completions that are judged together, the default."""


@dataclass(frozen=True)
class Method:
    """A way to learn from the labels."""

    name: str
    preset: Literal["human", "trl-classic"]
    lr: float | None = None
    """None: the preset's own."""
    lr_decay: float | None = None
    """None: the preset's own."""
    amplify: Literal["auto", "off", "on"] = "off"
    candidates: int | None = GROUP
    """As many as are judged; None: the default."""
    target_kl: float | None = None
    """None: the preset's own."""
    step: Mapping[str, Any] = field(default_factory=dict)
    """Numbers of the PPO step in place of the preset's, which no option stands for."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Other options of the run."""
    noise: float | None = None
    """Of the judge; None: what is asked for all."""
    errs: Mapping[str, float] = field(default_factory=dict)
    """Rates of the judge's slips (`hitl.unsteady.Unsteadiness`) in place of what is asked for
    all."""
    online_dpo: bool = False
    """No PPO step at all: `online_dpo.py`."""
    peer: str = ""
    """What it is one learning rate of, if others are to be laid beside it."""

    def config(self, **options: Any) -> SessionConfig:
        """Of a run with it, which has these `options` too."""
        own = {
            "preset": self.preset,
            "lr": self.lr,
            "lr_decay": self.lr_decay,
            "amplify": self.amplify,
            "candidates": self.candidates,
            "target_kl": self.target_kl,
        }
        config = SessionConfig(**(own | options | dict(self.options)))
        recorded = replace(config.ppo, **self.step)
        return RecordedConfig(**to_json(config), recorded=recorded)


MOMENTUM = {"adam_betas": (0.9, 0.999)}
FOUR_PASSES = {**MOMENTUM, "ppo_epochs": 4}

POLICY_GRADIENT = {
    **MOMENTUM,
    "baseline_memory": 1e9,
    "lr_decay": None,
    "kl_control": "fixed",
    "stop_kl": None,
}
"""One pass with Adam as it comes, at a rate that stays, and a KL term that does."""

REINFORCE = {**POLICY_GRADIENT, "baseline_shrink": 1e9}
"""Against the running mean of all rewards (Williams 1992)."""

RLOO = {**POLICY_GRADIENT, "baseline_shrink": 0.0}
"""Against the others of the group (Ahmadian et al. 2024)."""

ONE_AT_A_TIME = {"group_size": 1, "batch_size": 1, "candidates": 1}
"""As the terminal tool did that this one replaces."""

DEFAULT = Method("default", "human", amplify="auto", candidates=None)

SLIPS = {name: 0.1 for name in ("mistake", "skip", "tie", "drift")}
"""At the rate that B-Pref has for its own (Lee et al. 2021)."""

METHODS = (
    DEFAULT,
    *(replace(DEFAULT, name=f"default, {slip} .1", errs={slip: SLIPS[slip]}) for slip in SLIPS),
    replace(DEFAULT, name="default, all four .1", errs=SLIPS),
    replace(DEFAULT, name="default, bf16", options={"dtype": "bf16"}),
    Method("12 candidates", "human", candidates=12),
    Method("amplify", "human", amplify="on"),
    Method("labels alone", "human"),
    Method("labels alone, KL 8", "human", target_kl=8.0),
    Method("labels alone, judge without noise", "human", noise=0.0),
    Method("labels alone, 3 times its lr", "human", lr=HUMAN.lr * 3),
    Method("momentum", "human", step=MOMENTUM),
    Method("4 passes, lr 0.0003", "human", lr=3e-4, step=FOUR_PASSES),
    Method("4 passes, lr falling from 0.0009", "human", lr=9e-4, lr_decay=16, step=FOUR_PASSES),
    Method(f"classic, its lr {TRL_CLASSIC.lr:g}", "trl-classic", peer="classic"),
    *(
        Method(f"classic, lr {lr:g}", "trl-classic", lr, peer="classic")
        for lr in (5e-5, 1.5e-4, 5e-4)
    ),
    *(
        Method(f"{peer}, lr {lr:g}", "human", lr, step=step, peer=peer)
        for peer, step in (("REINFORCE", REINFORCE), ("RLOO", RLOO))
        for lr in (1e-4, 3e-4, 5e-4, 1e-3)
    ),
    *(
        Method(f"online DPO, lr {lr:g}", "human", lr, online_dpo=True, peer="online DPO")
        for lr in (1e-4, 3e-4, 5e-4, 1e-3)
    ),
    *(
        Method(
            f"one at a time, lr {lr:g}", "trl-classic", lr, options=ONE_AT_A_TIME,
            peer="one at a time",
        )
        for lr in (TRL_CLASSIC.lr, 1e-4)
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One line of the results."""

    lang: str
    mode: str
    method: str
    seed: int
    labels: int
    judgements: int
    keystrokes: int
    gold: float
    """Mean gold reward on fixed prompts and seeds, 0 to 1."""
    sequence_kl: float
    """KL to the base policy, nats a completion."""
    distinct2: float
    length: float
    """Tokens a completion."""
    duplicates: float = 0.0
    """Share of completions that an earlier one is."""
    operator: float = 0.0
    """Mean utility under the scorer that judged: what the policy could have learned to fool."""


def read(path: Path) -> list[Row]:
    """The lines of a results file; none when it is not there."""
    if not path.exists():
        return []
    return [Row(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
