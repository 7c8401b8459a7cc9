"""The whole of one PPO step on a rollout: evaluate, reward, advantage, passes, KL weight.

Between `ppo` (the passes) and `engine` (runs, operators, disks). Pure in its inputs but for the
policy and optimizer, which it teaches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from hitl.config.ppo import PPOConfig
from hitl.learn import ppo
from hitl.learn.advantages import baseline_advantages
from hitl.learn.expected import Expected
from hitl.learn.kl import adapted_coef, token_kl
from hitl.learn.policy import Policy
from hitl.learn.rollout import Rollout
from hitl.learn.sampling import Sampling


@dataclass(frozen=True)
class StepResult:
    """What a step did, and the KL weight for the next one."""

    targets: ppo.Targets
    outcome: ppo.Outcome
    sequence_kl: float
    """Mean over completions of sum of log p - log p_ref, nats, before the step."""
    kl: float
    """What the KL controller saw: the same for the configured estimator."""
    kl_coef: float


def ppo_step(
    policy: Policy,
    reference: Policy,
    optimizer: torch.optim.Optimizer,
    rollout: Rollout,
    how: Sampling,
    config: PPOConfig,
    kl_coef: float,
    expected: Expected | None,
    order: Callable[[int], Tensor],
    on_step: Callable[[int, int], None],
) -> StepResult:
    """Teaches `policy` the rewards of `rollout`. `expected` is needed by the baseline advantage
    and ignored by gae, whose scores are to be scaled already.

    Raises NonFiniteUpdateError; the weights may then have moved, and are the caller's to restore.
    """
    micro, mask = config.micro_batch_size, rollout.mask
    logp, values, _ = ppo.evaluate_all(policy, rollout, how, micro)
    ref_logp, _, _ = ppo.evaluate_all(reference, rollout, how, micro)
    sequence_kl = per_sequence(logp - ref_logp, mask)
    if config.advantage == "gae":
        if config.kl_penalty == "full":
            kl = ppo.full_kl_all(policy, reference, rollout, how, micro)
        else:
            kl = token_kl(logp, ref_logp, config.kl_penalty)
        advantages, returns = ppo.gae_targets(config, rollout, kl, values, rollout.score, kl_coef)
        controlled = per_sequence(kl, mask)
        targets = ppo.Targets(logp, ref_logp, values, advantages, returns)
    else:
        if expected is None:
            raise ValueError("the baseline advantage needs the operator's usual rewards")
        one_each = baseline_advantages(
            rollout.score, rollout.group, expected.mean, expected.std, config.baseline_shrink
        )
        controlled = sequence_kl
        targets = ppo.Targets(
            rollout.old_logp,
            ref_logp,
            values,
            one_each[:, None].expand_as(logp),
            torch.zeros_like(values),
        )
    outcome = ppo.learn(policy, optimizer, rollout, targets, how, config, kl_coef, order, on_step)
    if config.adaptive_kl:
        kl_coef = adapted_coef(
            kl_coef, controlled, config.target_kl, len(rollout.ids), config.kl_horizon
        )
    return StepResult(targets, outcome, sequence_kl, controlled, kl_coef)


def per_sequence(x: Tensor, mask: Tensor) -> float:
    """Mean over rows of the sum over tokens that count: (B, T), (B, T)."""
    return float(torch.where(mask, x, 0.0).sum(1).mean())
