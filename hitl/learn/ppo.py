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
from hitl.learn.before import Before
from hitl.learn.evaluate import Evaluated, evaluate_rows
from hitl.learn.kl import full_kl, token_kl
from hitl.learn.limits import Kept, Yardstick, pull_back, shorten
from hitl.learn.masked import whiten
from hitl.learn.pieces import whole
from hitl.learn.policy import LanguageModel, Policy
from hitl.learn.rollout import Rollout
from hitl.learn.sampling import Sampling
from hitl.learn.share import ALONE, Share
from hitl.learn.spare import give_back

TOGETHER = 1 << 22
"""Weights that take their step together, and the last of them whole."""


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
    left_out: int
    """Gradient steps that taught nothing, for their mean ratio was above the threshold."""
    steps: int
    """All that were made."""
    next_length: float
    """Share of the next update's first pass that is likely to go as far as it may."""


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
    yardstick: Yardstick,
    how: Sampling,
    config: PPOConfig,
    kl_coef: float,
    room: float,
    order: Callable[[int], Tensor],
    on_step: Callable[[int, int], None],
    share: Share = ALONE,
    began: Before | None = None,
    length: float = 1.0,
) -> Outcome:
    """The passes over the batch. `start` is what the policy says before of one's own rows, from
    where `yardstick` measures; `room` is what is left of a KL budget, nats a sequence;
    `order(epoch)` is a permutation of the rows, (B,). `began` is where the caller goes back to, if
    it may: all weights are kept in it, and the first pass makes no other copy. `length` is the
    share of the first pass that is likely to go as far as it may.

    Raises NonFiniteUpdateError before a bad gradient reaches the weights.
    """
    per_epoch = -(-len(rollout.ids) // config.mini_batch_size)
    steps: list[dict[str, float]] = []
    fitting = fits(rollout, config, share)
    ready: Evaluated | None = start if fitting else None
    kept: Kept | None = None
    epochs, stopped = 0, False
    while epochs < config.ppo_epochs and not stopped:
        before = began if epochs == 0 else None
        if before is None and config.stop_kl is not None:
            before = Before(optimizer)
        taken = len(steps)
        index = order(epochs).to(rollout.ids.device)
        # Where the batch is one piece its order says nothing, and the rows of `start` are in order.
        minis = [rollout.every_row] if fitting else list(torch.split(index, config.mini_batch_size))
        for number, mini in enumerate(minis, 1):
            steps.append(
                _accumulate(
                    policy,
                    reference,
                    optimizer,
                    rollout,
                    targets,
                    mini,
                    ready,
                    how,
                    config,
                    kl_coef,
                    share,
                )
            )
            ready = None  # its way back is behind it, and the weights are to move
            if number % config.gradient_accumulation_steps == 0 or number == len(minis):
                _optimizer_step(optimizer, before, config.max_grad_norm, steps[-1], share)
            on_step(len(steps), per_epoch * config.ppo_epochs)
        if began is not None:  # those too that had no gradient: another pass may move them
            began.keep(policy.trained().values())
        if before is not None and config.stop_kl is not None:
            likely = length if epochs == 0 else 1.0
            kept = shorten(policy, before, yardstick, config.stop_kl, likely)
            stopped = kept.length < 1
            if kept.length == 0:
                del steps[taken:]
                break
        epochs += 1
        if config.early_stopping and steps[-1]["policy_kl"] > 1.5 * config.early_stop_kl:
            break
    now = kept.now if kept is not None else yardstick.look(policy)
    pulled, drifted = False, 0.0
    limit = math.inf if config.stop_kl is None else config.stop_kl
    if config.kl_control == "budget":
        if back := pull_back(policy, reference, yardstick, now, room, limit):
            pulled, now = True, back
        drifted = now.drift - yardstick.began

    def mean(key: str) -> float:
        given = [step[key] for step in steps if key in step]
        return sum(given) / len(given) if given else 0.0

    return Outcome(
        policy_loss=mean("policy_loss"),
        value_loss=mean("value_loss"),
        entropy=mean("entropy"),
        clip_fraction=mean("clip_fraction"),
        gradient_norm=mean("gradient_norm"),
        step_kl=now.distance,
        epochs=epochs,
        stopped=stopped,
        pulled=pulled,
        drifted=drifted,
        left_out=sum(step["ratio"] > config.ratio_threshold for step in steps),
        steps=len(steps),
        next_length=kept.next_length(limit) if kept is not None and epochs == 1 else 1.0,
    )


def fits(rollout: Rollout, config: PPOConfig, share: Share) -> bool:
    """Whether one forward pass holds each share's part of the batch, and one gradient step is made
    of all of it. The same for every share."""
    rows = len(rollout.ids)
    return -(-rows // share.size) <= config.micro_batch_size and rows <= config.mini_batch_size


_STATS = ("policy_loss", "value_loss", "entropy", "clip_fraction", "ratio", "policy_kl")


def _accumulate(
    policy: Policy,
    reference: LanguageModel,
    optimizer: torch.optim.Optimizer,
    rollout: Rollout,
    targets: Targets,
    index: Tensor,
    ready: Evaluated | None,
    how: Sampling,
    config: PPOConfig,
    kl_coef: float,
    share: Share,
) -> dict[str, float]:
    """Adds the gradient of one's own rows of the mini-batch `index`; the stats of all of it. Sums
    over micro-batches are divided by the mini-batch's tokens, so how it is cut changes nothing.
    `ready` is what the policy says of one's own rows, if it was asked already."""
    tokens = rollout.mask[index].sum()
    totals = torch.zeros(len(_STATS), device=rollout.ids.device)
    parameters = _parameters(optimizer)
    had = [None if p.grad is None else p.grad.clone() for p in parameters]
    with share.agreeing():
        for micro in share.passes(index, config.micro_batch_size):
            mask = rollout.rows(micro).mask
            width = mask.shape[1]
            fixed = targets.rows(micro, width)
            if ready is None:
                now = evaluate_rows(policy, rollout, micro, how)
            else:
                now = ready.rows(slice(None), width)
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
                kl = _kl_loss(now, fixed, reference, rollout, micro, how, config)
                loss = pg + kl_coef * kl
            count = tokens * config.gradient_accumulation_steps
            (torch.where(mask, loss, 0.0).sum() / count).backward()  # type: ignore[no-untyped-call]
            moved = (now.logp - fixed.old_logp).detach()
            said = (pg, vf, now.entropy, clipped.float(), torch.exp(moved), -moved)
            parts = [torch.where(mask, value.detach(), 0.0).sum() / tokens for value in said]
            totals = totals + torch.stack(parts)
    share.sum(totals)
    stats = dict(zip(_STATS, totals.tolist(), strict=True))
    if bad := [key for key, value in stats.items() if not math.isfinite(value)]:
        raise NonFiniteUpdateError(f"{', '.join(bad)} became NaN or infinite")
    if stats["ratio"] > config.ratio_threshold:
        for parameter, gradient in zip(parameters, had, strict=True):
            parameter.grad = torch.zeros_like(parameter) if gradient is None else gradient
        stats["policy_loss"] = stats["value_loss"] = 0.0
    return stats


def _kl_loss(
    now: Evaluated,
    fixed: Targets,
    reference: LanguageModel,
    rollout: Rollout,
    index: Tensor,
    how: Sampling,
    config: PPOConfig,
) -> Tensor:
    """KL(policy || reference) of each token of the rows `index` (b,), (b, T), as a loss."""
    if config.kl_penalty == "full":
        how = how.unrestricted
        with torch.no_grad():
            theirs = evaluate_rows(reference, rollout, index, how).reading.log_p(how)
        return full_kl(now.reading.log_p(how), theirs)
    # Half the squared log-ratio: its gradient on the policy's own tokens is that of the KL, which
    # the plain estimator's is not.
    return token_kl(now.logp, fixed.ref_logp, "mse")


def _optimizer_step(
    optimizer: torch.optim.Optimizer,
    before: Before | None,
    max_norm: float | None,
    stats: dict[str, float],
    share: Share,
) -> None:
    """Adds up, clips, checks and applies the gradient; its norm goes into `stats`. What moves is
    kept in `before`."""
    parameters = _parameters(optimizer)
    share.sum_gradients(parameters)
    limit = max_norm if max_norm is not None else math.inf
    norm = float(whole(nn.utils.clip_grad_norm_(parameters, limit)))
    if not math.isfinite(norm):
        raise NonFiniteUpdateError("the gradient became NaN or infinite")
    stats["gradient_norm"] = norm
    if before is not None:
        give_back(parameters)  # what the way back has left would be there beside the copies
    # Some weights after others: as copies of them come, to go back to, gradients go. Embeddings, of
    # which there are most, come first: while the fewest copies are there.
    gradients = [(p, p.grad) for p in reversed(parameters) if p.grad is not None]
    optimizer.zero_grad(set_to_none=True)
    with share.agreeing():
        while gradients:
            some, many = list[Tensor](), 0
            while gradients and many < TOGETHER:
                parameter, gradient = gradients.pop()
                parameter.grad = gradient
                some.append(parameter)
                many += parameter.numel()
            del gradient
            if before is not None:
                before.keep(some)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)


def _parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [p for group in optimizer.param_groups for p in group["params"]]
