"""How far an update may take the policy: from where it began, and from the reference.

Shapes: b completions that are measured, T tokens of the longest, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from hitl.config.ppo import PPOConfig
from hitl.learn.along import Search, change, furthest
from hitl.learn.before import Before
from hitl.learn.evaluate import read_all
from hitl.learn.policy import LanguageModel, Policy
from hitl.learn.reading import Compared, Reading, compared, moved
from hitl.learn.rollout import Rollout
from hitl.learn.sampling import Sampling
from hitl.learn.share import ALONE, Share

STEP = Search(near=0.5, goal=0.75, looks=10)
"""For the length of a pass."""

WAY_BACK = Search(near=0.9, goal=0.95, looks=6)
"""For the way back to the reference: each step too far on it costs what was learned."""

MEASURED = 16
"""Completions that the length of a pass is measured on; bounds the memory of a large batch."""

SHORTEST = 2**-6
"""Share of a pass that is looked at first at least: a shorter one could grow, after the rate was
lowered by hand, and its rounding with it."""

LEAST_BACK = 2**-6
"""Share of the way back that is not worth another look, and of what was learned that is always
left."""


@dataclass(frozen=True)
class Look:
    """How far a policy is, at one place."""

    distance: float
    """KL(where the update began || now), exact, mean over positions, nats a token."""
    drift: float
    """KL(now || reference), exact at each position, mean over completions that the policy wrote,
    nats a sequence; 0 where no budget asks for it."""


@dataclass(frozen=True)
class Yardstick:
    """Where the policy stood as the update began: whole distributions on a few completions.

    Estimates from the sampled tokens alone are four times too long here: the passes teach those
    very tokens, and move all others far less.
    """

    share: Share
    """How the completions are divided: what is held below is of one's own."""
    rollout: Rollout
    """All that are measured."""
    mask: Tensor
    """(n, T) of one's own of them."""
    counted: Tensor
    """(n, T) of these, what a drift is measured on."""
    counts: Tensor
    """(b,) bool: the rows of all that are measured that have any of it."""
    how: Sampling
    micro: int
    """Completions a forward pass."""
    log_p: Tensor
    """(n, T, V)"""
    theirs: Reading | None
    """What the reference says of them, where a budget asks for it."""
    began: float
    """Drift as the update began; 0 where no budget asks for it."""

    @torch.no_grad()
    def look(self, policy: LanguageModel) -> Look:
        """How far the policy is now."""
        now = read_all(policy, self.rollout, self.micro, self.share)
        away, apart = moved(self.log_p, now, self.theirs, self.how)
        total = torch.where(self.mask, away, 0.0).sum()
        self.share.sum(total)
        drift = 0.0 if apart is None else self._drift(apart)
        return Look(float(total / self.rollout.mask.sum()), drift)

    def _drift(self, kl: Tensor) -> float:
        """Of exact KL to the reference (n, T): mean over completions that the policy wrote."""
        own = torch.where(self.counted, kl, 0.0).sum(1)
        places = self.share.of(self.rollout.every_row)
        return float(self.share.spread(own, places, len(self.rollout.ids))[self.counts].mean())


@torch.no_grad()
def begin(
    ours: Reading,
    theirs: Reading,
    rollout: Rollout,
    how: Sampling,
    config: PPOConfig,
    share: Share = ALONE,
) -> tuple[Compared, Yardstick]:
    """Where an update begins: what policy and reference say of one's own rows of the rollout, and
    the yardstick, set up there on the first MEASURED rows."""
    first, free = rollout.rows(rollout.every_row[:MEASURED]), how.unrestricted
    places = share.of(first.every_row)
    mask, counted = first.rows(places).mask, first.measured(how.max_new_tokens)
    n, T = mask.shape
    tokens = rollout.tokens[share.of(rollout.every_row), : ours.states.shape[1]]
    said = compared(ours, theirs, tokens, how, n)
    yardstick = Yardstick(
        share, first, mask, counted[places, :T], counted.any(1), free, config.micro_batch_size,
        said.log_p[:, :T], None, 0.0,
    )  # fmt: skip
    if config.kl_control == "budget":
        began = yardstick._drift(said.kl[:n, :T])
        yardstick = replace(yardstick, theirs=theirs.rows(slice(n), T), began=began)
    return said, yardstick


class Line:
    """The straight way between where weights are and where they were, walked without a third copy
    of them: each place is found from the last one."""

    def __init__(self, ends: Sequence[tuple[Tensor, Tensor]]) -> None:
        """(weights, where they were) of each; they are at the end, of length 1."""
        self._ends = ends
        self._length = 1.0

    @torch.no_grad()
    def go(self, length: float) -> None:
        """To the place at that share of the way, above 0: what was left at 0 is lost."""
        if not length > 0:
            raise ValueError("a line is left for good at length 0")
        if length == self._length:
            return
        for now, was in self._ends:
            now.sub_(was).mul_(length / self._length).add_(was)
        self._length = length


@dataclass(frozen=True)
class Kept:
    """What is left of a pass."""

    length: float
    """Share of it; 0: everything was put back."""
    now: Look
    """How far the policy is there."""

    def next_length(self, stop_kl: float) -> float:
        """The share of the next pass that is likely to go as far as it may: batches are alike."""
        if not 0 < self.length < 1:
            return 1.0
        return min(self.length * change(STEP.goal * stop_kl, self.now.distance, 2.0), 1.0)


@torch.no_grad()
def shorten(
    policy: Policy,
    before: Before,
    yardstick: Yardstick,
    stop_kl: float,
    length: float,
) -> Kept:
    """Shortens the pass since `before` until the policy is within `stop_kl` of where the update
    began, if it is not; the share `length` of it is tried first.

    A line search as TRPO's (Schulman et al. 2015, appendix C): a few labels of few tokens make an
    Adam step that is long where it matters, and to throw it away would throw the labels away. The
    optimizer keeps what it saw of the gradient. Without a short enough step everything is put back.
    """
    line, length = Line(before.weights()), max(length, SHORTEST)

    def go(length: float) -> tuple[float, Look]:
        line.go(length)
        now = yardstick.look(policy)
        return now.distance, now

    if found := furthest(go, length, stop_kl, STEP):
        return Kept(found.length, found.seen)
    before.restore()
    return Kept(0.0, yardstick.look(policy))


@torch.no_grad()
def pull_back(
    policy: Policy,
    reference: LanguageModel,
    yardstick: Yardstick,
    now: Look,
    room: float,
    stop_kl: float,
) -> Look | None:
    """Moves the weights straight towards the reference's until the drift is no more than `room`
    nats above where it began, or they are `stop_kl` from there. `now` is how far the policy is;
    returned is how far it is after that, None when there was no need.

    What was learned keeps its direction and loses length, so that what is learned next has room:
    a policy that is held at its budget goes on learning (interpolation towards the initial
    weights; Ramé et al. 2024, "WARP").
    """
    budget = yardstick.began + room
    if now.drift <= budget:
        return None
    origin = reference.origin()
    line = Line([(policy.trained()[name], start) for name, start in origin.items()])

    def go(share: float) -> tuple[float, Look]:
        line.go(share)
        now = yardstick.look(policy)
        return now.drift, now

    first = change(WAY_BACK.goal * budget, now.drift, 2.0)
    found = furthest(go, first, budget, WAY_BACK, now.drift) if budget > 0 else None
    share, now = (LEAST_BACK, go(LEAST_BACK)[1]) if found is None else (found.length, found.seen)
    while now.distance > stop_kl and share < 1 - LEAST_BACK:
        share = (1 + share) / 2
        now = go(share)[1]
    return now
