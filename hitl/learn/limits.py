"""How far an update may take the policy: from where it began, and from the reference.

Shapes: b completions that are measured, T tokens of the longest, V vocabulary.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from hitl.config.ppo import PPOConfig
from hitl.learn.evaluate import evaluate, split
from hitl.learn.kl import full_kl
from hitl.learn.policy import LanguageModel, Policy
from hitl.learn.rollout import Rollout
from hitl.learn.sampling import Sampling
from hitl.learn.share import ALONE, Share

Snapshot = tuple[dict[str, Any], dict[str, Any]]


def snapshot(policy: Policy, optimizer: torch.optim.Optimizer) -> Snapshot:
    """A copy of the trained weights and the optimizer's state, to go back to."""
    weights = {name: p.detach().clone() for name, p in policy.trained().items()}
    return weights, copy.deepcopy(optimizer.state_dict())


@torch.no_grad()
def restore(policy: Policy, optimizer: torch.optim.Optimizer, before: Snapshot) -> None:
    """Puts a snapshot back, bit for bit."""
    weights, state = before
    for name, parameter in policy.trained().items():
        parameter.copy_(weights[name])
    optimizer.load_state_dict(state)
    optimizer.zero_grad(set_to_none=True)


HALVINGS = 8
"""Tries to shorten a pass that went too far."""

MEASURED = 16
"""Completions that the length of a pass is measured on; bounds the memory of a large batch."""

SEARCHES = 6
"""Halvings of the interval in which the way back to the reference is looked for."""


@dataclass(frozen=True)
class Yardstick:
    """Where the policy stood as the update began: whole distributions on a few completions.

    Estimates from the sampled tokens alone are four times too long here: the passes teach those
    very tokens, and move all others far less.
    """

    share: Share
    """How the completions are divided: rows below are one's own."""
    rows: int
    """Completions in all."""
    tokens: Tensor
    """Of all of them."""
    index: Tensor
    """(b,) places of one's own."""
    rollout: Rollout
    how: Sampling
    micro: int
    """Completions a forward pass."""
    log_p: Tensor
    """(b, T, V)"""
    ref_log_p: Tensor | None
    """(b, T, V) of the reference, where a budget asks for it."""
    began: float
    """Drift as the update began; 0 where no budget asks for it."""

    @classmethod
    @torch.no_grad()
    def at(
        cls,
        policy: Policy,
        reference: LanguageModel,
        rollout: Rollout,
        how: Sampling,
        config: PPOConfig,
        share: Share = ALONE,
    ) -> Yardstick:
        """Set up where `policy` is now, on the first MEASURED rows."""
        every = rollout.every_row[:MEASURED]
        tokens, index = rollout.mask[every].sum(), share.of(every)
        rows, how, micro = rollout.rows(index), how.unrestricted, config.micro_batch_size
        log_p = _distributions(policy, rows, how, micro, share)
        new = cls(share, len(every), tokens, index, rows, how, micro, log_p, None, 0.0)
        if config.kl_control != "budget":
            return new
        theirs = _distributions(reference, rows, how, micro, share)
        return replace(new, ref_log_p=theirs, began=new._drift(log_p, theirs))

    @torch.no_grad()
    def distance(self, policy: Policy) -> float:
        """KL(then || now), exact, mean over positions, nats a token."""
        now = _distributions(policy, self.rollout, self.how, self.micro, self.share)
        total = torch.where(self.rollout.mask, full_kl(self.log_p, now), 0.0).sum()
        self.share.sum(total)
        return float(total / self.tokens)

    @torch.no_grad()
    def drift(self, policy: Policy) -> float:
        """KL(now || reference), exact at each position, mean over completions, nats a sequence.
        0 where no budget asks for it."""
        if self.ref_log_p is None:
            return 0.0
        now = _distributions(policy, self.rollout, self.how, self.micro, self.share)
        return self._drift(now, self.ref_log_p)

    def _drift(self, log_p: Tensor, ref_log_p: Tensor) -> float:
        own = torch.where(self.rollout.mask, full_kl(log_p, ref_log_p), 0.0).sum(1)
        return float(self.share.spread(own, self.index, self.rows).mean())


def _distributions(
    policy: LanguageModel, rollout: Rollout, how: Sampling, micro: int, share: Share
) -> Tensor:
    """(b, T, V) log-probabilities, `micro` rows at a time."""
    with share.agreeing():
        pieces = [
            (index, evaluate(policy, rollout.rows(index), how).log_p)
            for index in split(rollout.every_row, micro)
        ]
    if not pieces:
        return torch.zeros((*rollout.mask.shape, 1), device=rollout.ids.device)
    if len(pieces) == 1:
        return pieces[0][1]
    whole = pieces[0][1].new_zeros((*rollout.mask.shape, pieces[0][1].shape[-1]))
    for index, piece in pieces:
        whole[index, : piece.shape[1]] = piece
    return whole


@torch.no_grad()
def shorten(
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
    moved = {n: p.detach() - before[0][n] for n, p in policy.trained().items()}
    restore(policy, optimizer, before)
    for halving in range(1, HALVINGS + 1):
        for name, parameter in policy.trained().items():
            parameter.copy_(before[0][name] + moved[name] * 0.5**halving)
        if (distance := yardstick.distance(policy)) <= stop_kl:
            return distance
    restore(policy, optimizer, before)
    return None


@torch.no_grad()
def pull_back(
    policy: Policy, reference: LanguageModel, yardstick: Yardstick, room: float, stop_kl: float
) -> bool:
    """Moves the weights straight towards the reference's until the drift is no more than `room`
    nats above where it began, or they are `stop_kl` from there; False when there was no need.

    What was learned keeps its direction and loses length, so that what is learned next has room:
    a policy that is held at its budget goes on learning (interpolation towards the initial
    weights; Ramé et al. 2024, "WARP").
    """
    budget = yardstick.began + room
    if yardstick.drift(policy) <= budget:
        return False
    origin = reference.origin()
    learned = {name: policy.trained()[name].detach() - start for name, start in origin.items()}

    def keep(share: float) -> None:
        for name, start in origin.items():
            policy.trained()[name].copy_(start + share * learned[name])

    low, high = 0.0, 1.0
    for _ in range(SEARCHES):
        middle = (low + high) / 2
        keep(middle)
        if yardstick.drift(policy) <= budget:
            low = middle
        else:
            high = middle
    keep(low)
    while yardstick.distance(policy) > stop_kl and low < 1 - 2**-SEARCHES:
        low = (1 + low) / 2
        keep(low)
    return True
