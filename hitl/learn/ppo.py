"""One PPO update: what each token was worth, then a few clipped passes over the batch.

Shapes: B completions, T tokens of the longest, V vocabulary. The presets differ in where the
advantages come from (`gae` on the value head, `baseline` on the operator's running statistics)
and in how the KL to the reference is charged (a token reward, a loss).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hitl.config.ppo import PPOConfig
from hitl.learn import losses
from hitl.learn.advantages import gae, token_rewards
from hitl.learn.kl import full_kl, token_kl
from hitl.learn.masked import masked_mean, whiten
from hitl.learn.policy import Policy
from hitl.learn.rollout import Rollout
from hitl.learn.sampling import Sampling, warp


@dataclass(frozen=True)
class Evaluated:
    """What a policy says of the completions: (B, T) log-probabilities, values, entropies."""

    logp: Tensor
    values: Tensor
    entropy: Tensor
    log_p: Tensor
    """(B, T, V) whole distributions."""


@dataclass(frozen=True)
class Targets:
    """Fixed before the first pass, all (B, T)."""

    old_logp: Tensor
    ref_logp: Tensor
    old_values: Tensor
    advantages: Tensor
    returns: Tensor

    def rows(self, index: Tensor, width: int) -> Targets:
        """The rows `index`, their first `width` columns."""
        return Targets(*(getattr(self, name)[index, :width] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Outcome:
    """What the passes did. Losses are means over the gradient steps."""

    policy_loss: float
    value_loss: float
    entropy: float
    clip_fraction: float
    gradient_norm: float
    step_kl: float
    epochs: int
    stopped: bool
    """The last pass would have moved the policy too far: it was shortened, or taken back."""


HALVINGS = 8
"""Tries to shorten a pass that went too far."""

MEASURED = 16
"""Completions that the length of a pass is measured on; bounds the memory of a large batch."""


class NonFiniteUpdateError(ArithmeticError):
    """A loss or gradient was NaN or infinite; the weights are to be restored."""


def evaluate(policy: Policy, rollout: Rollout, how: Sampling) -> Evaluated:
    """One forward pass over right-padded rows, under the sampling's transformation."""
    columns = torch.arange(rollout.ids.shape[1], device=rollout.ids.device)
    logits, values = policy(rollout.ids, (columns < rollout.lengths[:, None]).long())
    rows = torch.arange(len(rollout.ids), device=rollout.ids.device)[:, None]
    tokens = rollout.tokens
    picked = warp(logits[rows, rollout.predictors], how, keep=tokens)  # (B, T, V)
    log_p = picked.log_softmax(-1)
    return Evaluated(
        logp=log_p.gather(-1, tokens[..., None]).squeeze(-1),
        values=values[rows, rollout.predictors],
        entropy=losses.entropy(picked),
        log_p=log_p,
    )


@torch.no_grad()
def evaluate_all(policy: Policy, rollout: Rollout, how: Sampling, micro: int) -> list[Tensor]:
    """(B, T) log-probabilities, values and entropies, `micro` rows at a time."""
    shape = rollout.mask.shape
    out = [torch.zeros(shape, device=rollout.ids.device) for _ in range(3)]
    for index in _split(torch.arange(shape[0], device=rollout.ids.device), micro):
        part = evaluate(policy, rollout.rows(index), how)
        width = part.logp.shape[1]
        for whole, piece in zip(out, (part.logp, part.values, part.entropy), strict=True):
            whole[index, :width] = piece
    return out


@torch.no_grad()
def full_kl_all(
    policy: Policy, reference: Policy, rollout: Rollout, how: Sampling, micro: int
) -> Tensor:
    """(B, T) exact KL of each position's distribution to the reference's, nats."""
    kl = torch.zeros(rollout.mask.shape, device=rollout.ids.device)
    for index in _split(torch.arange(len(kl), device=kl.device), micro):
        rows = rollout.rows(index)
        ours, theirs = evaluate(policy, rows, how), evaluate(reference, rows, how)
        kl[index, : rows.mask.shape[1]] = full_kl(ours.log_p, theirs.log_p)
    return kl


