"""The whole of one PPO step on a rollout: evaluate, reward, advantage, passes, KL weight.

Between `ppo` (the passes) and `engine` (runs, operators, disks). Pure in its inputs but for the
policy and optimizer, which it teaches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from hitl.config.ppo import PPOConfig
from hitl.learn import ppo
from hitl.learn.advantages import baseline_advantages
from hitl.learn.before import Before
from hitl.learn.evaluate import evaluate_all, evaluate_own, read_all
from hitl.learn.expected import Expected
from hitl.learn.kl import (
    adapted_coef,
    budget_coef,
    budget_weight,
    drift_allowed,
    drift_believed,
    running_kl,
    token_kl,
)
from hitl.learn.limits import begin
from hitl.learn.policy import LanguageModel, Policy
from hitl.learn.rollout import Rollout
from hitl.learn.sampling import Sampling
from hitl.learn.share import ALONE, Share


@dataclass(frozen=True)
class StepResult:
    """What a step did, and the KL weight for the next one."""

    targets: ppo.Targets
    outcome: ppo.Outcome
    sequence_kl: float
    """Mean over completions that the policy wrote of sum of log p - log p_ref, or of the exact KL
    of each position, nats, before the step."""
    kl: float
    """What the KL controller saw: the same for the configured estimator."""
    weight: float
    """Of the KL in the loss of this step."""
    kl_coef: float
    """For the next one."""
    kl_estimate: float
    """Sequence KL after the step, from all steps so far."""


def ppo_step(
    policy: Policy,
    reference: LanguageModel,
    optimizer: torch.optim.Optimizer,
    rollout: Rollout,
    how: Sampling,
    config: PPOConfig,
    kl_coef: float,
    kl_estimate: float | None,
    expected: Expected | None,
    order: Callable[[int], Tensor],
    on_step: Callable[[int, int], None],
    share: Share = ALONE,
    began: Before | None = None,
    length: float = 1.0,
) -> StepResult:
    """Teaches `policy` the rewards of `rollout`. `expected` is needed by the baseline advantage
    and ignored by gae, whose scores are to be scaled already. `kl_estimate` is what the step
    before left, if there was one; what is there now is kept in `began` before it moves; `length`
    is the share of the first pass that is likely to go as far as it may. With a `share` of several
    processes each gives the same arguments, and all come to the same weights and result.

    Raises NonFiniteUpdateError; the weights may then have moved, and are the caller's to restore.
    """
    micro, mask = config.micro_batch_size, rollout.mask
    own = share.of(rollout.every_row)

    def of_all(figures: Tensor) -> Tensor:
        """(B, T) from one's own (n, T), which may be narrower."""
        wide = F.pad(figures, (0, mask.shape[1] - figures.shape[1]))
        return share.spread(wide, own, len(mask))

    if ppo.fits(rollout, config, share):  # the first pass begins with it: its way back is kept
        start = evaluate_own(policy, rollout, how, share)
    else:
        start = evaluate_all(policy, rollout, how, micro, share)
    theirs = read_all(reference, rollout, micro, share)
    said = start.detached()
    beside, yardstick = begin(said.reading, theirs, rollout, how, config, share)
    logp, values, ref_logp = of_all(said.logp), of_all(said.values), of_all(beside.other_logp)
    exact, budgeted = of_all(beside.kl), config.kl_control == "budget"
    penalty = config.kl_penalty if config.advantage == "gae" else "kl"
    kl = exact if penalty == "full" else token_kl(logp, ref_logp, penalty)
    measured = rollout.measured(how.max_new_tokens)
    controlled = per_sequence(exact if budgeted else kl, measured)
    if config.advantage == "gae":
        advantages, returns = ppo.gae_targets(config, rollout, kl, values, rollout.score, kl_coef)
        targets = ppo.Targets(logp, ref_logp, values, advantages, returns)
    else:
        if expected is None:
            raise ValueError("the baseline advantage needs the operator's usual rewards")
        one_each = baseline_advantages(
            rollout.score, rollout.group, expected.mean, expected.std, config.baseline_shrink
        )
        targets = ppo.Targets(
            rollout.old_logp,
            ref_logp,
            values,
            one_each[:, None].expand_as(logp),
            torch.zeros_like(values),
        )
    labels = len(rollout.ids)
    estimate = controlled
    if budgeted and kl_estimate is not None:
        seen = int(measured.any(1).sum())
        estimate = running_kl(kl_estimate, controlled, seen, config.kl_memory)
    weight = budget_weight(kl_coef, estimate, config.target_kl) if budgeted else kl_coef
    room = drift_allowed(estimate, config.target_kl)
    outcome = ppo.learn(
        policy, reference, optimizer, rollout, targets, start, yardstick, how, config, weight, room,
        order, on_step, share, began, length,
    )  # fmt: skip
    if config.kl_control != "fixed":
        move = budget_coef if budgeted else adapted_coef
        kl_coef = move(kl_coef, estimate, config.target_kl, labels, config.kl_horizon)
    estimate += drift_believed(outcome.drifted)
    # The exact one is the same on average, with less noise.
    sequence_kl = controlled if budgeted else per_sequence(logp - ref_logp, measured)
    return StepResult(targets, outcome, sequence_kl, controlled, weight, kl_coef, estimate)


def per_sequence(x: Tensor, mask: Tensor) -> float:
    """Mean over rows with tokens that count of the sum over these: (B, T), (B, T)."""
    return float(torch.where(mask, x, 0.0).sum(1)[mask.any(1)].mean())
