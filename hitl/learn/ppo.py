"""One PPO update: what each token was worth, then a few clipped passes over the batch.

Shapes: B completions, T tokens of the longest, V vocabulary. The presets differ in where the
advantages come from (`gae` on the value head, `baseline` on the operator's running statistics)
and in how the KL to the reference is charged (a token reward, a loss).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hitl.config.ppo import PPOConfig
from hitl.learn import losses
from hitl.learn.advantages import gae, token_rewards
from hitl.learn.evaluate import Evaluated, evaluate, split
from hitl.learn.kl import full_kl, token_kl
from hitl.learn.limits import Yardstick, pull_back, shorten, snapshot
from hitl.learn.masked import whiten
from hitl.learn.policy import LanguageModel, Policy
from hitl.learn.rollout import Rollout
from hitl.learn.sampling import Sampling


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
    pulled: bool
    """The KL budget was used up: the weights were moved back towards the reference's."""
    drifted: float
    """How much further from the reference the taught rows ended than they began, nats a sequence;
    0 where no budget asks for it."""


class NonFiniteUpdateError(ArithmeticError):
    """A loss or gradient was NaN or infinite; the weights are to be restored."""


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
    reference: LanguageModel,
    optimizer: torch.optim.Optimizer,
    rollout: Rollout,
    targets: Targets,
    start: Evaluated,
    theirs: Evaluated,
    how: Sampling,
    config: PPOConfig,
    kl_coef: float,
    room: float,
    order: Callable[[int], Tensor],
    on_step: Callable[[int, int], None],
) -> Outcome:
    """The passes over the batch. `start` is what the policy says of it before, and `theirs` what
    the reference does; `room` is what is left of a KL budget, nats a sequence; `order(epoch)` is a
    permutation of the rows, (B,).

    Raises NonFiniteUpdateError before a bad gradient reaches the weights.
    """
    per_epoch = -(-len(rollout.ids) // config.mini_batch_size)
    steps: list[dict[str, float]] = []
    step_kl, epochs, stopped = 0.0, 0, False
    yardstick = Yardstick.at(start, theirs, rollout, how, config)
    now: Evaluated | None = start if fits(rollout, config) else None
    for epoch in range(config.ppo_epochs):
        before = snapshot(policy, optimizer) if config.stop_kl is not None else None
        taken = len(steps)
        index = order(epoch).to(rollout.ids.device)
        minis = list(split(index, config.mini_batch_size))
        for number, mini in enumerate(minis, 1):
            steps.append(
                _accumulate(
                    policy, optimizer, rollout, targets, theirs, mini, now, how, config, kl_coef
                )
            )
            now = None  # its way back is behind it, and the weights are to move
            if number % config.gradient_accumulation_steps == 0 or number == len(minis):
                _optimizer_step(optimizer, config.max_grad_norm, steps[-1])
            on_step(len(steps), per_epoch * config.ppo_epochs)
        epochs = epoch + 1
        last = epochs == config.ppo_epochs or (
            config.early_stopping and steps[-1]["policy_kl"] > 1.5 * config.early_stop_kl
        )
        if config.stop_kl is None and not last:
            continue
        # Where the whole batch fits, what is measured is the next pass's way forth.
        more = not last and fits(rollout, config)
        now = evaluate(policy, rollout, how) if more else yardstick.look(policy)
        moved = yardstick.distance(now)
        if before is not None and config.stop_kl is not None and not moved <= config.stop_kl:
            now = None
            shortened = shorten(policy, optimizer, before, yardstick, config.stop_kl)
            stopped = True
            if shortened is None:
                del steps[taken:]
                epochs = epoch
            else:
                step_kl = shortened
            break
        step_kl = moved
        if last:
            break
        if not more:
            now = None
    pulled, drifted = False, 0.0
    if config.kl_control == "budget":
        limit = math.inf if config.stop_kl is None else config.stop_kl
        now = now if now is not None else yardstick.look(policy)
        if back := pull_back(policy, reference, yardstick, now, room, limit):
            pulled, now = True, back
            step_kl = yardstick.distance(now)
        drifted = yardstick.drift(now) - yardstick.began

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
        pulled=pulled,
        drifted=drifted,
    )


def fits(rollout: Rollout, config: PPOConfig) -> bool:
    """Whether one forward pass holds the whole batch, and one gradient step is made of it."""
    return len(rollout.ids) <= min(config.micro_batch_size, config.mini_batch_size)


def _accumulate(
    policy: Policy,
    optimizer: torch.optim.Optimizer,
    rollout: Rollout,
    targets: Targets,
    theirs: Evaluated,
    index: Tensor,
    ready: Evaluated | None,
    how: Sampling,
    config: PPOConfig,
    kl_coef: float,
) -> dict[str, float]:
    """Adds the gradient of the mini-batch `index`; its stats. Sums over micro-batches are divided
    by the mini-batch's tokens, so how it is cut changes nothing. `ready` is what the policy says of
    the batch, if it was asked already; then the mini-batch is all of it."""
    tokens = rollout.mask[index].sum()
    totals: dict[str, Tensor] = {}
    parameters = _parameters(optimizer)
    before = [None if p.grad is None else p.grad.clone() for p in parameters]
    if fits(rollout, config):
        index = torch.arange(len(index), device=index.device)  # the rows of `ready` are in order
    for micro in split(index, config.micro_batch_size):
        rows = rollout.rows(micro)
        mask, width = rows.mask, rows.mask.shape[1]
        fixed = targets.rows(micro, width)
        now = evaluate(policy, rows, how) if ready is None else ready.rows(slice(None), width)
        pg, clipped = losses.policy_loss(
            now.logp, fixed.old_logp, fixed.advantages, config.cliprange
        )
        if config.advantage == "gae":
            vf = losses.value_loss(
                now.values, fixed.old_values, fixed.returns, config.cliprange_value
            )
            loss = pg + config.vf_coef * vf
        else:
            vf = torch.zeros_like(pg)
            loss = pg + kl_coef * _kl_loss(now, fixed, theirs.rows(micro, width), how, config)
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


def _kl_loss(
    now: Evaluated, fixed: Targets, theirs: Evaluated, how: Sampling, config: PPOConfig
) -> Tensor:
    """KL(policy || reference) of each token, (B, T), as a loss."""
    if config.kl_penalty == "full":
        how = how.unrestricted
        return full_kl(now.reading.log_p(how), theirs.reading.log_p(how))
    # Half the squared log-ratio: its gradient on the policy's own tokens is that of the KL, which
    # the plain estimator's is not.
    return token_kl(now.logp, fixed.ref_logp, "mse")


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