def gae_targets(
    config: PPOConfig, rollout: Rollout, kl: Tensor, values: Tensor, score: Tensor, kl_coef: float
) -> tuple[Tensor, Tensor]:
    """Whitened advantages and returns, (B, T), of the classic step (Ziegler et al. 2019)."""
    mask = rollout.mask
    rewards = token_rewards(score, kl, mask, kl_coef)
    if config.whiten_rewards:
        rewards = whiten(rewards, mask, shift_mean=False)
    advantages = gae(rewards, values, mask, config.gamma, config.lam)
    returns = torch.where(mask, advantages + values, 0.0)
    return whiten(advantages, mask), returns


def learn(
    policy: Policy,
    optimizer: torch.optim.Optimizer,
    rollout: Rollout,
    targets: Targets,
    how: Sampling,
    config: PPOConfig,
    kl_coef: float,
    order: Callable[[int], Tensor],
    on_step: Callable[[int, int], None],
) -> Outcome:
    """The passes over the batch. `order(epoch)` is a permutation of its rows, (B,).

    Raises NonFiniteUpdateError before a bad gradient reaches the weights.
    """
    per_epoch = -(-len(rollout.ids) // config.mini_batch_size)
    steps: list[dict[str, float]] = []
    step_kl, epochs, stopped = 0.0, 0, False
    yardstick = Yardstick.at(policy, rollout, how)
    for epoch in range(config.ppo_epochs):
        before = snapshot(policy, optimizer) if config.stop_kl is not None else None
        taken = len(steps)
        index = order(epoch).to(rollout.ids.device)
        minis = list(_split(index, config.mini_batch_size))
        for number, mini in enumerate(minis, 1):
            steps.append(
                _accumulate(policy, optimizer, rollout, targets, mini, how, config, kl_coef)
            )
            if number % config.gradient_accumulation_steps == 0 or number == len(minis):
                _optimizer_step(optimizer, config.max_grad_norm, steps[-1])
            on_step(len(steps), per_epoch * config.ppo_epochs)
        moved = yardstick.distance(policy)
        if before is not None and config.stop_kl is not None and not moved <= config.stop_kl:
            shortened = _shorten(policy, optimizer, before, yardstick, config.stop_kl)
            stopped = True
            if shortened is None:
                del steps[taken:]
            else:
                step_kl, epochs = shortened, epoch + 1
            break
        step_kl, epochs = moved, epoch + 1
        if config.early_stopping and steps[-1]["policy_kl"] > 1.5 * config.early_stop_kl:
            break

    def mean(key: str) -> float:
        given = [step[key] for step in steps if key in step]
        return sum(given) / len(given) if given else 0.0

    return Outcome(
        policy_loss=mean("policy_loss"),
        value_loss=mean("value_loss"),
        entropy=mean("entropy"),
        clip_fraction=mean("clip_fraction"),
        gradient_norm=mean("gradient_norm"),
        step_kl=step_kl,
        epochs=epochs,
        stopped=stopped,
    )


@dataclass(frozen=True)
class Yardstick:
    """Where the policy stood as the update began: whole distributions on a few completions.

    Estimates from the sampled tokens alone are four times too long here: the passes teach those
    very tokens, and move all others far less.
    """

    rollout: Rollout
    log_p: Tensor
    """(b, T, V)"""
    how: Sampling

    @classmethod
    @torch.no_grad()
    def at(cls, policy: Policy, rollout: Rollout, how: Sampling) -> Yardstick:
        """Set up where `policy` is now, on the first MEASURED rows."""
        rows = rollout.rows(torch.arange(min(len(rollout.ids), MEASURED), device=policy.device))
        # Without top-k and top-p: a token that leaves the most likely ones is no infinite move.
        how = Sampling(how.max_new_tokens, how.temperature)
        return cls(rows, evaluate(policy, rows, how).log_p, how)

    @torch.no_grad()
    def distance(self, policy: Policy) -> float:
        """KL(then || now), exact, mean over positions, nats a token."""
        now = evaluate(policy, self.rollout, self.how).log_p
        return float(masked_mean(full_kl(self.log_p, now), self.rollout.mask))


@torch.no_grad()
def _shorten(
    policy: Policy,
    optimizer: torch.optim.Optimizer,
    before: Snapshot,
    yardstick: Yardstick,
    stop_kl: float,
) -> float | None:
    """Halves the pass since `before` until it stays within `stop_kl`; its distance then.

    The backtracking line search of TRPO (Schulman et al. 2015, appendix C): a few labels of few
    tokens make an Adam step that is long where it matters, and to throw it away would throw the
    labels away. Without a short enough step in HALVINGS tries everything is put back: None.
    """
    moved = {n: p.detach() - before[0][n] for n, p in policy.named_parameters()}
    restore(policy, optimizer, before)
    for halving in range(1, HALVINGS + 1):
        for name, parameter in policy.named_parameters():
            parameter.copy_(before[0][name] + moved[name] * 0.5**halving)
        if (distance := yardstick.distance(policy)) <= stop_kl:
            return distance
    restore(policy, optimizer, before)
    return None


def _accumulate(
    policy: Policy,
    optimizer: torch.optim.Optimizer,
    rollout: Rollout,
    targets: Targets,
    index: Tensor,
    how: Sampling,
    config: PPOConfig,
    kl_coef: float,
) -> dict[str, float]:
    """Adds the gradient of the mini-batch `index`; its stats. Sums over micro-batches are divided
    by the mini-batch's tokens, so how it is cut changes nothing."""
    tokens = rollout.mask[index].sum()
    totals: dict[str, Tensor] = {}
    parameters = _parameters(optimizer)
    before = [None if p.grad is None else p.grad.clone() for p in parameters]
    for micro in _split(index, config.micro_batch_size):
        rows = rollout.rows(micro)
        mask, fixed = rows.mask, targets.rows(micro, rows.mask.shape[1])
        now = evaluate(policy, rows, how)
        pg, clipped = losses.policy_loss(
            now.logp, fixed.old_logp, fixed.advantages, config.cliprange
        )
        if config.advantage == "gae":
            vf = losses.value_loss(
                now.values, fixed.old_values, fixed.returns, config.cliprange_value
            )
            loss = pg + config.vf_coef * vf
        else:
            # Half the squared log-ratio: its gradient on the policy's own tokens is that of
            # KL(policy || reference), which the plain estimator's is not.
            vf = torch.zeros_like(pg)
            loss = pg + kl_coef * token_kl(now.logp, fixed.ref_logp, "mse")
        share = tokens * config.gradient_accumulation_steps
        (torch.where(mask, loss, 0.0).sum() / share).backward()  # type: ignore[no-untyped-call]
        for key, value in (
            ("policy_loss", pg),
            ("value_loss", vf),
            ("entropy", now.entropy),
            ("clip_fraction", clipped.float()),
            ("ratio", torch.exp(now.logp - fixed.old_logp)),
            ("policy_kl", fixed.old_logp - now.logp),
        ):
            part = torch.where(mask, value.detach(), 0.0).sum() / tokens
            totals[key] = totals.get(key, torch.zeros_like(part)) + part
    stats = {key: float(value) for key, value in totals.items()}
    if bad := [key for key, value in stats.items() if not math.isfinite(value)]:
        raise NonFiniteUpdateError(f"{', '.join(bad)} became NaN or infinite")
    if stats["ratio"] > config.ratio_threshold:
        for parameter, gradient in zip(parameters, before, strict=True):
            parameter.grad = torch.zeros_like(parameter) if gradient is None else gradient
        stats["policy_loss"] = stats["value_loss"] = 0.0
    return stats


def _optimizer_step(
    optimizer: torch.optim.Optimizer, max_norm: float | None, stats: dict[str, float]
) -> None:
    """Clips, checks and applies the accumulated gradient; its norm goes into `stats`."""
    limit = max_norm if max_norm is not None else math.inf
    norm = float(nn.utils.clip_grad_norm_(_parameters(optimizer), limit))
    if not math.isfinite(norm):
        raise NonFiniteUpdateError("the gradient became NaN or infinite")
    stats["gradient_norm"] = norm
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def _parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [p for group in optimizer.param_groups for p in group["params"]]


def _split(index: Tensor, size: int) -> Iterator[Tensor]:
    return iter(torch.split(index, size))


Snapshot = tuple[dict[str, Any], dict[str, Any]]


def snapshot(policy: Policy, optimizer: torch.optim.Optimizer) -> Snapshot:
    """A copy of weights and optimizer state, to go back to."""
    weights = {name: p.detach().clone() for name, p in policy.named_parameters()}
    return weights, copy.deepcopy(optimizer.state_dict())


@torch.no_grad()
def restore(policy: Policy, optimizer: torch.optim.Optimizer, before: Snapshot) -> None:
    """Puts a snapshot back, bit for bit."""
    weights, state = before
    for name, parameter in policy.named_parameters():
        parameter.copy_(weights[name])
    optimizer.load_state_dict(state)
    optimizer.zero_grad(set_to_none=True)
