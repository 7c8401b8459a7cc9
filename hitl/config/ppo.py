"""Every number of the PPO step, and the presets that name a set of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hitl.errors import UsageError


@dataclass(frozen=True, slots=True)
class PPOConfig:
    """Options of one PPO update. Defaults are those of the human preset."""

    advantage: Literal["baseline", "gae"] = "baseline"
    """`baseline`: reward against a running baseline, one advantage a completion.
    `gae`: token-level rewards, generalized advantage estimation on the value head, whitening."""
    lr: float = 7e-4
    """Learning rate of Adam; with `lr_decay` that of the first update."""
    lr_decay: float | None = 128.0
    """Labels after which the rate has fallen to 1/√2 of that; on it goes with the square root of
    labels. None: it stays."""
    lora_lr: float = 3e-3
    """Learning rate of adapters, which stays: their B begins at 0 and has further to go."""
    adam_betas: tuple[float, float] = (0.0, 0.99)
    """Decay of Adam's moments. With the first at 0 a batch is learned from once, when it comes, and
    not again in the next ones: docs/learning.md."""
    adam_eps: float = 1e-8
    """Adam's epsilon."""
    max_grad_norm: float | None = 1.0
    """Gradients are clipped to this norm; None clips nothing."""
    ppo_epochs: int = 1
    """Passes over the batch in one update."""
    mini_batch_size: int = 128
    """Completions a gradient step."""
    gradient_accumulation_steps: int = 1
    """Mini-batches whose mean losses are averaged into one optimizer step."""
    micro_batch_size: int = 32
    """Completions a forward and backward pass; does not change the result."""
    cliprange: float = 0.2
    """The probability ratio is clipped to 1 ± this."""
    cliprange_value: float = 0.2
    """Values are clipped to the old value ± this."""
    vf_coef: float = 0.1
    """Weight of the value loss."""
    gamma: float = 1.0
    """Discount a token (gae)."""
    lam: float = 0.95
    """GAE's lambda."""
    kl_penalty: Literal["kl", "abs", "mse", "full"] = "mse"
    """KL penalty of a token: an estimate from the token, or the exact one of its position. A
    reward (gae), or a term of the loss, which takes `mse` or `full` (baseline)."""
    init_kl_coef: float = 0.05
    """First weight of the KL penalty."""
    kl_control: Literal["fixed", "adaptive", "budget"] = "budget"
    """`fixed` leaves the weight alone. `adaptive` moves it by at most 20 % a horizon (Ziegler et
    al. 2019). `budget` moves it as much as it takes, and an update that still ends over the
    target is followed by a step straight back towards the reference."""
    target_kl: float = 6.0
    """KL to the reference that the controller aims at, nats a sequence."""
    kl_horizon: float = 200.0
    """How many labels the KL controller takes to react."""
    kl_memory: float = 8.0
    """Labels that the running estimate of the KL remembers (budget)."""
    whiten_rewards: bool = False
    """Whiten the token rewards before GAE (gae)."""
    use_score_scaling: bool = False
    """Divide scores by the running deviation of all scores (gae)."""
    use_score_norm: bool = False
    """Subtract their running mean first (gae, with use_score_scaling)."""
    score_clip: float | None = None
    """Clip scores to ± this; None clips nothing (gae)."""
    stop_kl: float | None = 0.13
    """Hard stop: a pass that leaves the policy more than this many nats a token (exact KL, mean
    over positions) from where the update began is shortened until it does not, and is the
    last."""
    early_stopping: bool = False
    """TRL's soft stop: no further pass once the last mini-batch's mean of log p_old - log p_new
    was above 1.5 times `early_stop_kl`; what was done stays."""
    early_stop_kl: float = 1.0
    """See early_stopping, nats a token (TRL's target_kl)."""
    baseline_shrink: float = 3.0
    """Weight, in completions, of the operator's running mean against the rest of the group
    (baseline)."""
    baseline_memory: float = 64.0
    """Labels the running mean and deviation remember (baseline)."""
    prior_labels: float = 4.0
    """Labels that the scale's middle and spread are worth before any were given (baseline)."""
    std_floor: float = 0.25
    """Least running deviation, as a share of the scale's spread (baseline)."""
    ratio_threshold: float = 10.0
    """A mini-batch whose mean ratio is above this teaches nothing."""
    amplify_updates: int = 6
    """With --amplify: further steps after each on the operator's labels."""
    amplify_prompts: int = 4
    """Prompts in each of them, drawn from those that were judged."""
    amplify_group: int = 8
    """Completions of each prompt."""
    amplify_epochs: int = 1
    """Passes over them: they are fresh, and more of them cost less than more passes."""
    amplify_gate: float = 0.55
    """Least share of held-out pairs that the reward model must put in the operator's order."""
    amplify_pessimism: float = 1.0
    """Standard deviations of its heads' disagreement that a text's reward loses."""


HUMAN = PPOConfig()
"""For a person's small batches: DESIGN 6.2."""

TRL_CLASSIC = PPOConfig(
    advantage="gae",
    lr=1.41e-5,
    lora_lr=1.41e-5,
    lr_decay=None,
    adam_betas=(0.9, 0.999),
    ppo_epochs=4,
    max_grad_norm=None,
    kl_penalty="kl",
    kl_control="adaptive",
    kl_horizon=10_000.0,
    stop_kl=None,
)
"""The step of TRL 0.11.4's PPOTrainer with its defaults: DESIGN 6.1."""


def preset(name: str) -> PPOConfig:
    """The options that `--preset name` stands for."""
    match name:
        case "human":
            return HUMAN
        case "trl-classic":
            return TRL_CLASSIC
    raise UsageError(f"--preset {name!r} is unknown: choose human or trl-classic")
