"""Online DPO (Guo et al. 2024, arXiv:2402.04792) from a judge's rankings or scores: a peer.

Each batch of groups is written by the policy as it is, and learned from once: the DPO loss of
every pair of a group that the judge put in an order, against the base policy.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F

from hitl.config.session import SessionConfig
from hitl.learn.build import build
from hitl.learn.evaluate import evaluate, evaluate_all
from hitl.learn.rollout import rollout_of
from hitl.learn.sampling import Sampling, sample_groups
from hitl.learn.share import ALONE
from hitl.operator import Desk
from hitl.prompts import draw, prompts_of
from hitl.records import Group, Judgement, LabelledGroup, Mode, Prompt
from hitl.rewards import labelled
from hitl.simulate import SimulatedOperator

BETA = 0.1
"""How firmly it is held to the base policy: that of the paper, and TRL's."""

MICRO = 32
"""Completions a pass of the reference."""


class OnlineDPO:
    """A policy that is taught so."""

    def __init__(self, source: Path | str, config: SessionConfig) -> None:
        """Takes policy, language, judging mode, seed, rate and the sizes of groups and batches."""
        made = build(source, config, torch.device("cpu"), ALONE, lambda *done: None)
        self._policy, self._reference, self._codec = made.policy, made.reference, made.codec
        self._optimizer = torch.optim.Adam(made.policy.trained().values(), lr=config.ppo.lr)
        self._config = config
        self._how = Sampling(config.max_new_tokens, 1.0, 0, 1.0)
        self._texts = prompts_of(config)
        self._groups = 0
        self.judgements: list[Judgement] = []

    def sample(self, prompts: Sequence[Prompt], group_size: int, seed: int) -> list[Group]:
        """Groups of what the policy writes."""
        with self._policy.writing() as model:
            return sample_groups(
                model, self._codec, prompts, group_size, self._how, seed, 0, lambda tokens: None
            )

    def sequence_kl(self, groups: Sequence[Group]) -> float:
        """Mean over completions of log p - log p_ref, nats, of what the policy wrote."""
        unjudged = [LabelledGroup(g, (0.0,) * len(g.completions), "", Mode.SCORE) for g in groups]
        rollout = rollout_of(unjudged, self._codec.pad_id, self._policy.device)
        theirs = evaluate_all(self._reference, rollout, self._how, MICRO).logp
        moved = torch.where(rollout.mask, rollout.old_logp - theirs, 0.0)
        return float(moved.sum(1).mean())

    def learn(self, judge: SimulatedOperator) -> None:
        """Batch by batch, until the judge leaves."""
        batch: list[LabelledGroup] = []
        while isinstance(judgement := judge.judge(desk := self._desk()), Judgement):
            self._groups += 1
            self.judgements.append(judgement)
            if judgement.labels:
                batch.append(labelled(desk.group, judgement))
            if sum(len(group.rewards) for group in batch) >= self._config.batch_size:
                self._step(batch)
                batch = []

    def _desk(self) -> Desk:
        """With the next group on it."""
        config = self._config
        prompt = draw(self._texts, config.seed, self._groups + 1)
        [group] = self.sample([prompt], config.group_size, config.seed)
        shown = tuple(range(config.group_size))
        return Desk(group, Mode(config.mode), shown, 0, None, 0, None, lambda draft: None)

    def _step(self, batch: Sequence[LabelledGroup]) -> None:
        """-log σ(β (log-ratio of the better - log-ratio of the worse)), mean over pairs."""
        rollout = rollout_of(batch, self._codec.pad_id, self._policy.device)
        score, group = rollout.score.tolist(), rollout.group.tolist()
        pairs = [
            (one, other)
            for one, other in itertools.permutations(range(len(score)), 2)
            if group[one] == group[other] and score[one] > score[other]
        ]
        if not pairs:
            return
        theirs = evaluate_all(self._reference, rollout, self._how, MICRO).logp
        now = evaluate(self._policy, rollout, self._how).logp
        ratio = torch.where(rollout.mask, now - theirs, 0.0).sum(1)
        better, worse = torch.tensor(pairs).T
        loss = -F.logsigmoid(BETA * (ratio[better] - ratio[worse])).mean()
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
